//! `/etc/hosts`: addresses with their names (hosts(5)).

use std::collections::HashMap;
use std::net::SocketAddr;

use super::address;

/// The size of the largest file that is read, in bytes.
pub const LARGEST: u64 = 32 << 20;

/// The addresses of each name.
#[derive(Clone, Debug, Default)]
pub struct HostsFile(HashMap<Box<str>, Vec<SocketAddr>>);

impl HostsFile {
    /// Reads the file. Lines without a valid address are left out.
    pub fn parse(text: &str) -> HostsFile {
        let mut hosts = HostsFile::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(address) = words.next().and_then(address) else { continue };
            for name in words {
                hosts.0.entry(key(name)).or_default().push(address);
            }
        }
        hosts
    }

    /// Returns the addresses of a name, in the order of the file, with port 0.
    pub fn find(&self, name: &str) -> &[SocketAddr] {
        self.0.get(&key(name)).map_or(&[], |addresses| addresses)
    }
}

/// Returns a name in lower case, without a final dot.
fn key(name: &str) -> Box<str> {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_several_addresses_of_both_families() {
        let hosts = HostsFile::parse(
            "127.0.0.1 localhost\n# 192.0.2.9 none\n192.0.2.1\tone.test One alias# comment\n\
             2001:db8::1  ONE.TEST\r\n192.0.2.2 one.test.\n300.0.0.1 bad\nnothing\n192.0.2.3\n\
             fe80::1%3 near\n",
        );
        let find = |name: &str| hosts.find(name).iter().map(|it| it.ip().to_string()).collect::<Vec<_>>();
        assert_eq!(find("one.test"), ["192.0.2.1", "2001:db8::1", "192.0.2.2"]);
        assert_eq!(find("One.Test."), find("one.test"));
        assert_eq!((find("one"), find("ALIAS")), (vec!["192.0.2.1".into()], vec!["192.0.2.1".into()]));
        assert_eq!(hosts.find("near"), ["[fe80::1%3]:0".parse().expect("an address")]);
        for name in ["none", "bad", "nothing", "comment", "", "192.0.2.3"] {
            assert!(hosts.find(name).is_empty(), "{name}");
        }
    }
}

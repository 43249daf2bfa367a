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
    use proptest::prelude::*;

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

    #[test]
    fn odd_files_are_read_as_far_as_they_can_be() {
        let find = |text: &str, name: &str| -> Vec<String> {
            HostsFile::parse(text).find(name).iter().map(|it| it.ip().to_string()).collect()
        };
        // Without the last line end, and with other line ends and blanks.
        assert_eq!(find("192.0.2.1 a", "a"), ["192.0.2.1"]);
        assert_eq!(find("\t192.0.2.1\t \ta\t\r\n  192.0.2.2 b\r\n", "b"), ["192.0.2.2"]);
        // A line that is given twice, and a name twice on a line.
        assert_eq!(find("192.0.2.1 a a\n192.0.2.1 a\n", "a").len(), 3);
        for bad in [
            "192.0.2.1:53 a",
            "[::1] a",
            "fe80::1%no-such-one a",
            "192.0.2 a",
            "a 192.0.2.1",
            "\u{fffd} a",
            "#192.0.2.1 a",
            "192.0.2.1#a",
        ] {
            assert!(find(bad, "a").is_empty(), "{bad:?}");
        }
        let long = format!("192.0.2.1 {} last\n192.0.2.2 last\n", "x".repeat(100_000));
        assert_eq!(find(&long, "last"), ["192.0.2.1", "192.0.2.2"]);
        let names: String = (0..10_000).map(|number| format!(" n{number}")).collect();
        assert_eq!(find(&format!("::1{names}"), "N9999."), ["::1"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([0-9.:a-f%]{0,12}[ \t#\r\n]{0,2}[a-zA-Z.]{0,4}|\\PC{0,9}){0,20}") {
            let hosts = HostsFile::parse(&text);
            for name in text.split_ascii_whitespace() {
                prop_assert!(hosts.find(name).iter().all(|address| address.port() == 0));
                prop_assert_eq!(hosts.find(name), hosts.find(&name.to_ascii_uppercase()));
            }
        }
    }
}

//! The names that this machine knows without asking a name server, and those that only its own resolver can resolve.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::hosts::{self, HostsFile};
use super::resolv_conf::{Overrides, ResolvConf};

/// The file that names the name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The files of the system.
pub struct LocalNames {
    pub conf: ResolvConf,
    hosts: HostsFile,
    /// True if the system has sources of names besides files and DNS.
    has_other_sources: bool,
}

/// The way to resolve a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It has these addresses, with port 0.
    Known(Vec<SocketAddr>),
    /// It does not exist.
    Nowhere,
    NameServers,
    System,
}

impl LocalNames {
    /// Reads the files. Returns `None` if only the system's resolver knows how to resolve names here.
    pub fn of_system() -> Option<LocalNames> {
        // Elsewhere, the file is only a part of the settings.
        if !cfg!(target_os = "linux") {
            return None;
        }
        let conf = read(RESOLV_CONF).ok()?;
        let hosts = match read("/etc/hosts") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            hosts => hosts.ok()?,
        };
        let switch = read("/etc/nsswitch.conf").unwrap_or_default();
        let host_name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let overrides = Overrides {
            local_domain: env::var("LOCALDOMAIN").ok(),
            options: env::var("RES_OPTIONS").ok(),
            host_name: host_name.trim().to_owned(),
        };
        LocalNames::new(&conf, &hosts, &switch, &overrides)
    }

    fn new(conf: &str, hosts: &str, switch: &str, overrides: &Overrides) -> Option<LocalNames> {
        let sources = sources(switch);
        sources.iter().any(|source| source == "dns").then(|| LocalNames {
            conf: ResolvConf::parse(conf, overrides),
            hosts: HostsFile::parse(hosts),
            has_other_sources: sources.iter().any(|source| source != "dns" && source != "files"),
        })
    }

    /// Returns how to resolve a name whose address must fit.
    pub fn source(&self, name: &str, fits: impl Fn(&SocketAddr) -> bool) -> Source {
        let plain = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_below = |domain: &str| {
            plain.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        // RFC 6761, section 6.3: never sent.
        if is_below("localhost") {
            return Source::Known(vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]);
        }
        let known = self.hosts.find(&plain);
        if known.iter().any(fits) {
            return Source::Known(known.to_vec());
        }
        // RFC 6761, section 6.4: it never exists.
        if is_below("invalid") {
            return Source::Nowhere;
        }
        // RFC 6762, section 3: these are for multicast DNS. A name without dots may be one of this machine or its
        // containers.
        let is_systems = is_below("local") || (self.has_other_sources && !plain.contains('.'));
        if is_systems { Source::System } else { Source::NameServers }
    }
}

/// Returns the name servers of this machine: without any, itself.
pub fn system_servers() -> Vec<SocketAddr> {
    let text = read(RESOLV_CONF).unwrap_or_default();
    ResolvConf::parse(&text, &Overrides::default()).servers
}

/// Returns the sources of host names in nsswitch.conf(5), by default those of glibc.
fn sources(switch: &str) -> Vec<String> {
    let lines = switch.lines().map(|line| line.split('#').next().unwrap_or_default());
    let hosts = lines.filter_map(|line| line.trim_start().strip_prefix("hosts:")).next();
    let mut sources = vec![];
    let mut is_action = false;
    for word in hosts.unwrap_or("files dns").replace('[', " [").replace(']', "] ").split_ascii_whitespace() {
        is_action |= word.starts_with('[');
        if !is_action {
            sources.push(word.to_owned());
        }
        is_action &= !word.ends_with(']');
    }
    sources
}

/// Reads a text file that is not too large.
fn read(path: &str) -> io::Result<String> {
    let mut bytes = vec![];
    File::open(path)?.take(hosts::LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > hosts::LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "192.0.2.1 one.test printer.local\n";

    fn local(switch: &str) -> Option<LocalNames> {
        LocalNames::new("", HOSTS, switch, &Overrides::default())
    }

    #[test]
    fn names_of_files_are_known_and_localhost_is_never_sent() {
        let local = local("").expect("the defaults have dns");
        let source = |name: &str| local.source(name, SocketAddr::is_ipv4);
        let loopback = Source::Known(vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]);
        for name in ["localhost", "LocalHost.", "a.localhost"] {
            assert_eq!(source(name), loopback, "{name}");
        }
        let known = Source::Known(vec![([192, 0, 2, 1], 0).into()]);
        assert_eq!((source("ONE.test."), source("printer.local")), (known.clone(), known));
        assert_eq!(local.source("one.test", SocketAddr::is_ipv6), Source::NameServers);
        assert_eq!((source("other.local"), source("host")), (Source::System, Source::NameServers));
        assert_eq!((source("a.invalid."), source("invalid.test")), (Source::Nowhere, Source::NameServers));
        assert_eq!(
            (source("notlocalhost"), source("a.notlocal")),
            (Source::NameServers, Source::NameServers)
        );
    }

    #[test]
    fn nsswitch_decides_who_resolves() {
        assert!(local("hosts: files\n").is_none());
        assert!(local("hosts: files mymachines resolve\n").is_none());
        assert!(local("hosts: files # dns\n").is_none());
        let switch = "passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns[!UNAVAIL=return]\n";
        assert_eq!(sources(switch), ["files", "mdns4_minimal", "dns"]);
        let local = local(switch).expect("dns");
        assert_eq!(local.source("box", SocketAddr::is_ipv4), Source::System);
        assert_eq!(local.source("box.test", SocketAddr::is_ipv4), Source::NameServers);
    }
}

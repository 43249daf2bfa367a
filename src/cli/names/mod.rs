//! Host names: their addresses, looked up without holding up anything else.
//!
//! [`Resolver`] chooses the way · `local` names that this machine knows, from its files: `hosts`, `resolv_conf` · `dns`
//! name servers, with the names to try from `search` · `system` the system's resolver, in a few threads.

mod dns;
mod hosts;
mod local;
mod resolv_conf;
mod search;
mod system;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use allears::protocol::reserved::why_no_host;

use clap::ValueEnum;

use super::targets;
use dns::DnsResolver;
pub use local::system_servers;
use local::{LocalNames, Source};
use system::SystemResolver;

/// The maximum number of names that wait until they can be resolved.
const MOST_WAITING: usize = 16_384;
/// The reason if a name does not exist.
const NO_SUCH_NAME: &str = "no such name";

/// A host name, to be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// The target as typed, with the port if it has one.
    pub input: Arc<str>,
    pub name: String,
    pub port: u16,
}

/// The family of addresses that a sweep is restricted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Ipv4,
    Ipv6,
}

/// The way in which names are resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ResolverKind {
    /// The name servers of /etc/resolv.conf, thousands of names at a time
    #[default]
    Dns,
    /// The system's resolver, eight names at a time
    System,
}

/// The rules for names.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameRules {
    pub resolver: ResolverKind,
    /// Maximum packets per second to name servers; `None` for no limit but that of each server.
    pub rate: Option<f64>,
    /// The only family, if there is one.
    pub family: Option<Family>,
    /// True to take every address of a name. Otherwise the first one is taken, IPv4 before IPv6: few game servers and
    /// agents reply only over IPv6.
    pub all: bool,
}

/// The addresses of a name, at least one; or the reason why there is none.
pub type Resolved = Result<Vec<SocketAddr>, String>;

/// Receives the addresses of a name. Fails if the sweep was stopped.
pub type Deliver = Box<dyn FnOnce(Resolved) -> Result<(), Stopped> + Send>;

/// The error if the sweep was stopped.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped;

/// Resolves names, many at a time.
pub struct Resolver {
    rules: NameRules,
    system: SystemResolver,
    dns: NameServers,
}

/// The name servers of this machine.
enum NameServers {
    /// Nothing has been read: there was no name.
    Unread,
    Asked(Box<LocalNames>, DnsResolver),
    /// The system's resolver is used for all names.
    Unused,
}

impl Family {
    pub fn has(self, address: &SocketAddr) -> bool {
        address.is_ipv6() == (self == Family::Ipv6)
    }

    /// Returns the family's name.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        }
    }
}

impl NameRules {
    /// Returns whether an address is of the only family.
    pub fn fits(&self, address: &SocketAddr) -> bool {
        self.family.is_none_or(|family| family.has(address))
    }

    /// Chooses among the addresses of a name.
    fn choose(&self, found: Vec<SocketAddr>) -> Resolved {
        let fits = |address: &SocketAddr| self.fits(address);
        let (hosts, others): (Vec<_>, Vec<_>) =
            found.into_iter().filter(fits).partition(|address| why_no_host(address.ip()).is_none());
        let mut chosen: Vec<SocketAddr> = vec![];
        for address in hosts {
            if !chosen.contains(&address) {
                chosen.push(address);
            }
        }
        chosen.sort_by_key(SocketAddr::is_ipv6);
        if !self.all {
            chosen.truncate(1);
        }
        match others.first() {
            _ if !chosen.is_empty() => Ok(chosen),
            Some(other) => Err(format!("it resolves to {}, which is not a host's address", other.ip())),
            None => Err(self.no_address()),
        }
    }

    fn no_address(&self) -> String {
        let mut reason = String::from("it has no ");
        if let Some(family) = self.family {
            let _ = write!(reason, "{} ", family.name());
        }
        reason + "address"
    }
}

impl Resolver {
    pub fn new(rules: NameRules) -> Resolver {
        let dns = match rules.resolver {
            ResolverKind::Dns => NameServers::Unread,
            ResolverKind::System => NameServers::Unused,
        };
        Resolver { rules, system: SystemResolver::default(), dns }
    }

    /// Resolves names by `lookup` instead of the system's resolver.
    #[cfg(test)]
    pub fn with_lookup(lookup: impl Fn(&str, u16) -> Resolved + Send + Sync + 'static) -> Resolver {
        let (rules, system) = (NameRules::default(), SystemResolver::new(Arc::new(lookup)));
        Resolver { rules, system, dns: NameServers::Unused }
    }

    /// Starts to resolve a name, whose addresses are then delivered: at once if this machine knows them, otherwise by
    /// another thread. Blocks while too many names wait.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn resolve(&mut self, name: HostName, deliver: Deliver) -> Result<(), Stopped> {
        if let NameServers::Unread = self.dns {
            self.dns = NameServers::of_system(self.rules);
        }
        let NameServers::Asked(local, dns) = &self.dns else { return self.ask_system(name, deliver) };
        let rules = self.rules;
        match local.source(&name.name, |address| rules.fits(address)) {
            Source::Known(mut addresses) => {
                addresses.iter_mut().for_each(|address| address.set_port(name.port));
                deliver(rules.choose(addresses))
            }
            Source::Nowhere => deliver(Err(NO_SUCH_NAME.into())),
            Source::NameServers => dns.resolve(name, deliver),
            Source::System => self.ask_system(name, deliver),
        }
    }

    fn ask_system(&mut self, name: HostName, deliver: Deliver) -> Result<(), Stopped> {
        let (rules, lookup) = (self.rules, self.system.lookup());
        self.system.run(Box::new(move || {
            let found = lookup(&name.name, name.port);
            deliver(found.and_then(|found| rules.choose(found)))
        }))
    }
}

impl NameServers {
    /// Reads the settings of this machine. If name servers are not all that it uses, or cannot be asked, the system's
    /// resolver is used.
    fn of_system(rules: NameRules) -> NameServers {
        let Some(local) = LocalNames::of_system() else { return NameServers::Unused };
        match DnsResolver::start(&local.conf, rules) {
            Ok(dns) => NameServers::Asked(Box::new(local), dns),
            Err(_) => NameServers::Unused,
        }
    }
}

/// Parses an address of one of the files, which may have a zone. Its port is 0.
fn address(text: &str) -> Option<SocketAddr> {
    match text.split_once('%') {
        Some((ip, zone)) => targets::zoned(ip, zone, 0).ok(),
        None => Some((text.parse::<IpAddr>().ok()?, 0).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(rules: NameRules, found: &[&str]) -> Result<Vec<String>, String> {
        let found = found.iter().map(|address| address.parse().expect("an address")).collect();
        rules.choose(found).map(|chosen| chosen.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_first_address_is_chosen_ipv4_before_ipv6() {
        let found = ["[2001:db8::1]:7", "0.0.0.0:7", "192.0.2.2:7", "192.0.2.1:7", "192.0.2.2:7"];
        let rules = |family, all| NameRules { family, all, ..NameRules::default() };
        let texts = |texts: &[&str]| Ok(texts.iter().map(ToString::to_string).collect());
        assert_eq!(chosen(rules(None, false), &found), texts(&["192.0.2.2:7"]));
        assert_eq!(chosen(rules(Some(Family::Ipv6), false), &found), texts(&["[2001:db8::1]:7"]));
        let all = ["192.0.2.2:7", "192.0.2.1:7", "[2001:db8::1]:7"];
        assert_eq!(chosen(rules(None, true), &found), texts(&all));
        assert_eq!(chosen(rules(Some(Family::Ipv4), true), &found), texts(&all[..2]));
    }

    #[test]
    fn a_name_without_a_hosts_address_has_a_reason() {
        let rules = |family| NameRules { family, ..NameRules::default() };
        assert_eq!(chosen(rules(None), &[]), Err("it has no address".into()));
        assert_eq!(chosen(rules(Some(Family::Ipv6)), &["192.0.2.1:7"]), Err("it has no IPv6 address".into()));
        let blocked = chosen(rules(None), &["0.0.0.0:7"]);
        assert_eq!(blocked, Err("it resolves to 0.0.0.0, which is not a host's address".into()));
    }
}

//! Host names: their addresses, looked up without holding up anything else.
//!
//! `system` the system's resolver, in a few threads.

mod system;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use allears::protocol::reserved::why_no_host;

use system::SystemResolver;

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

/// The rules for names.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameRules {
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
    /// Chooses among the addresses of a name.
    fn choose(&self, found: Vec<SocketAddr>) -> Resolved {
        let fits = |address: &SocketAddr| self.family.is_none_or(|family| family.has(address));
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
        Resolver { rules, system: SystemResolver::default() }
    }

    /// Resolves names by `lookup` instead of the system's resolver.
    #[cfg(test)]
    pub fn with_lookup(lookup: impl Fn(&str, u16) -> Resolved + Send + Sync + 'static) -> Resolver {
        Resolver { rules: NameRules::default(), system: SystemResolver::new(Arc::new(lookup)) }
    }

    /// Starts to resolve a name, whose addresses another thread then delivers. Blocks while too many names wait.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn resolve(&mut self, name: HostName, deliver: Deliver) -> Result<(), Stopped> {
        let (rules, lookup) = (self.rules, self.system.lookup());
        self.system.run(Box::new(move || {
            let found = lookup(&name.name, name.port);
            deliver(found.and_then(|found| rules.choose(found)))
        }))
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
        let rules = |family, all| NameRules { family, all };
        let texts = |texts: &[&str]| Ok(texts.iter().map(ToString::to_string).collect());
        assert_eq!(chosen(rules(None, false), &found), texts(&["192.0.2.2:7"]));
        assert_eq!(chosen(rules(Some(Family::Ipv6), false), &found), texts(&["[2001:db8::1]:7"]));
        let all = ["192.0.2.2:7", "192.0.2.1:7", "[2001:db8::1]:7"];
        assert_eq!(chosen(rules(None, true), &found), texts(&all));
        assert_eq!(chosen(rules(Some(Family::Ipv4), true), &found), texts(&all[..2]));
    }

    #[test]
    fn a_name_without_a_hosts_address_has_a_reason() {
        let rules = |family| NameRules { family, all: false };
        assert_eq!(chosen(rules(None), &[]), Err("it has no address".into()));
        assert_eq!(chosen(rules(Some(Family::Ipv6)), &["192.0.2.1:7"]), Err("it has no IPv6 address".into()));
        let blocked = chosen(rules(None), &["0.0.0.0:7"]);
        assert_eq!(blocked, Err("it resolves to 0.0.0.0, which is not a host's address".into()));
    }
}

//! Parses targets: an address, a network, a range or a host name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use allears::protocol::reserved::why_no_host;
use ipnet::IpNet;

use super::interfaces;
use super::names::{Family, HostName};

/// The maximum size of a network or range in addresses: all of IPv4.
const MAX_SPAN: u128 = 1 << 32;

/// The reason why a target without a port is rejected.
pub const NO_PORT: &str = "no port: write HOST:PORT or [v6]:PORT";

/// A parsed target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One or more addresses.
    Span(Span),
    Name(HostName),
}

/// Consecutive addresses with one port. Yields them one by one, so a /8 takes no more memory than a single address.
/// Yields IPv4 addresses in IPv6 notation as IPv4, and skips addresses that no host can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    V4 { next: u32, left: u64, port: u16 },
    V6 { next: u128, left: u64, port: u16, scope: u32 },
}

impl From<SocketAddr> for Span {
    fn from(address: SocketAddr) -> Span {
        let port = address.port();
        match address {
            SocketAddr::V4(v4) => Span::V4 { next: v4.ip().to_bits(), left: 1, port },
            SocketAddr::V6(v6) => Span::V6 { next: v6.ip().to_bits(), left: 1, port, scope: v6.scope_id() },
        }
    }
}

impl Span {
    /// Returns the next address; `None` at the end.
    fn peek(&self) -> Option<SocketAddr> {
        match *self {
            Span::V4 { left: 0, .. } | Span::V6 { left: 0, .. } => None,
            Span::V4 { next, port, .. } => Some(SocketAddrV4::new(Ipv4Addr::from_bits(next), port).into()),
            Span::V6 { next, port, scope, .. } => {
                let v6 = Ipv6Addr::from_bits(next);
                Some(match v6.to_ipv4_mapped() {
                    Some(v4) => SocketAddrV4::new(v4, port).into(),
                    None => SocketAddrV6::new(v6, port, 0, scope).into(),
                })
            }
        }
    }

    /// Returns whether its first address is of this family.
    pub fn is_of(&self, family: Family) -> bool {
        self.peek().is_none_or(|address| family.has(&address))
    }

    fn skip_addresses(&mut self, count: u64) {
        match self {
            Span::V4 { next, left, .. } => {
                let count = count.min(*left);
                (*next, *left) = (next.wrapping_add(count as u32), *left - count);
            }
            Span::V6 { next, left, .. } => {
                let count = count.min(*left);
                (*next, *left) = (next.wrapping_add(count.into()), *left - count);
            }
        }
    }
}

impl Iterator for Span {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        loop {
            let address = self.peek()?;
            match count_non_hosts_from(address.ip()) {
                0 => {
                    self.skip_addresses(1);
                    return Some(address);
                }
                count => self.skip_addresses(count),
            }
        }
    }
}

/// Returns how many addresses from this one on cannot be a host's.
fn count_non_hosts_from(ip: IpAddr) -> u64 {
    match ip {
        _ if why_no_host(ip).is_none() => 0,
        IpAddr::V4(v4) if v4.is_multicast() => u64::from(0xf000_0000 - v4.to_bits()),
        // Multicast addresses are the last of all IPv6 addresses.
        IpAddr::V6(v6) if v6.is_multicast() => u64::MAX,
        _ => 1,
    }
}

/// Parses `HOST`, `HOST:PORT`, `[v6]:PORT`, `10.0.0.0/24`, `10.0.0.0/24:PORT`,
/// `10.0.0.5-10.0.0.9`, `10.0.0.5-10.0.0.9:PORT`, `fe80::1%eth0`, `[fe80::1%eth0]:PORT`; IPv6 networks
/// and ranges with a port need brackets. Targets without a port get `default_port`.
///
/// # Errors
/// Returns the reason, for the user.
pub fn parse(text: &str, default_port: Option<u16>) -> Result<Target, String> {
    let (host, port) = split_port(text)?;
    // Report an invalid host rather than a missing port.
    at_port(text, host, 1)?;
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().map_err(|_| "the port is not a number from 1 to 65535")?
        }
        Some(_) => return Err("the port is not a number from 1 to 65535".into()),
        None => default_port.ok_or(NO_PORT)?,
    };
    if port == 0 {
        return Err("the port is not a number from 1 to 65535".into());
    }
    at_port(text, host, port)
}

fn at_port(text: &str, host: &str, port: u16) -> Result<Target, String> {
    if let Some((ip, zone)) = host.split_once('%') {
        return zoned(ip, zone, port).and_then(|address| hosts(address.into()));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return hosts(SocketAddr::new(ip, port).into());
    }
    if host.contains('/') {
        let net: IpNet = host.parse().map_err(|_| "not a network, such as 10.0.0.0/24 or 2001:db8::/120")?;
        return span(net.network(), net.broadcast(), port).and_then(hosts);
    }
    if let Some((first, last)) = host.split_once('-')
        && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
    {
        return span(first, last, port).and_then(hosts);
    }
    check_name(host)?;
    Ok(Target::Name(HostName { input: text.into(), name: host.to_owned(), port }))
}

/// Parses an IPv6 address with a zone (RFC 4007): the name or the number of an interface. Only link-local addresses need
/// one, and only replies from these have one.
///
/// # Errors
/// Returns the reason, for the user.
pub fn zoned(ip: &str, zone: &str, port: u16) -> Result<SocketAddr, String> {
    let ip: Ipv6Addr = ip.parse().map_err(|_| "a zone needs an IPv6 address, such as fe80::1%eth0")?;
    let index = zone.parse().or_else(|_| interfaces::index(zone))?;
    let scope = if ip.is_unicast_link_local() { index } else { 0 };
    Ok(SocketAddrV6::new(ip, port, 0, scope).into())
}

/// Returns the target, unless none of its addresses can be a host's.
fn hosts(span: Span) -> Result<Target, String> {
    let reason = span.peek().and_then(|address| why_no_host(address.ip()));
    match reason.filter(|_| span.clone().next().is_none()) {
        Some(reason) => Err(format!("not a host, but {reason}")),
        None => Ok(Target::Span(span)),
    }
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("`]` is missing")?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            _ => Err("only :PORT may follow `]`".into()),
        };
    }
    match text.split_once(':') {
        // Two colons: an IPv6 address without a port.
        Some((_, rest)) if rest.contains(':') => Ok((text, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn span(first: IpAddr, last: IpAddr, port: u16) -> Result<Span, String> {
    let (low, high) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (u128::from(first.to_bits()), u128::from(last.to_bits())),
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits()),
        _ => return Err("the range mixes IPv4 and IPv6".into()),
    };
    let beyond = high.checked_sub(low).ok_or("the range ends before it begins")?;
    if beyond >= MAX_SPAN {
        return Err("more than 4294967296 addresses".into());
    }
    let left = beyond as u64 + 1;
    Ok(match first {
        IpAddr::V4(first) => Span::V4 { next: first.to_bits(), left, port },
        IpAddr::V6(first) => Span::V6 { next: first.to_bits(), left, port, scope: 0 },
    })
}

/// Rejects invalid host names before they reach the resolver, above all mistyped addresses.
fn check_name(host: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if host.is_empty() {
        return Err("no host".into());
    }
    if host.len() > 253 || !host.chars().all(fits) || host.starts_with(['-', '.']) || host.contains("..") {
        return Err("not a host name or address".into());
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    // Resolvers read 0x7f000001 as an address, too.
    let digits = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let is_hexadecimal = digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_hexadecimal || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err("not an IPv4 address".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<String> {
        match parse(text, Some(27960)) {
            Ok(Target::Span(span)) => span.map(|address| address.to_string()).collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn addresses_with_and_without_ports() {
        assert_eq!(addresses("10.0.0.1"), ["10.0.0.1:27960"]);
        assert_eq!(addresses("10.0.0.1:5"), ["10.0.0.1:5"]);
        assert_eq!(addresses("::1"), ["[::1]:27960"]);
        assert_eq!(addresses("[::1]"), ["[::1]:27960"]);
        assert_eq!(addresses("[::1]:5"), ["[::1]:5"]);
        assert_eq!(addresses("[fe80::1%3]:5"), ["[fe80::1%3]:5"]);
    }

    #[test]
    fn networks_and_ranges() {
        let four = ["10.0.0.4:7", "10.0.0.5:7", "10.0.0.6:7", "10.0.0.7:7"];
        assert_eq!(addresses("10.0.0.6/30:7"), four);
        assert_eq!(addresses("10.0.0.4-10.0.0.7:7"), four);
        assert_eq!(addresses("10.0.0.255-10.0.1.0").len(), 2);
        assert_eq!(addresses("255.255.255.252-255.255.255.254").len(), 3);
        assert_eq!(addresses("2001:db8::/127"), ["[2001:db8::]:27960", "[2001:db8::1]:27960"]);
        assert_eq!(addresses("[2001:db8::8/127]:9"), ["[2001:db8::8]:9", "[2001:db8::9]:9"]);
        assert_eq!(addresses("[::ffff-::1:0]:9"), ["[::ffff]:9", "[::1:0]:9"]);
    }

    #[test]
    fn addresses_that_no_host_has_are_refused_and_skipped_in_networks() {
        for (text, reason) in [
            ("0.0.0.0", "the unspecified address"),
            ("::", "the unspecified address"),
            ("[::]:7", "the unspecified address"),
            ("224.0.0.1:7", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("[ff02::1%1]:7", "a multicast address"),
            ("::ffff:224.0.0.1", "a multicast address"),
            ("232.0.0.0/8", "a multicast address"),
            ("239.1.0.0-239.255.255.255", "a multicast address"),
            ("[ff00::/100]:7", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
            ("255.255.255.255/32", "the broadcast address"),
        ] {
            assert_eq!(parse(text, Some(1)), Err(format!("not a host, but {reason}")), "{text}");
        }
        assert_eq!(addresses("0.0.0.0/31"), ["0.0.0.1:27960"]);
        assert_eq!(
            addresses("223.255.255.255-240.0.0.1"),
            ["223.255.255.255", "240.0.0.0", "240.0.0.1"].map(port)
        );
        assert_eq!(addresses("255.255.255.254/31"), ["255.255.255.254:27960"]);
        assert_eq!(addresses("::/127"), ["[::1]:27960"]);
    }

    fn port(ip: &str) -> String {
        format!("{ip}:27960")
    }

    #[test]
    fn ipv4_in_ipv6_notation_is_ipv4() {
        assert_eq!(addresses("::ffff:10.0.0.1"), ["10.0.0.1:27960"]);
        assert_eq!(addresses("[::ffff:10.0.0.1]:5"), ["10.0.0.1:5"]);
        assert_eq!(addresses("::ffff:10.0.0.0/127"), ["10.0.0.0:27960", "10.0.0.1:27960"]);
    }

    #[test]
    fn a_zone_is_a_number_or_the_name_of_an_interface() {
        assert_eq!(addresses("fe80::1%3"), ["[fe80::1%3]:27960"]);
        assert_eq!(addresses("[2001:db8::1%3]:5"), ["[2001:db8::1]:5"], "no reply would have the zone");
        for (text, reason) in [
            ("fe80::1%nope", "no interface of this name has an address"),
            ("fe80::1%", "no interface of this name has an address"),
            ("10.0.0.1%3", "a zone needs an IPv6 address, such as fe80::1%eth0"),
        ] {
            assert_eq!(parse(text, Some(1)), Err(reason.into()), "{text}");
        }
        let interfaces = if_addrs::get_if_addrs().expect("interfaces");
        for (name, index) in interfaces.into_iter().filter_map(|it| Some((it.name, it.index?))) {
            assert_eq!(addresses(&format!("[fe80::1%{name}]:5")), [format!("[fe80::1%{index}]:5")]);
        }
    }

    #[test]
    fn a_slash_eight_is_not_expanded() {
        let Ok(Target::Span(mut span)) = parse("10.0.0.0/8:1", None) else { panic!("a span") };
        assert_eq!(span.next().map(|a| a.to_string()).as_deref(), Some("10.0.0.0:1"));
        assert!(matches!(span, Span::V4 { left: 16_777_215, .. }));
        assert!(parse("0.0.0.0/0:1", None).is_ok());
    }

    #[test]
    fn names_are_not_resolved_while_parsing() {
        let named = |input: &str, name: &str, port| {
            Ok(Target::Name(HostName { input: input.into(), name: name.into(), port }))
        };
        assert_eq!(parse("a-b.example.org:5", None), named("a-b.example.org:5", "a-b.example.org", 5));
        assert_eq!(parse("localhost", Some(9)), named("localhost", "localhost", 9));
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for wrong in [
            "",
            ":5",
            "10.0.0.300",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.1:x",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.5",
            "10.0.0.1-::1",
            "2001:db8::/64",
            "[::1",
            "[::1]5",
            "a b",
            "-x",
            "a..b",
            "\u{1b}[31m",
            "é.example",
            "1.2.3",
            "10.0.0.0/24/24",
            "a/24",
        ] {
            assert!(parse(wrong, Some(1)).is_err(), "{wrong:?}: {:?}", parse(wrong, Some(1)));
        }
        assert!(parse("10.0.0.1", None).is_err_and(|reason| reason.contains("port")));
    }
}

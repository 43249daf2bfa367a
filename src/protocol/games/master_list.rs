//! A master's list, and the check of its entries.
//!
//! A list carries no token, and a master lists any address that registers as a server. So a list may name a victim on
//! thousands of ports, hosts of the user's own network, or services that reply with more bytes than they receive.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::servers::ServerSet;
use super::{Game, GameAnswer};
use crate::protocol::{canonical, reserved};

/// The maximum number of entries that are read from one list. The longest real lists have some 10,000.
pub const MAX_LISTED: usize = 100_000;

/// The maximum number of servers of one list on one address (IPv6: in one /64). Hosting providers run dozens on one.
pub const MAX_PER_ADDRESS: u32 = 128;

/// Ports above 1023 that belong to other services over UDP, and to no game. Most of these services reply to anyone, and
/// with more bytes than they receive, so a forged list would name them.
const OTHER_SERVICES: &[u16] = &[
    1194,  // OpenVPN
    1434,  // SQL Server Browser
    1701,  // L2TP
    1812,  // RADIUS
    1813,  // RADIUS accounting
    1900,  // SSDP
    2049,  // NFS
    3283,  // Apple Remote Desktop
    3389,  // Remote Desktop
    3478,  // STUN and TURN
    3702,  // WS-Discovery
    4500,  // IPsec
    5060,  // SIP
    5061,  // SIP over TLS
    5093,  // Sentinel licences
    5353,  // mDNS
    5355,  // LLMNR
    5683,  // CoAP
    5684,  // CoAP over DTLS
    11211, // memcached
    37810, // video recorders' discovery
    47808, // BACnet
    51820, // WireGuard
];

/// The numbers of entries of a master's list that are not queried, by reason. Each entry is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Addresses that [no host has](reserved::why_no_host), and port 0.
    pub no_hosts: usize,
    /// [Reserved](reserved::purpose) addresses.
    pub reserved: usize,
    /// Addresses of this machine: [`Games::with_own_addresses`](super::Games::with_own_addresses).
    pub own: usize,
    /// Ports below 1024, and other ports of well-known services that no game uses.
    pub services: usize,
    /// Servers beyond [`MAX_PER_ADDRESS`].
    pub crowded: usize,
}

impl Rejected {
    /// Returns the sum of all counts.
    pub fn total(&self) -> usize {
        self.no_hosts + self.reserved + self.own + self.services + self.crowded
    }
}

/// Formats the counts: `3 on reserved addresses, 1 on ports of other services`.
impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejected { no_hosts, reserved, own, services, crowded } = *self;
        let beyond = format!("beyond {MAX_PER_ADDRESS} on one address");
        let counts = [
            (no_hosts, "on addresses that no host has"),
            (reserved, "on reserved addresses"),
            (own, "on addresses of this machine"),
            (services, "on ports of other services"),
            (crowded, &beyond),
        ];
        for (at, (count, what)) in counts.into_iter().filter(|(count, _)| *count > 0).enumerate() {
            write!(f, "{}{count} {what}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// The list of one master, as far as it has been received.
#[derive(Debug)]
pub(super) struct MasterList {
    game: &'static Game,
    /// All entries, so that repeated ones count once.
    entries: HashSet<SocketAddr>,
    per_address: HashMap<IpAddr, u32>,
    /// The number of entries of the address family that was not requested.
    left_out: usize,
    rejected: Rejected,
}

impl MasterList {
    pub(super) fn new(game: &'static Game) -> MasterList {
        let (entries, per_address) = (HashSet::new(), HashMap::new());
        MasterList { game, entries, per_address, left_out: 0, rejected: Rejected::default() }
    }

    /// Adds an entry from the list of `master`. An accepted server is added to `servers`, to be queried.
    pub(super) fn add(&mut self, servers: &mut ServerSet, master: SocketAddr, server: SocketAddr) {
        let server = canonical(server);
        if self.is_full() || !self.entries.insert(server) {
            return;
        }
        match self.reason_to_reject(servers, master.ip().to_canonical(), server) {
            Some(count) => *count += 1,
            None => servers.list(server, self.game),
        }
    }

    /// Adds an entry that is neither queried nor counted as listed: one of the address family that was not requested.
    pub(super) fn leave_out(&mut self, server: SocketAddr) {
        if !self.is_full() && self.entries.insert(canonical(server)) {
            self.left_out += 1;
        }
    }

    /// Returns the number of entries received, each counted once.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no more entries are read.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() == MAX_LISTED
    }

    pub(super) fn answer(&self, complete: bool) -> GameAnswer {
        let listed = self.entries.len() - self.left_out - self.rejected.total();
        GameAnswer::List { listed, complete, is_cut: self.is_full(), rejected: self.rejected }
    }

    /// Returns the list of a master that would go on, but is not read any further.
    pub(super) fn cut(&self) -> GameAnswer {
        match self.answer(false) {
            GameAnswer::List { listed, complete, rejected, .. } => {
                GameAnswer::List { listed, complete, is_cut: true, rejected }
            }
            other => other,
        }
    }

    /// Returns the counter for the reason to reject this entry; `None` to accept it.
    fn reason_to_reject(
        &mut self,
        set: &ServerSet,
        master: IpAddr,
        server: SocketAddr,
    ) -> Option<&mut usize> {
        let Rejected { no_hosts, reserved, own, services, crowded } = &mut self.rejected;
        let (ip, port) = (server.ip(), server.port());
        if port == 0 || reserved::why_no_host(ip).is_some() {
            return Some(no_hosts);
        }
        if !set.may_list_reserved(master) {
            if reserved::purpose(ip).is_some() {
                return Some(reserved);
            }
            if set.is_own(ip) {
                return Some(own);
            }
        }
        if port < 1024 || OTHER_SERVICES.contains(&port) {
            return Some(services);
        }
        let on_address = self.per_address.entry(host_range(ip)).or_default();
        *on_address += 1;
        (*on_address > MAX_PER_ADDRESS).then_some(crowded)
    }
}

/// Returns the IPv4 address, or the /64 of an IPv6 address: a single host may have all of its addresses.
fn host_range(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "9.9.9.9:27950";

    /// Adds entries to the list of a master. Returns those that wait to be queried.
    fn add(list: &mut MasterList, set: &mut ServerSet, master: &str, entries: &[&str]) -> Vec<String> {
        for entry in entries {
            list.add(set, master.parse().unwrap(), entry.parse().unwrap());
        }
        std::iter::from_fn(|| set.take()).map(|(server, _)| server.to_string()).collect()
    }

    fn list() -> MasterList {
        MasterList::new(Game::find("et").unwrap())
    }

    fn servers(own: &str, allow_reserved: bool) -> ServerSet {
        let mut set = ServerSet::default();
        (set.own, set.allow_reserved) = (own.parse().into_iter().collect(), allow_reserved);
        set
    }

    const RESERVED: [&str; 15] = [
        "10.0.0.1:27960",
        "100.64.0.1:27960",
        "127.0.0.53:27960",
        "169.254.169.254:27960",
        "192.168.1.1:27960",
        "192.0.2.1:27960",
        "198.18.0.1:27960",
        "0.1.2.3:27960",
        "240.0.0.1:27960",
        "[::1]:27960",
        "[::ffff:10.0.0.2]:27960",
        "[64:ff9b::10.0.0.3]:27960",
        "[fe80::1]:27960",
        "[fd00::1]:27960",
        "[2001:db8::1]:27960",
    ];

    #[test]
    fn a_public_masters_list_names_public_addresses_only() {
        let (mut list, mut set) = (list(), ServerSet::default());
        assert_eq!(add(&mut list, &mut set, PUBLIC, &RESERVED), [""; 0]);
        let public = ["9.1.2.3:27960", "[2a01:4f8::1]:27960"];
        assert_eq!(add(&mut list, &mut set, PUBLIC, &public), public);
        assert_eq!(list.rejected, Rejected { reserved: RESERVED.len(), ..Rejected::default() });
        assert!(matches!(list.answer(true), GameAnswer::List { listed: 2, complete: true, .. }));
    }

    #[test]
    fn a_master_on_a_reserved_or_own_address_may_list_them() {
        for master in ["127.0.0.1:1", "192.168.1.9:1", "[fd00::9]:1", "[::ffff:10.0.0.9]:1", "9.7.7.7:1"] {
            let mut set = servers("9.7.7.7", false);
            assert_eq!(add(&mut list(), &mut set, master, &RESERVED).len(), RESERVED.len(), "{master}");
        }
        let mut set = servers("", true);
        assert_eq!(add(&mut list(), &mut set, PUBLIC, &RESERVED).len(), RESERVED.len());
        for nat64 in ["[64:ff9b::9.9.9.9]:1", "[2002:909:909::1]:1"] {
            let found = add(&mut list(), &mut ServerSet::default(), nat64, &RESERVED);
            assert_eq!(found, [""; 0], "{nat64} is a public IPv4 address");
        }
    }

    #[test]
    fn addresses_of_this_machine_are_not_taken_from_public_masters() {
        let (mut list, mut set) = (list(), servers("9.7.7.7", false));
        let found =
            add(&mut list, &mut set, PUBLIC, &["9.7.7.7:27960", "[::ffff:9.7.7.7]:27960", "9.7.7.8:27960"]);
        assert_eq!((found, list.rejected.own), (vec!["9.7.7.8:27960".to_owned()], 1));
    }

    #[test]
    fn no_master_may_list_non_hosts_or_other_services() {
        for master in [PUBLIC, "127.0.0.1:27950"] {
            let (mut list, mut set) = (list(), servers("", true));
            let no_hosts = [
                "0.0.0.0:1234",
                "255.255.255.255:1234",
                "224.0.0.1:1234",
                "[::]:1234",
                "[ff02::1]:1234",
                "9.1.1.1:0",
            ];
            assert_eq!(add(&mut list, &mut set, master, &no_hosts), [""; 0]);
            let services = ["9.1.1.1:53", "9.1.1.1:161", "9.1.1.1:1023", "9.1.1.1:1900", "9.1.1.1:11211"];
            assert_eq!(add(&mut list, &mut set, master, &services), [""; 0]);
            assert_eq!((list.rejected.no_hosts, list.rejected.services), (no_hosts.len(), services.len()));
            assert_eq!(add(&mut list, &mut set, master, &["9.1.1.1:1024"]).len(), 1);
        }
    }

    #[test]
    fn one_address_has_a_bounded_number_of_ports() {
        let (mut list, mut set) = (list(), ServerSet::default());
        for address in ["9.1.1.1:0", "9.1.1.2:0", "[2a01:4f8::1]:0"] {
            for port in 20_000..30_000 {
                let mut server: SocketAddr = address.parse().unwrap();
                server.set_port(port);
                list.add(&mut set, PUBLIC.parse().unwrap(), server);
            }
            assert_eq!(set.waiting(), 128, "{address}");
            while set.take().is_some() {}
        }
        assert_eq!(list.rejected, Rejected { crowded: 3 * (10_000 - 128), ..Rejected::default() });
        assert_eq!(add(&mut list, &mut set, PUBLIC, &["[2a01:4f8::2]:27960"]), [""; 0], "the same /64");
        assert_eq!(add(&mut list, &mut set, PUBLIC, &["[2a01:4f8:0:1::2]:27960"]).len(), 1);
    }

    #[test]
    fn repeated_entries_count_once() {
        let (mut list, mut set) = (list(), ServerSet::default());
        for _ in 0..3 {
            add(&mut list, &mut set, PUBLIC, &["10.0.0.1:27960", "9.1.1.1:27960", "9.1.1.1:53"]);
        }
        assert_eq!(list.rejected, Rejected { reserved: 1, services: 1, ..Rejected::default() });
        assert_eq!(list.rejected.to_string(), "1 on reserved addresses, 1 on ports of other services");
        assert!(matches!(list.answer(true), GameAnswer::List { listed: 1, is_cut: false, .. }));
    }

    #[test]
    fn a_list_has_a_maximum_length() {
        let (mut list, mut set) = (list(), ServerSet::default());
        for n in 0..200_000 {
            let ip = std::net::Ipv4Addr::from_bits(0x0900_0001 + n);
            list.add(&mut set, PUBLIC.parse().unwrap(), (ip, 27960).into());
        }
        assert_eq!(set.waiting(), MAX_LISTED);
        assert!(matches!(list.answer(false), GameAnswer::List { listed: MAX_LISTED, is_cut: true, .. }));
    }

    #[test]
    fn no_port_of_a_game_belongs_to_another_service() {
        for game in Game::all() {
            assert!(game.server_port >= 1024 && !OTHER_SERVICES.contains(&game.server_port), "{game:?}");
        }
    }
}

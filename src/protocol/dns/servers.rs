//! The servers, what they answered, and which one is asked next.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::Rcode;
use crate::engine::{Histogram, Time};

/// The bytes of a client's cookie (RFC 7873, section 4).
pub(super) const CLIENT_COOKIE: usize = 8;
/// The time for which a server that does not know EDNS is asked without it.
const WITHOUT_EDNS: Duration = Duration::from_secs(600);
/// The number of consecutive failures from which on a server is used less, and the number of times that its share is
/// halved.
const FAILURES: u32 = 4;
const HALVINGS: u32 = 6;

/// One server, and what it has answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NameServer {
    /// Its address.
    pub address: SocketAddr,
    /// The queries sent to it, repetitions included.
    pub sent: u64,
    /// The replies of each response code.
    pub rcodes: BTreeMap<Rcode, u64>,
    /// The attempts that timed out.
    pub lost: u64,
    /// The round trips of its replies by UDP.
    pub rtt: Histogram,
    /// Failures since its last proper answer.
    failures: u32,
    /// The time until which it is asked without EDNS.
    without_edns: Time,
    /// The server's cookie, as received, and our cookie for it.
    pub(super) cookie: Option<Box<[u8]>>,
    pub(super) our_cookie: [u8; CLIENT_COOKIE],
}

impl NameServer {
    fn new(address: SocketAddr, our_cookie: [u8; CLIENT_COOKIE]) -> NameServer {
        NameServer {
            address,
            sent: 0,
            rcodes: BTreeMap::new(),
            lost: 0,
            rtt: Histogram::default(),
            failures: 0,
            without_edns: Time::ZERO,
            cookie: None,
            our_cookie,
        }
    }

    /// Returns the number of its replies.
    pub fn answered(&self) -> u64 {
        self.rcodes.values().sum()
    }

    /// Returns whether its latest query was answered.
    pub(super) fn answers(&self) -> bool {
        self.failures == 0 && !self.rcodes.is_empty()
    }

    /// Returns whether its latest queries have failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures >= FAILURES
    }

    /// Returns whether it knows EDNS, as far as it has shown.
    pub(super) fn knows_edns(&self, now: Time) -> bool {
        self.without_edns <= now
    }

    /// Records that it does not know EDNS.
    pub(super) fn forget_edns(&mut self, now: Time) {
        self.without_edns = now + WITHOUT_EDNS;
    }

    pub(super) fn count(&mut self, rcode: Rcode, rtt: Option<Duration>, is_failure: bool) {
        *self.rcodes.entry(rcode).or_default() += 1;
        if let Some(rtt) = rtt {
            self.rtt.record(rtt);
        }
        self.failures = if is_failure { self.failures.saturating_add(1) } else { 0 };
    }

    pub(super) fn count_lost(&mut self) {
        self.lost += 1;
        self.failures = self.failures.saturating_add(1);
    }
}

/// All servers, in the order in which they were named.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    list: Vec<NameServer>,
    by_address: HashMap<SocketAddr, u32>,
    /// The turns so far.
    turns: u64,
    /// The key of our cookies.
    key: [u8; 16],
}

impl Servers {
    /// Creates an empty list. `key` makes cookies unpredictable.
    pub fn new(key: [u8; 16]) -> Servers {
        Servers { key, ..Servers::default() }
    }

    /// Returns the number of a server, which is added if it is new.
    pub fn add(&mut self, address: SocketAddr) -> u32 {
        let Servers { list, by_address, key, .. } = self;
        *by_address.entry(address).or_insert_with(|| {
            list.push(NameServer::new(address, client_cookie(address.ip(), *key)));
            (list.len() - 1) as u32
        })
    }

    pub fn find(&self, address: SocketAddr) -> Option<u32> {
        // Most sweeps have few servers: comparing is faster than hashing.
        match &self.list[..] {
            [only] => (only.address == address).then_some(0),
            _ => self.by_address.get(&address).copied(),
        }
    }

    pub fn list(&self) -> &[NameServer] {
        &self.list
    }

    pub fn get(&self, number: u32) -> &NameServer {
        &self.list[number as usize]
    }

    pub fn get_mut(&mut self, number: u32) -> &mut NameServer {
        &mut self.list[number as usize]
    }

    /// Returns the server for the next question: each in turn, and those that fail more rarely.
    pub fn next(&mut self) -> Option<SocketAddr> {
        let count = self.list.len() as u64;
        for _ in 0..count {
            let turn = self.turns;
            self.turns += 1;
            let server = &self.list[(turn % count) as usize];
            let halvings = server.failures.saturating_sub(FAILURES - 1).min(HALVINGS);
            if (turn / count).is_multiple_of(1 << halvings) {
                return Some(server.address);
            }
        }
        self.list.iter().min_by_key(|server| server.failures).map(|server| server.address)
    }

    /// Returns the server to ask after `number`, among those that may be asked: the next one that does not fail, or the
    /// next one. Each question has an order of its own, `seed`, in which all servers have their turn, so that the
    /// questions of a dead server are spread over all others.
    pub fn other(&self, number: u32, seed: u64, may_be_asked: impl Fn(SocketAddr) -> bool) -> Option<u32> {
        let place =
            |server: u32| (seed ^ u64::from(server)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
        let distance = |server: &u32| place(*server).wrapping_sub(place(number));
        let all = 0..self.list.len() as u32;
        let others = || {
            let others = all.clone().filter(|other| *other != number);
            others.filter(|other| may_be_asked(self.get(*other).address))
        };
        let living = others().filter(|other| !self.get(*other).is_failing()).min_by_key(distance);
        living.or_else(|| others().min_by_key(distance))
    }

    /// Returns whether there is a server other than `number` that may be asked.
    pub fn has_other(&self, number: u32, may_be_asked: impl Fn(SocketAddr) -> bool) -> bool {
        (0..self.list.len() as u32).any(|other| other != number && may_be_asked(self.get(other).address))
    }
}

/// Returns our cookie for a server: a keyed hash of its address (RFC 7873, section 6).
fn client_cookie(server: IpAddr, key: [u8; 16]) -> [u8; CLIENT_COOKIE] {
    let bits = match server {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    SipHasher13::new_with_key(&key).hash(&bits.to_be_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(count: u8) -> Servers {
        let mut servers = Servers::default();
        for last in 1..=count {
            servers.add(([127, 0, 0, last], 53).into());
        }
        servers
    }

    fn shares(servers: &mut Servers, turns: usize) -> Vec<usize> {
        let mut shares = vec![0; servers.list.len()];
        for _ in 0..turns {
            let next = servers.next().expect("there are some");
            shares[servers.find(next).expect("it is one of them") as usize] += 1;
        }
        shares
    }

    #[test]
    fn questions_are_spread_evenly_and_servers_that_fail_get_fewer() {
        let mut servers = servers(3);
        assert_eq!(shares(&mut servers, 300), [100, 100, 100]);
        (0..5).for_each(|_| servers.get_mut(1).count_lost());
        let uneven = shares(&mut servers, 900);
        assert!((50..130).contains(&uneven[1]) && uneven[0] > 350 && uneven[2] > 350, "{uneven:?}");
        servers.get_mut(1).count(Rcode::NOERROR, None, false);
        let again = shares(&mut servers, 300);
        assert!(again.iter().all(|share| (99..=101).contains(share)), "{again:?}");
    }

    #[test]
    fn if_all_fail_each_is_still_asked() {
        let mut servers = servers(2);
        (0..20).for_each(|_| [0, 1].into_iter().for_each(|number| servers.get_mut(number).count_lost()));
        assert!(shares(&mut servers, 400).iter().all(|&share| share > 0));
        let any = |_| true;
        assert_eq!((servers.other(0, 7, any), servers.other(1, 7, any)), (Some(1), Some(0)));
        assert_eq!(self::servers(1).other(0, 7, any), None);
    }

    #[test]
    fn the_questions_of_one_server_are_spread_over_the_others() {
        let mut servers = servers(4);
        (0..5).for_each(|_| servers.get_mut(2).count_lost());
        let mut shares = [0; 4];
        let others = (0..300).filter_map(|seed| servers.other(0, seed * 65_537, |_| true));
        others.for_each(|other| shares[other as usize] += 1);
        assert!(shares[0] == 0 && shares[1] >= 75 && shares[2] == 0 && shares[3] >= 75, "{shares:?}");
    }

    #[test]
    fn each_server_has_its_turn() {
        let servers = servers(5);
        for seed in 0..100 {
            let next = |server: &u32| servers.other(*server, seed * 65_537, |_| true);
            let mut asked: Vec<u32> = std::iter::successors(Some(0), next).take(5).collect();
            asked.sort_unstable();
            assert_eq!(asked, [0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn servers_that_may_not_be_asked_are_passed_over() {
        let servers = servers(3);
        let not = |last| move |server: SocketAddr| server != SocketAddr::from(([127, 0, 0, last], 53));
        assert!((0..5).all(|seed| servers.other(0, seed, not(2)) == Some(2)));
        assert!(servers.has_other(0, not(2)) && !servers.has_other(0, |_| false));
        assert_eq!(servers.other(1, 7, |_| false), None);
    }
}

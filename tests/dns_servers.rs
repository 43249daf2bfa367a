//! `protocol::dns` against real name servers: every name of a zone is answered right, and servers that fail are told apart.
#![cfg(feature = "cli")]

mod support;

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};

use allears::engine::{Config, Ledger, Outcome};
use allears::net::{Options, Sweep, random_key};
use allears::protocol::dns::{Answer, Class, Dns, DnsSettings, Name, Question, Rcode, RecordType, Tcp};
use support::have;
use support::name_server::{knot, nsd, unbound};
use support::real_server::RealServer;

/// Names of the large zone.
const NAMES: u32 = 100_000;

fn host(number: u32) -> String {
    format!("n{number}.big.test.")
}

/// Returns the address of a host: each has its own.
fn address(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

fn zone() -> String {
    let mut zone = "$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\n".to_owned();
    (0..NAMES).for_each(|number| zone.push_str(&format!("n{number} A {}\n", address(number))));
    zone
}

fn address_of(server: &RealServer) -> SocketAddr {
    server.address.parse().expect("an address")
}

/// Asks for the addresses of these names, each at the next of the servers. Returns the answer to each, and the ledger.
fn resolve(
    settings: DnsSettings,
    servers: &[SocketAddr],
    names: impl Iterator<Item = String>,
) -> (HashMap<String, Outcome<Answer>>, Ledger) {
    let dns = Dns::new(settings, servers.iter().copied(), random_key().expect("random numbers"));
    let targets = names.enumerate().map(|(number, name)| {
        let wire: Name = name.parse().expect("a name");
        let server = servers[number % servers.len()];
        (server, Question::new(&wire, RecordType::A, Class::IN), name)
    });
    let mut sweep =
        Sweep::with_settings(dns, targets, Config::unlimited(), &Options::default()).expect("sockets");
    let ended = sweep.by_ref().map(|completion| completion.expect("no system error"));
    let outcomes = ended.map(|completion| (completion.tag, completion.outcome)).collect();
    assert!(sweep.ledger().adds_up(0), "{:?}", sweep.ledger());
    assert_eq!(sweep.local_drops().unwrap_or(0), 0, "lost in our own buffer");
    (outcomes, sweep.ledger().clone())
}

fn addresses(outcome: &Outcome<Answer>) -> Vec<String> {
    match outcome {
        Outcome::Answered(answer) => {
            answer.message.answers().map(|record| record.data().to_string()).collect()
        }
        _ => vec![],
    }
}

fn rcode(outcome: &Outcome<Answer>) -> Option<Rcode> {
    match outcome {
        Outcome::Answered(answer) => Some(answer.message.rcode()),
        _ => None,
    }
}

#[test]
fn every_name_of_a_large_zone_is_answered_right() {
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let server = nsd(&[("big.test", &zone())]);
    let (outcomes, ledger) = resolve(DnsSettings::default(), &[address_of(&server)], (0..NAMES).map(host));
    assert_eq!(outcomes.len(), NAMES as usize);
    let wrong: Vec<_> =
        (0..NAMES).filter(|&number| addresses(&outcomes[&host(number)]) != [address(number)]).collect();
    assert!(wrong.is_empty(), "{} wrong, {:?}…", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert_eq!((ledger.answered, ledger.unmatched, ledger.broken), (NAMES.into(), 0, 0));
}

#[test]
fn dead_and_refusing_servers_among_good_ones_lose_no_name() {
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let zone = "$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\n* A 192.0.2.1\n";
    let (good, refusing) = (nsd(&[("a.test", zone)]), nsd(&[("b.test", zone)]));
    // Bound, but never read.
    let dead = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    // Nothing listens there: the kernel reports it.
    let closed = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let servers = [address_of(&good), address_of(&refusing), dead.local_addr().expect("bound"), closed];
    let (outcomes, _) =
        resolve(DnsSettings::default(), &servers, (0..300).map(|number| format!("x{number}.a.test.")));
    let wrong = outcomes.iter().filter(|(_, outcome)| addresses(outcome) != ["192.0.2.1"]);
    assert_eq!(wrong.collect::<Vec<_>>(), []);
    // A refusal of all servers is never "no such name", and each is named.
    let (outcomes, _) = resolve(DnsSettings::default(), &servers[..2], ["x.c.test.".into()].into_iter());
    let Outcome::Answered(answer) = &outcomes["x.c.test."] else { panic!("{outcomes:?}") };
    assert_eq!(answer.message.rcode(), Rcode::REFUSED);
    let mut named: Vec<_> = answer.refusals.iter().map(|refusal| refusal.server).collect();
    named.sort();
    let mut expected = servers[..2].to_vec();
    expected.sort();
    assert_eq!(named, expected);
}

#[test]
fn what_a_resolver_says_is_told_apart() {
    if !have("/usr/sbin/nsd", "nsd") || !have("/usr/sbin/unbound", "unbound") {
        return;
    }
    let zone = "$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nwww A 192.0.2.1\nb.c A 192.0.2.2\n\
                alias CNAME www\ndangling CNAME nothing\nloop1 CNAME loop2\nloop2 CNAME loop1\ntext TXT x\n";
    let zones = nsd(&[("t.test", zone)]);
    let stub = zones.address.replace(':', "@");
    let settings = format!(
        " local-zone: \"refused.test.\" always_refuse\n local-zone: \"nx.test.\" always_nxdomain\n \
         local-zone: \"silent.test.\" deny\n local-zone: \"nodata.test.\" always_nodata\n\
         stub-zone:\n name: \"t.test\"\n stub-addr: {stub}\nstub-zone:\n name: \"lame.test\"\n \
         stub-addr: {stub}\n"
    );
    let resolver = unbound(&settings, "t.test");
    let names = [
        "www.t",
        "alias.t",
        "dangling.t",
        "loop1.t",
        "c.t",
        "text.t",
        "x.refused",
        "x.nx",
        "x.nodata",
        "x.lame",
        "x.silent",
    ];
    let names = names.map(|name| format!("{name}.test."));
    let (outcomes, ledger) = resolve(DnsSettings::default(), &[address_of(&resolver)], names.iter().cloned());
    let told: Vec<_> =
        names.iter().map(|name| (rcode(&outcomes[name]), addresses(&outcomes[name]).len())).collect();
    let expected = [
        (Some(Rcode::NOERROR), 1),
        (Some(Rcode::NOERROR), 2),
        (Some(Rcode::NXDOMAIN), 1),
        (Some(Rcode::SERVFAIL), 0),
        (Some(Rcode::NOERROR), 0),
        (Some(Rcode::NOERROR), 0),
        (Some(Rcode::REFUSED), 0),
        (Some(Rcode::NXDOMAIN), 0),
        (Some(Rcode::NOERROR), 0),
        (Some(Rcode::SERVFAIL), 0),
        (None, 0),
    ];
    // Versions of unbound differ in what they say of a loop.
    let is_same = |at: usize| at == 3 || told[at] == expected[at];
    let wrong: Vec<_> =
        (0..names.len()).filter(|&at| !is_same(at)).map(|at| (&names[at], told[at])).collect();
    assert_eq!(wrong, [], "{}", resolver.output());
    assert_eq!((ledger.silent, outcomes["x.silent.test."].clone()), (1, Outcome::Silent));
}

#[test]
fn without_tcp_a_truncated_answer_says_so() {
    if !have("/usr/sbin/knotd", "knot") {
        return;
    }
    let zone = "$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n";
    let server = knot(zone, &["global-module: mod-noudp"]);
    let never = DnsSettings::default().with_tcp(Tcp::Never);
    let (outcomes, _) = resolve(never, &[address_of(&server)], ["www.t.test.".into()].into_iter());
    let Outcome::Answered(answer) = &outcomes["www.t.test."] else { panic!("{outcomes:?}") };
    assert!(answer.message.is_truncated() && addresses(&outcomes["www.t.test."]).is_empty());
}

//! Tests of the fleet through its public interface.

use super::*;
use crate::protocol::snmp::message::{Message, Pdu};
use crate::sim::{HostProtocol, Late, Latency, Limit};

const MASTER: &str = "127.0.0.1:27950";
const STATUS: &[u8] = b"\xff\xff\xff\xffgetstatus 0011223344556677";

/// `GET sysUpTime.0` of v2c, with the id 1000.
const GET: &[u8] = b"\x30\x27\x02\x01\x01\x04\x06public\xa0\x1a\x02\x02\x03\xe8\x02\x01\x00\x02\x01\x00\
                     \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x03\x00\x05\x00";

fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

fn me() -> SocketAddr {
    at("127.0.0.1:4000")
}

fn protocol(id: &str) -> &'static HostProtocol {
    HostProtocol::find(id).expect("a protocol")
}

fn fleet(plan: Plan) -> Fleet {
    Fleet::new(Plan { master: Some(at(MASTER)), ..plan }).expect("a valid plan")
}

/// Returns everything that is sent up to `until`, with its time.
fn replies(fleet: &mut Fleet, until: Time) -> Vec<(Time, FleetReply, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(due) = fleet.poll_timeout().filter(|due| *due <= until) {
        let mut datagram = Vec::new();
        let reply = fleet.poll_reply(due, &mut datagram).expect("due");
        assert_eq!((reply.len, reply.to), (datagram.len(), me()));
        all.push((due, reply, datagram));
    }
    all
}

fn everything_wrong(seed: u64) -> Plan {
    Plan {
        hosts: 100,
        seed,
        dead: 0.2,
        loss: 0.1,
        reply_loss: 0.1,
        duplicate: 0.3,
        latency: Latency { median: Duration::from_millis(60), sigma: 0.6 },
        late: Late { fraction: 0.1, by: Duration::from_secs(1) },
        wrong_source: 0.1,
        garbage: 0.1,
        forge: 50.0,
        limit: Limit::Protect2,
        wanted: Some("Gandalf".into()),
        ..Plan::default()
    }
}

fn assert_sums(fleet: &Fleet, on_the_wire: usize) {
    let tally = fleet.tally();
    assert_eq!(
        tally.received - tally.master_received,
        tally.answered - tally.master_answered - tally.further_parts
            + tally.lost_by_plan
            + tally.replies_lost_by_plan
            + tally.dead
            + tally.limited
            + tally.ignored
            + fleet.waiting(),
        "{tally:?}"
    );
    assert_eq!(on_the_wire as u64, tally.answered + tally.duplicated + tally.forged, "{tally:?}");
}

#[test]
fn a_perfect_fleet_answers_everything_after_its_latency() {
    let mut fleet = fleet(Plan { hosts: 10, ..Plan::default() });
    let targets: Vec<_> = fleet.targets().collect();
    for (i, target) in targets.iter().enumerate() {
        fleet.handle_request(Time::from_millis(i as u64), *target, me(), STATUS);
    }
    let answers = replies(&mut fleet, Time::from_millis(1000));
    for (i, (at, reply, datagram)) in answers.iter().enumerate() {
        assert_eq!((*at, reply.from), (Time::from_millis(i as u64 + 5), targets[i]));
        assert!(datagram.starts_with(b"\xff\xff\xff\xffstatusResponse\n\\challenge\\0011223344556677\\P\\"));
    }
    assert_eq!((answers.len(), fleet.tally().answered, fleet.tally().hosts_asked), (10, 10, 10));
}

#[test]
fn every_request_and_every_datagram_is_accounted_for_at_any_time() {
    for seed in 0..50 {
        let mut fleet = fleet(everything_wrong(seed));
        let targets: Vec<_> = fleet.targets().collect();
        let mut sent = 0;
        for i in 0..600 {
            let now = Time::from_millis(i * 7);
            sent += replies(&mut fleet, now).len();
            fleet.handle_request(now, targets[i as usize * 31 % 100], me(), STATUS);
            assert_sums(&fleet, sent);
        }
        fleet.handle_request(Time::from_millis(4200), targets[0], me(), b"nonsense");
        fleet.handle_request(Time::from_millis(4200), me(), me(), STATUS);
        fleet.handle_request(Time::from_millis(4200), at(MASTER), me(), b"\xff\xff\xff\xffgetservers 84");
        fleet.handle_request(Time::from_millis(4200), at(MASTER), me(), b"nonsense");
        sent += replies(&mut fleet, Time::from_millis(60_000)).len();
        assert_sums(&fleet, sent);
        let tally = fleet.tally();
        assert_eq!((fleet.waiting(), tally.master_received, tally.master_answered), (0, 2, 1));
        let counters =
            [tally.lost_by_plan, tally.replies_lost_by_plan, tally.dead, tally.duplicated, tally.forged];
        assert!(counters.iter().all(|&n| n > 0), "{tally:?}");
        assert_eq!((fleet.alive(), tally.hosts_asked), (80, 100));
    }
}

#[test]
fn order_and_time_of_requests_do_not_matter() {
    // Leave out the faults that depend on time.
    let play = |order: &[u32], gap: u64| {
        let mut fleet = fleet(Plan { forge: 0.0, limit: Limit::None, ..everything_wrong(5) });
        for (i, &host) in order.iter().enumerate() {
            let to = fleet.plan().address(host);
            fleet.handle_request(Time::from_millis(gap * i as u64), to, me(), STATUS);
        }
        let all = replies(&mut fleet, Time::from_millis(100_000));
        let mut all: Vec<_> = all.into_iter().map(|(_, reply, datagram)| (reply.from, datagram)).collect();
        all.sort();
        all
    };
    let forward: Vec<u32> = (0..100).chain(0..100).collect();
    let backward: Vec<u32> = (0..100).rev().flat_map(|host| [host, host]).collect();
    assert_eq!(play(&forward, 1), play(&backward, 20));
}

#[test]
fn multi_homed_hosts_reply_from_another_address_and_garbled_replies_have_the_right_challenge() {
    let mut fleet = fleet(Plan { hosts: 100, wrong_source: 0.25, garbage: 0.5, ..Plan::default() });
    fleet.targets().for_each(|to| fleet.handle_request(Time::ZERO, to, me(), STATUS));
    let all = replies(&mut fleet, Time::from_millis(1000));
    let strange = all.iter().filter(|(_, reply, _)| fleet.plan().host_at(reply.from).is_none()).count();
    let broken = all.iter().filter(|(_, _, datagram)| !datagram.ends_with(b"\n")).count();
    assert_eq!((all.len(), strange, broken), (100, 25, 50));
    let challenge = b"\xff\xff\xff\xffstatusResponse\n\\challenge\\0011223344556677\\";
    assert!(all.iter().all(|(_, _, datagram)| datagram.starts_with(challenge)));
}

#[test]
fn forgeries_come_from_hosts_with_other_challenges() {
    let mut fleet = fleet(Plan { hosts: 10, dead: 1.0, forge: 1000.0, ..Plan::default() });
    fleet.handle_request(Time::ZERO, fleet.plan().address(0), me(), STATUS);
    let all = replies(&mut fleet, Time::from_millis(10_000));
    assert_eq!((all.len(), fleet.tally().forged), (2000, 2000));
    for (_, reply, datagram) in all {
        assert!(fleet.plan().host_at(reply.from).is_some());
        assert!(datagram.starts_with(b"\xff\xff\xff\xffstatusResponse\n\\challenge\\"));
        assert_ne!(&datagram[30..46], b"0011223344556677");
    }
}

#[test]
fn the_wanted_player_is_on_one_living_host() {
    for seed in 0..20 {
        let mut fleet = fleet(Plan { dead: 0.5, ..everything_wrong(seed) });
        fleet = Fleet::new(Plan { loss: 0.0, reply_loss: 0.0, forge: 0.0, ..fleet.plan().clone() })
            .expect("valid");
        fleet.targets().for_each(|to| fleet.handle_request(Time::ZERO, to, me(), STATUS));
        let wanted_at = fleet.wanted_at().expect("somebody lives");
        let mut answered: Vec<_> = replies(&mut fleet, Time::from_millis(60_000))
            .into_iter()
            .filter(|(_, _, datagram)| datagram.windows(11).any(|part| part == b"^1Gan^7dalf"))
            .map(|(_, reply, _)| reply.from)
            .collect();
        answered.dedup();
        assert_eq!(answered, [wanted_at]);
    }
}

#[test]
fn an_echo_equals_the_request() {
    let mut fleet = fleet(Plan {
        protocol: protocol("echo"),
        latency: Latency { median: Duration::ZERO, sigma: 0.0 },
        ..Plan::default()
    });
    fleet.handle_request(Time::ZERO, fleet.plan().address(5), me(), b"any bytes\0");
    let all = replies(&mut fleet, Time::ZERO);
    assert_eq!(all[0].2, b"any bytes\0");
}

fn pdu(datagram: &[u8]) -> Pdu<'_> {
    let Ok(Message::Community(message)) = Message::parse(datagram) else {
        panic!("a message: {datagram:x?}")
    };
    message.pdu
}

#[test]
fn the_counters_of_agents_with_all_their_faults_add_up_at_any_time() {
    for seed in 0..20 {
        let misbehave = protocol("snmp").faults.iter().map(|fault| (*fault, 0.1)).collect();
        let plan =
            Plan { protocol: protocol("snmp"), rows: 30, misbehave, wanted: None, ..everything_wrong(seed) };
        let mut fleet = Fleet::new(plan).expect("a valid plan");
        // GETBULK with fifty repetitions: some agents' replies get lost.
        let mut bulk = GET.to_vec();
        (bulk[13], bulk[24]) = (0xa5, 50);
        let wrong_community = [&GET[..7], b"Public", &GET[13..]].concat();
        let mut sent = 0;
        for i in 0..1000 {
            let now = Time::from_millis(i * 7);
            sent += replies(&mut fleet, now).len();
            let to = fleet.plan().address(i as u32 * 31 % 100);
            let request = [GET, &bulk, GET, &wrong_community][i as usize % 4];
            fleet.handle_request(now, to, me(), request);
            assert_sums(&fleet, sent);
        }
        sent += replies(&mut fleet, Time::from_millis(60_000)).len();
        assert_sums(&fleet, sent);
        let tally = fleet.tally();
        assert!(fleet.waiting() == 0 && tally.ignored > 50 && tally.forged > 0, "{tally:?}");
    }
}

#[test]
fn the_stale_reply_comes_first_and_is_counted_as_a_duplicate() {
    let misbehave = vec![("stale-id", 1.0)];
    let mut fleet =
        Fleet::new(Plan { protocol: protocol("snmp"), misbehave, ..Plan::default() }).expect("valid");
    let to = fleet.plan().address(3);
    assert_eq!(fleet.fault(3), Some("stale-id"));
    fleet.handle_request(Time::ZERO, to, me(), GET);
    let ids = |all: Vec<(Time, FleetReply, Vec<u8>)>| {
        all.iter().map(|(_, _, datagram)| pdu(datagram).request_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(replies(&mut fleet, Time::from_millis(1000))), [999, 1000]);
    assert_eq!((fleet.tally().answered, fleet.tally().duplicated), (1, 1));
}

#[test]
fn garbled_replies_and_forgeries_differ_by_the_id() {
    let plan =
        Plan { protocol: protocol("snmp"), hosts: 100, garbage: 0.5, forge: 1000.0, ..Plan::default() };
    let mut fleet = Fleet::new(plan).expect("valid");
    fleet.targets().for_each(|to| fleet.handle_request(Time::ZERO, to, me(), GET));
    let all = replies(&mut fleet, Time::from_millis(10_000));
    let (ours, forged): (Vec<_>, Vec<_>) =
        all.iter().partition(|(_, _, datagram)| pdu(datagram).request_id == 1000);
    assert_eq!((ours.len(), forged.len()), (100, 2000));
    let is_broken = |datagram: &[u8]| {
        let mut varbinds = pdu(datagram).varbinds();
        varbinds.by_ref().for_each(drop);
        varbinds.broken().is_some()
    };
    assert_eq!(ours.iter().filter(|(_, _, datagram)| is_broken(datagram)).count(), 50);
    assert!(!forged.iter().any(|(_, _, datagram)| is_broken(datagram)));
}

#[test]
fn an_agent_replies_with_its_values_at_the_time_of_the_request() {
    let latency = Latency { median: Duration::from_millis(300), sigma: 0.0 };
    let plan = Plan { protocol: protocol("snmp"), latency, duplicate: 1.0, ..Plan::default() };
    let mut fleet = Fleet::new(plan).expect("valid");
    let to = fleet.plan().address(0);
    fleet.handle_request(Time::ZERO, to, me(), GET);
    fleet.handle_request(Time::from_millis(100), to, me(), GET);
    let all = replies(&mut fleet, Time::from_millis(1000));
    let uptime = |at: usize| match pdu(&all[at].2).varbinds().next().expect("one").value {
        crate::protocol::snmp::Value::TimeTicks(uptime) => uptime,
        other => panic!("{other:?}"),
    };
    assert_eq!((uptime(1) - uptime(0), uptime(2) - uptime(0)), (0, 10));
}

//! The cost of parsing a datagram: one of each kind, as sent by real servers.

#[path = "../tests/support/captured.rs"]
mod captured;

use std::hint::black_box;

use allears::protocol::games::quake3::{ServerList, Status};
use allears::protocol::games::text::{Colors, TextRules};
use allears::protocol::games::{Game, Games};
use allears::protocol::snmp::ber::Writer;
use allears::protocol::snmp::message::{self, Message, PduHead, pdu_tag};
use allears::protocol::snmp::{Oid, Value, Varbind, Version};
use allears::protocol::{Protocol, Token};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Returns the longest reply in a file of captures.
fn longest(file: &str) -> Vec<u8> {
    captured::replies(file).max_by_key(Vec::len).unwrap_or_default()
}

/// Returns a status as long as the longest one captured from an Enemy Territory server: 1,814 bytes, 41 players.
fn full_server() -> Vec<u8> {
    let mut status = b"\xff\xff\xff\xffstatusResponse\n\\P\\".to_vec();
    status.extend([b'1'; 41]);
    for rule in 0..28 {
        status.extend(format!("\\g_some_rule_{rule}\\value {rule}").bytes());
    }
    status.extend(b"\\sv_hostname\\^1Full ^7server\\mapname\\oasis\\challenge\\00000000deadbeef\n");
    for player in 0..41 {
        status.extend(format!("{} 48 \"^1So^7me^2 player {player}\"\n", player * 12_345).bytes());
    }
    status
}

fn statuses(c: &mut Criterion) {
    let openarena = longest(include_str!("../tests/data/openarena-info-status.hex"));
    let full = full_server();
    let Some(game) = Game::find("et") else { return };
    let mut group = c.benchmark_group("status");
    for (name, datagram) in [("openarena, 4 players", &openarena), ("et, 41 players", &full)] {
        group.throughput(Throughput::Bytes(datagram.len() as u64));
        group.bench_function(format!("parse: {name}"), |b| {
            b.iter(|| Status::parse(black_box(datagram)).map(|status| status.player_count()));
        });
        group.bench_function(format!("parse and all players: {name}"), |b| {
            b.iter(|| {
                let status = Status::parse(black_box(datagram))?;
                let points: f64 = status.players().filter_map(|player| player.score).sum();
                Ok::<f64, &str>(points)
            });
        });
        group.bench_function(format!("parse to a ServerInfo: {name}"), |b| {
            b.iter(|| Status::parse(black_box(datagram)).map(|status| status.to_info(game)));
        });
    }
    let et = Games::new(game);
    assert_eq!(et.read_token(&full), Some(Token(0xdead_beef)));
    group.throughput(Throughput::Bytes(full.len() as u64));
    group.bench_function("token", |b| b.iter(|| et.read_token(black_box(&full))));
    group.finish();
}

fn lists(c: &mut Criterion) {
    let list = longest(include_str!("../tests/data/dpmaster-et-getservers.hex"));
    let mut group = c.benchmark_group("list");
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("parse and all addresses", |b| {
        b.iter(|| {
            let list = ServerList::parse(black_box(&list))?;
            Ok::<u64, &str>(list.servers().map(|server| u64::from(server.port())).sum())
        });
    });
    group.finish();
}

fn texts(c: &mut Criterion) {
    let mut group = c.benchmark_group("text");
    for (name, text) in
        [("ascii", &b"^2<^3<^2H^30^2$$^3A^2M^3>^2>"[..]), ("latin-1", b"^1{JoFA}^5PsY\xa9h0^1{A}")]
    {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("clean: {name}"), |b| {
            b.iter(|| TextRules::new(Colors::Indexed).clean(black_box(text)))
        });
    }
    group.finish();
}

/// Returns a reply to a GETBULK of 25: rows of an interface table, mostly counters, about 600 bytes.
fn bulk_reply() -> Vec<u8> {
    let (mut writer, mut reply) = (Writer::default(), vec![]);
    for row in (1..=5u32).rev() {
        let varbinds = [
            (2, Value::OctetString(b"GigabitEthernet0/1")),
            (5, Value::Gauge32(1_000_000_000)),
            (8, Value::Integer(1)),
            (10, Value::Counter32(3_000_000_000 + row)),
            (16, Value::Counter32(4_000_000_000 - row)),
        ];
        for (column, value) in varbinds.iter().rev() {
            let name = Oid::from_arcs(&[1, 3, 6, 1, 2, 1, 2, 2, 1, *column, 10_000 + row]).expect("a name");
            Varbind::write(name.as_oid(), value, &mut writer);
        }
    }
    let head = PduHead { tag: pdu_tag::RESPONSE, request_id: 1_234_567_890, first: 0, second: 0 };
    head.wrap(0, &mut writer);
    message::wrap_community(Version::V2c, b"public", 0, &mut writer);
    writer.append_to(&mut reply);
    reply
}

fn agents(c: &mut Criterion) {
    let reply = bulk_reply();
    let mut group = c.benchmark_group("snmp");
    group.throughput(Throughput::Elements(25));
    group.bench_function(format!("25 varbinds, all values: {} bytes", reply.len()), |b| {
        b.iter(|| {
            let Ok(Message::Community(message)) = Message::parse(black_box(&reply)) else { return 0 };
            let mut sum = 0;
            for varbind in message.pdu.varbinds() {
                sum += match varbind.value {
                    Value::Counter32(number) | Value::Gauge32(number) => u64::from(number),
                    Value::Integer(number) => number as u64,
                    Value::OctetString(text) => text.len() as u64,
                    _ => 0,
                } + varbind.oid.as_ber().len() as u64;
            }
            sum
        });
    });
    group.bench_function("request-id", |b| b.iter(|| message::read_id(black_box(&reply))));
    group.finish();
}

criterion_group!(benches, statuses, lists, texts, agents);
criterion_main!(benches);

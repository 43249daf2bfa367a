//! Truncated answers are asked for again by TCP: many queries share a connection, and servers that close it early, late or
//! with half a message lose no answer.
#![cfg(feature = "cli")]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use allears::engine::{Config, Ledger, Outcome, Timeout};
use allears::net::{Options, Sweep, random_key};
use allears::protocol::Transport;
use allears::protocol::dns::{Answer, Class, Dns, DnsSettings, Name, Question, RecordType, Tcp};
use support::name_server::{frame, read_frame, reply, serve_connections, truncating_server};

/// Returns the reply to `query`.
fn whole(query: &[u8]) -> Vec<u8> {
    reply(query, [192, 0, 2, 1])
}

/// Starts a server whose answers by UDP are truncated. `serve` handles each TCP connection.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let (address, listener) = truncating_server();
    serve_connections(listener, serve);
    address
}

fn resolve(
    settings: DnsSettings,
    server: SocketAddr,
    names: usize,
    timeout: Timeout,
) -> (Vec<Outcome<Answer>>, Ledger) {
    let dns = Dns::new(settings, [server], random_key().expect("random numbers"));
    let targets = (0..names).map(|number| {
        let name: Name = format!("n{number}.test").parse().expect("a name");
        (server, Question::new(&name, RecordType::A, Class::IN), ())
    });
    let config = Config::unlimited().with_timeout(timeout);
    let mut sweep = Sweep::with_settings(dns, targets, config, &Options::default()).expect("sockets");
    let outcomes = sweep.by_ref().map(|completion| completion.expect("no system error").outcome).collect();
    assert!(sweep.ledger().adds_up(0), "{:?}", sweep.ledger());
    (outcomes, sweep.ledger().clone())
}

fn answered_by_tcp(outcomes: &[Outcome<Answer>]) -> usize {
    let is_whole =
        |answer: &Answer| answer.transport == Transport::Stream && answer.message.answers().count() == 1;
    outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Answered(answer) if is_whole(answer))).count()
}

#[test]
fn queries_share_a_connection_and_are_counted_apart() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let address = server(move |mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        while let Some(query) = read_frame(&mut stream) {
            if stream.write_all(&frame(&whole(&query))).is_err() {
                return;
            }
        }
    });
    // No more than the small buffer of this server holds, and long enough for a busy machine.
    let patient = Timeout::Fixed(Duration::from_secs(20));
    let (outcomes, ledger) = resolve(DnsSettings::default(), address, 150, patient);
    assert_eq!(answered_by_tcp(&outcomes), 150);
    assert_eq!((ledger.datagrams_sent, ledger.datagrams_received), (150, 150));
    assert_eq!((ledger.stream_sent, ledger.stream_received, ledger.queries), (150, 150, 300));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    let (outcomes, ledger) = resolve(DnsSettings::default().with_tcp(Tcp::Only), address, 10, Timeout::Auto);
    assert_eq!((answered_by_tcp(&outcomes), ledger.datagrams_sent), (10, 0));
}

#[test]
fn replies_may_come_in_any_order_and_byte_by_byte() {
    let address = server(|mut stream| {
        stream.set_nodelay(true).expect("a socket");
        while let (Some(first), Some(second)) = (read_frame(&mut stream), read_frame(&mut stream)) {
            let frames = [frame(&whole(&second)), frame(&whole(&first))].concat();
            frames.chunks(1).for_each(|byte| drop(stream.write_all(byte)));
        }
    });
    let (outcomes, _) = resolve(DnsSettings::default(), address, 20, Timeout::Auto);
    assert_eq!(answered_by_tcp(&outcomes), 20);
}

#[test]
fn a_server_that_closes_after_each_answer_still_answers_all() {
    let address = server(|mut stream| {
        if let Some(query) = read_frame(&mut stream) {
            let _ = stream.write_all(&frame(&whole(&query)));
        }
    });
    let (outcomes, _) = resolve(DnsSettings::default(), address, 100, Timeout::Auto);
    assert_eq!(answered_by_tcp(&outcomes), 100);
}

#[test]
fn a_query_that_kills_its_connection_does_not_harm_others() {
    let address = server(|mut stream| {
        while let Some(query) = read_frame(&mut stream) {
            if query[12..].starts_with(b"\x02n7") {
                return;
            }
            let _ = stream.write_all(&frame(&whole(&query)));
        }
    });
    let (outcomes, _) = resolve(DnsSettings::default(), address, 30, Timeout::Auto);
    assert_eq!(answered_by_tcp(&outcomes), 29);
    assert!(outcomes.contains(&Outcome::Malformed("TCP: connection closed")), "{outcomes:?}");
}

#[test]
fn half_a_message_and_a_stalled_connection_are_failures_with_a_reason() {
    let half = server(|mut stream| {
        if let Some(query) = read_frame(&mut stream) {
            let frame = frame(&whole(&query));
            let _ = stream.write_all(&frame[..frame.len() / 2]);
        }
    });
    let (outcomes, _) = resolve(DnsSettings::default(), half, 3, Timeout::Auto);
    assert_eq!(outcomes, vec![Outcome::Malformed("TCP: connection closed"); 3]);
    let stalled = server(|mut stream| while read_frame(&mut stream).is_some() {});
    let (outcomes, _) =
        resolve(DnsSettings::default(), stalled, 3, Timeout::Fixed(Duration::from_millis(50)));
    assert!(answered_by_tcp(&outcomes) == 0 && outcomes.len() == 3, "{outcomes:?}");
}

#[test]
fn messages_that_answer_nothing_do_not_keep_a_query_open() {
    let address = server(|mut stream| {
        read_frame(&mut stream);
        let _ = stream.write_all(b"\0\0\0\x03abc");
    });
    let (outcomes, ledger) = resolve(DnsSettings::default(), address, 3, Timeout::Auto);
    assert_eq!(outcomes, vec![Outcome::Malformed("TCP: connection closed"); 3]);
    assert!(ledger.unmatched > 0, "{ledger:?}");
}

#[test]
fn more_servers_than_connections_are_all_asked() {
    // One listener for all addresses: with one for each, the test would need more than 1,024 file descriptors.
    let count = 300u16;
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    serve_connections(listener, |mut stream| {
        if let Some(query) = read_frame(&mut stream) {
            let _ = stream.write_all(&frame(&whole(&query)));
        }
    });
    let settings = DnsSettings::default().with_sticky(true).with_tcp(Tcp::Only);
    let dns = Dns::new(settings, [], random_key().expect("random numbers"));
    let targets = (0..3 * count).map(|number| {
        let [high, low] = (number / 3 + 1).to_be_bytes();
        let name: Name = format!("n{number}.test").parse().expect("a name");
        (([127, 9, high, low], port).into(), Question::new(&name, RecordType::A, Class::IN), ())
    });
    let mut sweep =
        Sweep::with_settings(dns, targets, Config::unlimited(), &Options::default()).expect("sockets");
    let outcomes: Vec<_> =
        sweep.by_ref().map(|completion| completion.expect("no system error").outcome).collect();
    assert_eq!(answered_by_tcp(&outcomes), 3 * usize::from(count));
}

#[test]
fn a_truncated_answer_without_tcp_is_an_error_and_never_empty() {
    let (address, listener) = truncating_server();
    drop(listener);
    let (outcomes, _) = resolve(DnsSettings::default(), address, 3, Timeout::Auto);
    assert_eq!(outcomes, vec![Outcome::Malformed("TCP: connection refused"); 3]);
}

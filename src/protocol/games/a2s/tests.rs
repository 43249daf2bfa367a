//! Conversations with servers.

use super::*;
use crate::protocol::games::ServerInfo;
use crate::protocol::games::talk::{done, server};
use crate::protocol::{Quiet, Token};

const CHALLENGE_A: &[u8] = b"\xff\xff\xff\xffA\x01\x02\x03\x04";
const CHALLENGE_B: &[u8] = b"\xff\xff\xff\xffA\x05\x06\x07\x08";
/// INFO with two players.
const INFO: &[u8] = b"\xff\xff\xff\xffI\x11name\0map\0dir\0game\0\xf0\0\x02\x10\0dl\0\x001.0\0";
const EMPTY: &[u8] = b"\xff\xff\xff\xffI\x11name\0map\0dir\0game\0\xf0\0\0\x10\0dl\0\x001.0\0";
const OLD_INFO: &[u8] = b"\xff\xff\xff\xffm10.0.0.1:1\0old\0map\0dir\0game\0\x02\x10\x2fdl\0\0\0\0";
const LIST: &[u8] = b"\xff\xff\xff\xffD\x02\0a\0\x01\0\0\0\0\0\x80\x3f\0b\0\x02\0\0\0\0\0\0\x40";
const RULE: &[u8] = b"\xff\xff\xff\xffE\x01\0k\0v\0";
const MORE: Step<()> = Step::More { quiet: PART_GAP };
const NEXT: Step<()> = Step::AskNext;
const NOT_MINE: Step<()> = Step::NotMine;

fn query(with_rules: bool) -> ServerQuery {
    ServerQuery::new(Game::find("css").unwrap(), with_rules)
}

fn request(query: &mut ServerQuery) -> Vec<u8> {
    let mut out = Vec::new();
    query.write_request(Attempt::first(Token::NONE), &mut out);
    out
}

fn step(query: &mut ServerQuery, datagram: &[u8]) -> Step<ServerInfo> {
    let reply = Reply::to_first(([127, 0, 0, 1], 27015).into(), datagram);
    query.step(&mut ServerSet::default(), &reply).map(server)
}

/// Processes datagrams that do not end the conversation, and returns the steps without answers, for comparison.
fn steps<const N: usize>(query: &mut ServerQuery, datagrams: [&[u8]; N]) -> [Step<()>; N] {
    datagrams.map(|datagram| step(query, datagram).map(drop))
}

/// Splits a packet into two parts in Source's layout.
fn split(id: u8, packet: &[u8]) -> [Vec<u8>; 2] {
    let (first, second) = packet.split_at(packet.len() - 6);
    [(0, first), (1, second)]
        .map(|(number, part)| [split::SPLIT, &[id, 0, 0, 0, 2, number, 0xe0, 4], part].concat())
}

#[test]
fn a_usual_server_takes_three_packets() {
    let mut query = query(false);
    assert_eq!(request(&mut query), INFO_REQUEST);
    assert_eq!(steps(&mut query, [CHALLENGE_A]), [NEXT]);
    assert_eq!(request(&mut query), [INFO_REQUEST, b"\x01\x02\x03\x04"].concat());
    assert_eq!(steps(&mut query, [INFO]), [NEXT]);
    assert_eq!(request(&mut query), b"\xff\xff\xff\xffU\x01\x02\x03\x04");
    let info = done(step(&mut query, LIST));
    assert_eq!((info.name.as_deref(), info.players, info.player_list.len()), (Some("name"), 2, 2));
    assert_eq!((info.player_list[1].score, info.player_list[1].seconds), (Some(2.0), Some(2.0)));
    assert_eq!((info.truncated, info.remarks.is_empty()), (false, true));
}

#[test]
fn the_challenge_may_come_with_the_second_request_only() {
    let mut query = query(true);
    assert_eq!(steps(&mut query, [INFO]), [NEXT]);
    assert_eq!(request(&mut query), b"\xff\xff\xff\xffU\xff\xff\xff\xff");
    assert_eq!(steps(&mut query, [CHALLENGE_A]), [NEXT]);
    assert_eq!(request(&mut query), b"\xff\xff\xff\xffU\x01\x02\x03\x04");
    assert_eq!(steps(&mut query, [LIST]), [NEXT]);
    assert_eq!(request(&mut query), b"\xff\xff\xff\xffV\x01\x02\x03\x04");
    let info = done(step(&mut query, RULE));
    assert_eq!((info.rules.get("k"), info.player_list.len()), (Some(&b"v"[..]), 2));
}

#[test]
fn an_empty_server_is_not_asked_for_players() {
    assert_eq!(done(step(&mut query(false), EMPTY)).players, 0);
    let mut with_rules = query(true);
    assert_eq!(steps(&mut with_rules, [EMPTY]), [NEXT]);
    assert_eq!(request(&mut with_rules), b"\xff\xff\xff\xffV\xff\xff\xff\xff");
    assert_eq!(done(step(&mut with_rules, RULE)).rules.get("k"), Some(&b"v"[..]));
}

#[test]
fn challenges_end_after_three_for_each_request() {
    let mut query = query(false);
    let challenge = |number: u8| [&CHALLENGE_A[..5], &[number; 4]].concat();
    for number in 1..=3 {
        assert_eq!(steps(&mut query, [&challenge(number)]), [NEXT]);
        assert_eq!(steps(&mut query, [&challenge(number)]), [NOT_MINE], "a copy");
    }
    let reason = "the server keeps sending new challenges";
    assert_eq!(steps(&mut query, [&challenge(4)]), [Step::Malformed(reason)]);
    assert_eq!(steps(&mut query, [INFO, CHALLENGE_B]), [NEXT; 2]);
    assert_eq!(steps(&mut query, [&CHALLENGE_A[..8]]), [Step::Malformed("the challenge is cut off")]);
}

#[test]
fn each_reply_answers_its_own_request_only() {
    let mut query = query(true);
    assert_eq!(
        steps(&mut query, [LIST, RULE, b"", b"\xff\xff\xff\xff", b"\xff\xff\xff\xffj"]),
        [NOT_MINE; 5]
    );
    assert_eq!(steps(&mut query, [INFO, INFO, RULE]), [NEXT, NOT_MINE, NOT_MINE]);
    assert_eq!(steps(&mut query, [LIST, LIST, INFO]), [NEXT, NOT_MINE, NOT_MINE]);
    assert_eq!(done(step(&mut query, RULE)).player_list.len(), 2);
}

#[test]
fn a_server_that_sends_both_layouts_is_read_once() {
    for [first, second] in [[OLD_INFO, INFO], [INFO, OLD_INFO]] {
        let mut query = query(true);
        assert_eq!(steps(&mut query, [first, second, LIST, LIST]), [NEXT, NOT_MINE, NEXT, NOT_MINE]);
        let info = done(step(&mut query, RULE));
        assert_eq!(info.name.as_deref(), Some(if first == INFO { "name" } else { "old" }));
        assert_eq!((info.player_list.len(), info.remarks.is_empty()), (2, true));
    }
}

#[test]
fn an_empty_list_of_rules_instead_of_a_challenge_ends_the_request() {
    let mut query = query(true);
    assert_eq!(steps(&mut query, [INFO, b"\xff\xff\xff\xffE\0\0"]), [NEXT; 2]);
    let info = done(step(&mut query, b"\xff\xff\xff\xffE\0\0"));
    assert_eq!(
        (info.truncated, info.remarks),
        (true, vec!["the server does not list its players".to_owned()])
    );
}

#[test]
fn a_server_that_has_described_itself_is_never_lost() {
    let mut query = query(true);
    assert!(query.partial_answer().is_none());
    steps(&mut query, [INFO]);
    assert_eq!(steps(&mut query, [b"\xff\xff\xff\xffD"]), [Step::Malformed("the reply is cut off")]);
    let info = server(query.partial_answer().unwrap());
    assert_eq!((info.players, info.truncated), (2, true));
    assert_eq!(info.remarks, ["the player list is missing: the reply is cut off"]);

    let mut query = self::query(true);
    steps(&mut query, [INFO, LIST]);
    let info = server(query.partial_answer().unwrap());
    assert_eq!((info.player_list.len(), info.truncated), (2, false));
    assert_eq!(info.remarks, ["the rules are missing"]);
}

#[test]
fn split_replies_are_joined() {
    let mut query = query(true);
    let [first, second] = split(7, LIST);
    let [first_rules, second_rules] = split(8, RULE);
    assert_eq!(steps(&mut query, [INFO, &second, &second, &first]), [NEXT, MORE, NOT_MINE, NEXT]);
    assert_eq!(steps(&mut query, [&first, &first_rules]), [NOT_MINE, MORE]);
    let info = done(step(&mut query, &second_rules));
    assert_eq!((info.player_list.len(), info.rules.get("k")), (2, Some(&b"v"[..])));
}

#[test]
fn a_missing_part_is_asked_for_again_and_the_others_are_kept() {
    let mut query = query(false);
    let [first, second] = split(7, LIST);
    assert_eq!(steps(&mut query, [INFO, &first]), [NEXT, MORE]);
    assert!(matches!(query.quiet(1), Quiet::Retry));
    let Quiet::Done(answer) = query.quiet(0) else { panic!("no tries left") };
    let info = server(answer);
    assert_eq!((info.player_list.len(), info.truncated), (1, true));
    assert_eq!(info.remarks[1], "part of the player list is missing");

    let mut query = self::query(false);
    steps(&mut query, [INFO, &first]);
    assert!(matches!(query.quiet(1), Quiet::Retry));
    assert_eq!(done(step(&mut query, &second)).player_list.len(), 2, "the part was late");
    assert!(matches!(self::query(false).quiet(0), Quiet::Retry), "nothing is known");
}

#[test]
fn replies_are_bounded_by_the_number_of_players() {
    let mut query = query(true);
    assert_eq!(query.reply_size(), ReplySize::one(512));
    steps(&mut query, [INFO]);
    assert_eq!(query.reply_size(), ReplySize::one(1400));
    query.server.as_mut().unwrap().info.players = 64;
    assert_eq!(query.reply_size().datagrams, 2);
    query.server.as_mut().unwrap().info.players = u32::from(u16::MAX);
    assert_eq!(query.reply_size().datagrams, 7);
}

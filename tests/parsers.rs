//! Parsers accept any datagram or return a reason; they never panic.

#[path = "support/captured.rs"]
mod captured;
#[path = "support/mutated.rs"]
mod mutated;

use allears::protocol::games::quake3::{ServerList, Status};
use allears::protocol::games::text::{Colors, TextRules, raw_text};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games, WireProtocol};
use allears::protocol::raw::{Payload, Raw};
use allears::protocol::{Attempt, Proof, Protocol, Reply, Step, Token};
use mutated::mutated;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const FILES: [&str; 2] =
    [include_str!("data/openarena-info-status.hex"), include_str!("data/dpmaster-et-getservers.hex")];

/// Returns real replies, and synthetic ones for the cases that these lack.
fn replies() -> Vec<Vec<u8>> {
    let mut replies: Vec<Vec<u8>> = FILES.into_iter().flat_map(captured::replies).collect();
    for made in [
        &b"statusResponse\n\\challenge\\00000000deadbeef\\P\\1-2\\clients\\2\n1 0 \"a\"\n-2 5 \"^xF00b\"\n"[..],
        b"statusResponse\n\\bots\\1\\hostname\\x\n1.5 0 2 \"a\"\n7 8 9 1 \"b\"\n46 \"c\"\n1 2 \"d\" 3\n",
        b"getserversExtResponse\\\x0a\0\0\x01\x6d\x38/\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x6d\x38\\EOT\0\0\0",
        b"getserversResponse\n\0\\\x0a\0\0\x01\x6d\x38\\EOF",
        b"A\x01\x02\x03\x04",
        b"I\x11name\0map\0ship\0game\0\x60\x09\x02\x10\x01dl\0\x01\x01\x02\x031.0\0\xb1\x87\x69\x01\x02\x03\x04\x05\x06\x07\x08mp300\0\x60\x09\0\0\0\0\0\0",
        b"m10.0.0.1:1\0name\0map\0dir\0game\0\x02\x10\x2fdl\0\x01url\0\0\0\x01\0\0\0\x02\0\0\0\x01\x01\x01\x02",
        b"D\x02\0a\0\x01\0\0\0\0\0\x80\x3f\x01Max Players\0\xff\xff\xff\xff\0\0\xc0\x7f",
        b"E\x02\0\x01\x01\0\x03\x01\x02\0key\0value\0",
        b"f\n\x7f\x07\0\0\0\x08\x0a\0\0\x01\x69\x87\0\0\0\0\0\0",
        b"statusResponse\n\\hostname\\x\\B\\-b\\P\\12\n1,2:bot:spectator 5 \"a\"\n1 x \"b\" [bot]\n3 y\n7 8 \"c\"",
        b"infoResponse\n\\challenge\\01234567\\hostname\\x\\clients\\12\\bots\\3\\sv_maxclients\\20",
    ] {
        replies.push([b"\xff\xff\xff\xff", made].concat());
    }
    let pong = b"\0\x01\x05\x03\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x05\0\0\0\x64\0\x01\x11\x70";
    replies.push(pong.to_vec());
    for made in [
        &b"n\\hostname\\x\\needpass\\1\n1 2 3 -4 \"\\s\\a\" \"s\" 0 13 \"t\" \"SE\" \"h\"\nqtv 1 \"a\" \"\" 2\n\0"[..],
        b"print\nhello\n\\hostname\\x\\bots\\2\n1 0 \"a\" \"127.0.0.1\" 1\n\\score\\2\\ping\\3\\name\\b\\ai\\1\n",
        b"servers \x0a\0\0\x01\x6d\x06",
        b"d\n\x0a\0\0\x01\x6b\x6c\x0a\0\0\x02\x6b\x6c",
    ] {
        replies.push([b"\xff\xff\xff\xff", made].concat());
    }
    replies.extend(binary_replies().iter().map(|reply| reply.to_vec()));
    for part in [
        &b"\x07\0\0\0\x01\0\xe0\x04\xff\xff\xff\xffI\x11name\0map\0dir\0game\0\xf0\0\x02\x10\0dl\0\x001.0\0"
            [..],
        b"\x07\0\0\0\x01\xff\xff\xff\xffI\x11name\0map\0dir\0game\0\xf0\0\x02\x10\0dl\0\x001.0\0",
        b"\x07\0\0\x80\x01\0\xe0\x04\x20\0\0\0\x01\x02\x03\x04BZh91AY&SY\0\0\0\0",
    ] {
        replies.push([b"\xfe\xff\xff\xff", part].concat());
    }
    for made in [
        &b"\\hostname\\A\\numplayers\\2\\player_0\\a\\b\\frags_0\\1\\team_0\\0\\teamname_0\\x\\queryid\\7.1\\final\\"[..],
        b"\0\xc0\0\0\x01hostname\0A\0numplayers\x002\0\0\0\x02player_\0score_\0\0Ann\x001\0Bo\0\0\0\x01team_t\0\0x\0",
        b"\x80\0\0\0\0\0\0\0\0\0\x61\x1e\0\0\0\0\0\0\x06\x1b\xf8@@A\0\x83D\0M\0\0\0\x01\0\x02\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x022\0\0\0",
        b"\x80\0\0\0\x02\x05\0\0\0\x04Ann\0\x20\0\0\0\x07\0\0\0\0\0\0\x20\0\0\0\0\x02B\0",
        b"\x09\x80\0\0\x01-1287574694\0",
        b"\0\xc0\0\0\x01splitnum\0\x80\0hostname\0A\0numplayers\x002\0\0\x01player_\0\0Ann\0Bo\0\0score_\0\x011\0\0\0\x02team_t\0\0x\0\0",
        b"\0\x40\0\0\x01splitnum\0\x01\x01player_\0\x18Cy\0",
        b"\0\0\0\0\x01GeyserMC\0\x80\0hostname\0\0*K\0gametype\0SMP\0numplayers\x001\0\0\x01player_\0\0Ann\0\0",
        b"\0\x40\0\0\x01splitnum\0\0\0hostname\0A\0numplayers\x001\0\0\0\x01Ann\0STEAM\0\0*",
    ] {
        replies.push(made.to_vec());
    }
    for made in [
        &b"infoResponse\0\x01\x02\x03\x04\x29\0\x01\0si_name\0x\0\0\0\0\x05\0\x64\0\0\0a\0\x20\x07\0\0\0"[..],
        b"infoResponse\0\x01\x02\x03\x04\x55\0\x02\0si_name\0x\0\0\0\0\x05\0\x64\0\0\0a\0c\0\x20\x07\0\0\0",
        b"infoExResponse\0\x01\x02\x03\x04\x01\x02\x03\x04\x15\0\x0a\0\0\0\0\0si_name\0x\0\0\0\0\x05\0a\0\0c\0\x01\x20\
          \x07\0\0\0\0\x01\0\0\0\0\0\x02\0\0\0\xc0\x7fteam\0\x01\0\0\0\x01\0\0\0\x20",
        b"servers\0\x0a\0\0\x01\x12\x6c",
    ] {
        replies.push([b"\xff\xff", made].concat());
    }
    replies
}

/// Returns synthetic replies of protocols other than Quake 3's.
fn binary_replies() -> &'static [&'static [u8]] {
    &[
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffinf37\x000.6.4\0Old [3/64]\0dm1\0DM\x001\x001\x008\x001\x0016\0Ann\0\x00276\0-7\x001\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffiext7\x0016.4\0Name\0dm1\x001\x002\0DM\x000\x001\x008\x001\x0064\0\0Ann\0\x00276\0-7\x001\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffiex+7\x001\0\0Ann\0\x00276\0-7\x001\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfflis2\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01\x20\x6f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffsiz2\0\x01",
        b"\x04\0\0\0\0\0\x07\x05\xca\xfe\xba\xbe",
        b"EYE1\x04mta\x0622003\x05Name\x01\x03LS\x041.6\x020\x022\x0332\x05lang\x03de\x01\x3f\x04Ann\x01\x05wolf\x0312\x0348\x01\x01\x04Bob",
        b"SAMP\x7f\0\0\x01\x61\x1ei\x01\x02\0\x32\0\x05\0\0\0Gr\xfcn!\x02\0\0\0DM\x02\0\0\0de",
        b"\x21\0\0\0\x07\xca\xfe\xba\xbe\xff\xff\xff\xffinf3\x000.7.5\0Name\0\0dm1\0DM\0\x01\x01\x01\x08\x01\x10Ann\0\0\x40\x8f\x9c\x01\x02",
    ]
}

/// Passes a datagram to every parser, and checks the invariants.
fn read_all(datagram: &[u8]) {
    match Status::parse(datagram) {
        Ok(status) => check_status(&status),
        Err(reason) => assert!(!reason.is_empty()),
    }
    match ServerList::parse(datagram) {
        Ok(list) => assert!(list.servers().all(|server| server.port() != 0)),
        Err(reason) => assert!(!reason.is_empty()),
    }
    for wire in WireProtocol::all() {
        let Some(game) = Game::all().find(|game| std::ptr::eq(game.wire, wire)) else { continue };
        let server = GameQuestion::server(game);
        let masters = [false, true].map(|with_ipv6| GameQuestion::master(game, with_ipv6));
        for question in [server, server.with_rules()].into_iter().chain(masters.into_iter().flatten()) {
            read_as_reply(datagram, game, question);
        }
    }
}

/// Passes a datagram to a conversation as its first and only reply.
fn read_as_reply(datagram: &[u8], game: &'static Game, question: GameQuestion) {
    let mut games = Games::new(game);
    games.read_token(datagram);
    games.read_request_token(datagram);
    let from = ([127, 0, 0, 1], game.server_port).into();
    let mut conversation = games.begin(from, question);
    games.write_request(&mut conversation, Attempt::first(Token(7)), &mut Vec::new());
    match games.step(&mut conversation, &Reply::to_first(from, datagram)) {
        Step::Malformed(reason) | Step::Unproven(reason) => assert!(!reason.is_empty()),
        Step::Done(GameAnswer::Server { info, .. }) => {
            assert!(info.bots.is_none_or(|bots| bots <= info.players), "{info:?}");
            assert!(
                info.player_list.iter().all(|player| player.score.is_none_or(f64::is_finite)),
                "{info:?}"
            );
        }
        _ => {}
    }
    games.quiet(&mut conversation, 0);
    games.partial_answer(&mut conversation);
}

fn check_status(status: &Status<'_>) {
    for at_ping_zero in [false, true] {
        let status = status.with_bots_at_ping_zero(at_ping_zero);
        let (listed, all) = (status.players().count(), status.player_count());
        let has_all = !status.truncated() && !status.lists_people_only();
        assert!(if has_all { listed == all } else { listed <= all }, "{listed} of {all}");
        assert!(status.bots().is_none_or(|bots| bots <= status.player_count()));
    }
    assert!(status.players().all(|player| player.score.is_none_or(f64::is_finite)));
    for (key, value) in status.rules() {
        assert!(!key.contains(&b'\\') && !value.contains(&b'\n'));
    }
    for game in Game::all().filter(|game| game.wire.name == "quake3") {
        let info = status.to_info(game);
        assert!(info.rules.iter().eq(status.rules()));
        let names = info.player_list.iter().map(|player| &*player.name_raw);
        assert!(names.eq(status.players().map(|player| player.name)));
    }
}

#[test]
fn truncated_replies_are_parsed_or_have_a_reason() {
    for reply in replies() {
        for len in 0..=reply.len() {
            read_all(&reply[..len]);
        }
    }
}

#[test]
fn a_truncated_status_is_malformed_or_marked_as_truncated() {
    let reply = &replies()[0];
    let info_end =
        4 + reply[4..].iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).expect("info").0;
    let whole = Status::parse(reply).expect("whole").player_count();
    for len in 0..reply.len() {
        match Status::parse(&reply[..len]) {
            Ok(status) => {
                let last_line = reply[..len].rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
                let quotes = last_line.iter().filter(|&&byte| byte == b'"').count();
                let is_whole = len > info_end && (last_line.is_empty() || quotes == 2);
                assert!(status.player_count() <= whole && status.is_without_list() == (len <= info_end));
                assert_eq!(status.truncated(), !is_whole, "{}", last_line.escape_ascii());
            }
            Err(_) => assert!(len <= info_end, "{len}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_replies_are_read_or_have_a_reason(mutated in mutated(replies())) {
        mutated.iter().for_each(|datagram| read_all(datagram));
    }

    #[test]
    fn random_bytes_behind_a_header_are_read_or_have_a_reason(
        header in prop::sample::select(vec![
            "", "statusResponse\n", "statusResponse\n\\a\\b\n", "getserversResponse", "getserversExtResponse\\",
        ]),
        body in vec(prop_oneof![any::<u8>(), prop::sample::select(b"\\/\n\" ^-.019EOTF\0".to_vec())], 0..200),
    ) {
        read_all(&[b"\xff\xff\xff\xff", header.as_bytes(), &body].concat());
        read_all(&body);
    }

    #[test]
    fn conversations_take_replies_of_any_kind_in_any_order(
        game: Index,
        with_rules: bool,
        sequence in vec((any::<Index>(), any::<Index>(), any::<u8>(), 0..4u32), 1..12),
    ) {
        let wires: Vec<_> = WireProtocol::all().collect();
        let wire = wires[game.index(wires.len())];
        let game = Game::all().find(|game| std::ptr::eq(game.wire, wire)).expect("a game");
        let question = GameQuestion::server(game);
        let question = if with_rules { question.with_rules() } else { question };
        let (mut games, from) = (Games::new(game), ([127, 0, 0, 1], game.server_port).into());
        let mut conversation = games.begin(from, question);
        for (number, (which, at, byte, tries)) in (1..).zip(sequence) {
            let attempt = Attempt { number: 1 + tries, ..Attempt::first(Token(1)) };
            games.write_request(&mut conversation, attempt, &mut Vec::new());
            let mut reply = which.get(&replies()).clone();
            if number % 3 == 0 {
                *at.get_mut(&mut reply) = byte;
            }
            if let Step::Done(GameAnswer::Server { info, .. }) =
                games.step(&mut conversation, &Reply::to_first(from, &reply))
            {
                prop_assert!(info.bots.is_none_or(|bots| bots <= info.players), "{:?}", info);
            }
            games.quiet(&mut conversation, tries);
            if let Some(GameAnswer::Server { info, .. }) = games.partial_answer(&mut conversation) {
                prop_assert!(info.player_list.len() <= info.players as usize, "{:?}", info);
            }
        }
    }

    #[test]
    fn any_list_that_is_written_is_read(
        servers in vec((any::<[u8; 4]>(), 1u16..), 0..196),
        end in prop::sample::select(vec![&b""[..], b"\\", b"\\EOT\0\0\0", b"\\EOF"]),
    ) {
        let mut datagram = b"\xff\xff\xff\xffgetserversResponse".to_vec();
        for (address, port) in &servers {
            datagram.push(b'\\');
            datagram.extend(address);
            datagram.extend(port.to_be_bytes());
        }
        datagram.extend(end);
        let list = ServerList::parse(&datagram).expect("whole");
        let wanted: Vec<_> = servers.into_iter().map(std::net::SocketAddr::from).filter(|server| {
            let std::net::IpAddr::V4(ip) = server.ip() else { return false };
            !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast()
        }).collect();
        prop_assert_eq!(list.servers().collect::<Vec<_>>(), wanted);
        prop_assert_eq!(list.has_end, end.len() > 1);
    }

    #[test]
    fn clean_text_is_safe_to_show(text in vec(any::<u8>(), 0..64), chars in ".{0,32}", rgb: bool) {
        let colors = if rgb { Colors::Rgb } else { Colors::Indexed };
        for text in [&text[..], chars.as_bytes()] {
            let shown = TextRules::new(colors).clean(text);
            prop_assert!(!shown.chars().any(char::is_control));
            let spans = TextRules::new(colors).spans(text);
            prop_assert!(spans.iter().all(|span| !span.text.is_empty()));
            prop_assert_eq!(spans.into_iter().map(|span| span.text).collect::<String>(), shown);
        }
        prop_assert_eq!(raw_text(chars.as_bytes()), chars);
    }

    #[test]
    fn every_token_comes_back(token in 1u64.., game: Index) {
        let family: Vec<_> = Game::all().filter(|game| game.wire.name == "quake3").collect();
        let game = family[game.index(family.len())];
        let mut games = Games::new(game);
        let mut conversation = GameConversation::new(([127, 0, 0, 1], 27960).into(), GameQuestion::server(game));
        let mut request = Vec::new();
        games.write_request(&mut conversation, Attempt::first(Token(token)), &mut request);
        let Proof::Token { bits } = games.proof(&conversation) else { panic!("it has a token") };
        let challenge = request.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
        prop_assert_eq!(challenge.len() as u32, bits / 4);
        let reply = [b"\xff\xff\xff\xffstatusResponse\n\\a\\b\\challenge\\", challenge, b"\\c\\d\n"].concat();
        prop_assert_eq!(games.read_token(&reply), Some(Token(token & u64::MAX >> (64 - bits))));
    }

    #[test]
    fn a_raw_token_comes_back(payload in vec(any::<u8>(), 1..40), at: Index, token in 1u64..) {
        let offset = at.index(payload.len());
        let mut raw = Raw::new(payload.clone()).expect("short").with_token_at(offset).expect("within");
        let Proof::Token { bits } = raw.proof(&Payload::default()) else { panic!("it has a token") };
        let mut request = Vec::new();
        raw.write_request(&mut Payload::default(), Attempt::first(Token(token)), &mut request);
        prop_assert_eq!(request.len(), payload.len());
        prop_assert_eq!(raw.read_token(&request), Some(Token(token & u64::MAX >> (64 - bits))));
    }

    #[test]
    fn raw_reads_anything(datagram in vec(any::<u8>(), 0..32), prefix in vec(any::<u8>(), 0..3)) {
        let raw = Raw::new(vec![0; 16]).and_then(|raw| raw.with_expected_prefix(prefix.clone()));
        let mut raw = raw.and_then(|raw| raw.with_token_at(10)).expect("valid settings");
        prop_assert_eq!(raw.read_token(&datagram).is_some(), datagram.len() >= 16);
        let fits = datagram.starts_with(&prefix);
        let reply = Reply::to_first(([127, 0, 0, 1], 7).into(), &datagram);
        prop_assert_eq!(matches!(raw.step(&mut Payload::default(), &reply), Step::Done(_)), fits);
    }
}

//! Minecraft, Bedrock edition: RakNet's unconnected ping.
//!
//! Every server answers it. The layout is that of mcstatus (`bedrock_status.py`): the magic of RakNet's offline
//! messages, a number that the server returns, and a text with fields between semicolons. It has no player names.

use super::fields::{CUT_OFF, Fields};
use super::one_reply::OneReply;
use super::text::{Colors, TextRules};
use super::wire::WireProtocol;
use super::{Game, Rules, ServerInfo};
use crate::protocol::{Proof, Step, Token, bytes_at};

/// The magic of RakNet's offline messages (`RakNetTypes.h`).
const MAGIC: &[u8] = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
const PING: u8 = 0x01;
const PONG: u8 = 0x1c;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "bedrock",
    lists_players: false,
    games: || GAMES,
    server: |question| UNCONNECTED_PING.begin(question),
    master: None,
    read_token,
    read_request_token,
};

static GAMES: &[Game] = &[Game {
    id: "bedrock",
    aliases: &["minecraftbe", "mcbe", "minecraftbedrock"],
    name: "Minecraft: Bedrock Edition",
    text: TextRules::new(Colors::Minecraft),
    ..Game::of(&WIRE_PROTOCOL, 19132)
}];

static UNCONNECTED_PING: OneReply = OneReply {
    // The time of the ping, which the server returns.
    proof: Proof::Token { bits: 64 },
    write_request,
    read: |reply, game| parse(reply, game).map_or_else(Step::Malformed, Step::Done),
    size: 512,
};

fn write_request(_: &Game, token: Token, out: &mut Vec<u8>) {
    out.push(PING);
    out.extend_from_slice(&token.0.to_be_bytes());
    out.extend_from_slice(MAGIC);
    // Our GUID, which servers ignore.
    out.extend_from_slice(&[0; 8]);
}

fn read_token(reply: &[u8]) -> Option<Token> {
    let is_pong = reply.first() == Some(&PONG) && reply.get(17..33) == Some(MAGIC);
    number(reply).filter(|_| is_pong)
}

fn read_request_token(request: &[u8]) -> Option<Token> {
    number(request).filter(|_| request.first() == Some(&PING))
}

fn number(datagram: &[u8]) -> Option<Token> {
    bytes_at(datagram, 1).map(|bytes| Token(u64::from_be_bytes(bytes)))
}

/// Parses a pong: `MCPE;name;protocol;version;players;maximum;guid;world;mode;…`, of which old servers send only the
/// first fields.
fn parse(reply: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut fields = Fields::new(reply);
    fields.bytes(1 + 8 + 8 + MAGIC.len())?;
    let length = usize::from(fields.u16_be()?);
    let mut info = ServerInfo::new(game);
    let mut text = fields.rest();
    if length <= text.len() {
        text = &text[..length];
    } else {
        // Nobody knows how much of the last field is missing.
        text = &text[..text.iter().rposition(|&byte| byte == b';').ok_or(CUT_OFF)?];
        info.remarks.push(CUT_OFF.to_owned());
    }
    push_fields(text, &mut info.rules);
    let rule = |key| info.rules.get(key).filter(|value| !value.is_empty());
    let text = |key| rule(key).map(|value| game.text.clean(&unescaped(value)));
    let players = rule("players").and_then(count);
    info.max_players = rule("max_players").and_then(count);
    info.name_raw = rule("motd").map(Box::from);
    (info.name, info.map, info.game_type) = (text("motd"), text("world"), text("game_mode"));
    info.version = text("version");
    if info.name.is_none() && players.is_none() {
        return Err("the reply does not describe a server");
    }
    if players.is_none() {
        info.remarks.push("the number of players is missing".to_owned());
    }
    info.players = players.unwrap_or_default();
    Ok(info)
}

/// Appends the fields as rules.
fn push_fields(text: &[u8], rules: &mut Rules) {
    const KEYS: [&str; 12] = [
        "edition",
        "motd",
        "protocol",
        "version",
        "players",
        "max_players",
        "guid",
        "world",
        "game_mode",
        "game_mode_number",
        "port",
        "port_v6",
    ];
    let (escaped, plain) = (split_unescaped(text), text.split(|&byte| byte == b';').collect::<Vec<_>>());
    // Not every server escapes: a backslash may also be the end of a name.
    let (fields, extra) = match (extra_fields(&escaped), extra_fields(&plain)) {
        (None, Some(extra)) => (plain, extra),
        (extra, _) => (escaped, extra.unwrap_or(0)),
    };
    let name = fields.iter().skip(1).take(1 + extra);
    let name = name.copied().collect::<Vec<_>>().join(&b';');
    let others = fields.iter().skip(2 + extra).copied();
    let values = fields.iter().take(1).copied().chain((fields.len() > 1).then_some(&name[..])).chain(others);
    for (key, value) in KEYS.into_iter().zip(values) {
        rules.push(key.as_bytes(), value);
    }
}

/// Splits at the semicolons, except those behind a backslash, which belong to a name (`MOTD.md` of bedrock-crustaceans'
/// protocol documentation).
fn split_unescaped(text: &[u8]) -> Vec<&[u8]> {
    let mut is_escaped = false;
    let is_separator = |&byte: &u8| {
        let was_escaped = is_escaped;
        is_escaped = byte == b'\\' && !was_escaped;
        byte == b';' && !was_escaped
    };
    text.split(is_separator).collect()
}

/// Returns how many further fields the name takes because of semicolons in it: it is followed by the number of the protocol,
/// a version, and the numbers of players and slots. `None` without these four.
fn extra_fields(fields: &[&[u8]]) -> Option<usize> {
    let follow = |after: &[&[u8]]| {
        matches!(after, [protocol, version, players, slots]
            if [protocol, players, slots].iter().all(|field| count(field).is_some()) && !version.is_empty())
    };
    fields.get(2..).unwrap_or_default().windows(4).position(follow)
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut bytes = value.iter().copied().peekable();
    let next = || {
        let byte = bytes.next()?;
        Some(if byte == b'\\' { bytes.next_if(|next| b"\\;".contains(next)).unwrap_or(byte) } else { byte })
    };
    std::iter::from_fn(next).collect()
}

fn count(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pong(text: &str) -> Vec<u8> {
        let length = (text.len() as u16).to_be_bytes();
        [&[PONG][..], &7u64.to_be_bytes(), &[9; 8], MAGIC, &length, text.as_bytes()].concat()
    }

    #[test]
    fn a_pong_returns_the_number_of_its_ping() {
        let mut request = Vec::new();
        write_request(&GAMES[0], Token(0x0102_0304_0506_0708), &mut request);
        assert_eq!((request.len(), &request[..9]), (33, &[1, 1, 2, 3, 4, 5, 6, 7, 8][..]));
        assert_eq!(read_request_token(&request), Some(Token(0x0102_0304_0506_0708)));
        assert_eq!(read_token(&pong("")), Some(Token(7)));
        assert_eq!(read_token(&request), None);
        assert_eq!(read_token(&pong("")[..30]), None);
    }

    #[test]
    fn every_field_is_assigned() {
        let reply = pong("MCPE;\u{a7}aWild\u{a7}l;545;1.19.21;111;300;-35;world one;Survival;1;19132;19133;");
        let info = parse(&reply, &GAMES[0]).unwrap();
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("Wild"), Some("world one")));
        assert_eq!((info.players, info.max_players, info.bots), (111, Some(300), None));
        assert_eq!((info.version.as_deref(), info.game_type.as_deref()), (Some("1.19.21"), Some("Survival")));
        assert_eq!((info.rules.get("guid"), info.truncated), (Some(&b"-35"[..]), false));
    }

    #[test]
    fn old_servers_send_less_and_broken_replies_have_a_reason() {
        let info = parse(&pong("MCPE;Old;81;0.15;0;20"), &GAMES[0]).unwrap();
        assert_eq!((info.max_players, info.map, info.truncated), (Some(20), None, false));
        for broken in ["", "MCPE", "MCPE;", "MCPE;;1;v;x;10"] {
            let reason = parse(&pong(broken), &GAMES[0]).unwrap_err();
            assert_eq!(reason, "the reply does not describe a server");
        }
        assert_eq!(parse(&pong("MCPE")[..34], &GAMES[0]).unwrap_err(), CUT_OFF);
    }

    #[test]
    fn names_may_contain_semicolons() {
        for (sent, name) in [
            ("Lobby; PvP", "Lobby; PvP"),
            ("a;b;c", "a;b;c"),
            ("A\\;B", "A;B"),
            ("C:\\\\", "C:\\"),
            ("x\\y", "x\\y"),
            ("end\\", "end\\"),
            ("5;6", "5;6"),
        ] {
            let reply =
                pong(&format!("MCPE;{sent};390;1.14.60;3;10;132;Bedrock level;Survival;1;19132;19133;"));
            let info = parse(&reply, &GAMES[0]).unwrap();
            assert_eq!((info.name.as_deref(), info.players, info.max_players), (Some(name), 3, Some(10)));
            assert_eq!(
                (info.version.as_deref(), info.map.as_deref()),
                (Some("1.14.60"), Some("Bedrock level"))
            );
            assert_eq!((info.name_raw.as_deref(), info.remarks.len()), (Some(sent.as_bytes()), 0));
            assert_eq!((info.rules.len(), info.rules.get("port_v6")), (12, Some(&b"19133"[..])));
        }
    }

    #[test]
    fn odd_counts_cost_nothing_but_themselves() {
        for (counts, players, slots) in [
            (" 3 ; 10 ", Some(3), Some(10)),
            ("4294967296;10", None, Some(10)),
            (";10", None, Some(10)),
            ("-1;10", None, Some(10)),
            ("3;many", Some(3), None),
            ("3", Some(3), None),
            ("", None, None),
        ] {
            let info = parse(&pong(&format!("MCPE;N;1;v;{counts}")), &GAMES[0]).unwrap();
            assert_eq!((info.players, info.max_players), (players.unwrap_or(0), slots), "{counts}");
            assert_eq!((info.name.as_deref(), info.remarks.is_empty()), (Some("N"), players.is_some()));
        }
        assert_eq!(parse(&pong("MCPE;N"), &GAMES[0]).unwrap().remarks, ["the number of players is missing"]);
        let nameless = parse(&pong("MCPE;;;;0;0"), &GAMES[0]).unwrap();
        assert_eq!((nameless.name, nameless.players, nameless.max_players), (None, 0, Some(0)));
    }

    #[test]
    fn a_pong_that_is_cut_off_keeps_its_whole_fields() {
        let whole = pong("MCPE;N;1;v;31;100;guid");
        let cut = |missing: usize| parse(&whole[..whole.len() - missing], &GAMES[0]).unwrap();
        let [info, shorter] = [cut(1), cut(6)];
        assert_eq!(
            (info.players, info.max_players, &info.remarks[..]),
            (31, Some(100), &[CUT_OFF.into()][..])
        );
        assert_eq!((shorter.players, shorter.max_players), (31, None), "the last field may lack digits");
    }
}

//! Minecraft, Bedrock edition: RakNet's unconnected ping.
//!
//! Every server answers it. The layout is `mcstatus`' (`bedrock_status.py`): the magic of RakNet's offline messages, a
//! number that the server returns, and a text with fields between semicolons. There are no players' names.

use std::time::Duration;

use super::fields::Fields;
use super::servers::ServerSet;
use super::text::{Colors, TextRules};
use super::wire::{Dialogue, WireProtocol};
use super::{Game, GameAnswer, ServerInfo, TextField};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step, Token};

/// The magic of RakNet's offline messages (`RakNetTypes.h`).
const MAGIC: &[u8] = b"\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
const PING: u8 = 0x01;
const PONG: u8 = 0x1c;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "bedrock",
    lists_players: false,
    games: || GAMES,
    server: |question| Box::new(Ping { game: question.game }),
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

/// A conversation with a server: one request, one reply.
#[derive(Debug)]
struct Ping {
    game: &'static Game,
}

impl Dialogue for Ping {
    /// Returns proof by token: the time of the ping, which the server returns.
    fn proof(&self) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        out.push(PING);
        out.extend_from_slice(&attempt.token.0.to_be_bytes());
        out.extend_from_slice(MAGIC);
        // Our own GUID, which no server uses.
        out.extend_from_slice(&[0; 8]);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        match parse(reply.bytes, self.game) {
            Ok(info) => Step::Done(GameAnswer::server(info, reply.bytes)),
            Err(reason) => Step::Malformed(reason),
        }
    }

    fn reply_size(&self) -> ReplySize {
        ReplySize::one(512)
    }

    fn host_gap(&self) -> Duration {
        self.game.host_gap
    }
}

fn read_token(reply: &[u8]) -> Option<Token> {
    let is_pong = reply.first() == Some(&PONG) && reply.get(17..33) == Some(MAGIC);
    number(reply).filter(|_| is_pong)
}

fn read_request_token(request: &[u8]) -> Option<Token> {
    number(request).filter(|_| request.first() == Some(&PING))
}

fn number(datagram: &[u8]) -> Option<Token> {
    let bytes = datagram.get(1..9)?.try_into().ok()?;
    Some(Token(u64::from_be_bytes(bytes)))
}

/// Parses a pong: `MCPE;name;protocol;version;players;maximum;guid;world;mode;…`, of which old servers send less.
fn parse(reply: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
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
    let mut fields = Fields::new(reply);
    fields.bytes(1 + 8 + 8 + MAGIC.len())?;
    let length = fields.u16_be()?;
    let text = fields.bytes(length.into())?;
    let mut info = ServerInfo::new(game);
    for (key, value) in KEYS.into_iter().zip(text.split(|&byte| byte == b';')) {
        info.rules.push(key.as_bytes(), value);
    }
    let rule = |key| info.rules.get(key).filter(|value| !value.is_empty());
    let count = |key| rule(key).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    let players: Option<u32> = count("players");
    info.players = players.ok_or("the number of players is missing")?;
    info.name_raw = rule("motd").map(Box::from);
    info.name = rule("motd").map(|name| game.text.clean(name));
    info.max_players = count("max_players");
    info.set_text_by_rules(TextField::Map, &["world"]);
    info.set_text_by_rules(TextField::GameType, &["game_mode"]);
    info.set_text_by_rules(TextField::Version, &["version"]);
    Ok(info)
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
        let mut ping = Ping { game: &GAMES[0] };
        let mut request = Vec::new();
        ping.write_request(Attempt::first(Token(0x0102_0304_0506_0708)), &mut request);
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
        assert_eq!(
            parse(&pong("MCPE;a;b;c;many"), &GAMES[0]).unwrap_err(),
            "the number of players is missing"
        );
        assert_eq!(parse(&pong("MCPE")[..34], &GAMES[0]).unwrap_err(), super::super::fields::CUT_OFF);
    }
}

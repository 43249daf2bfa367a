//! Just Cause 2 Multiplayer: version 3 with another end of the status request, and its own layout of the player list.
//!
//! The status is one datagram, whose `splitnum` is meaningless (`jc2mp.js` of node-gamedig). The keys are followed by
//! the number of players and, for each, a name, a Steam ID and a ping.

use super::super::fields::Fields;
use super::super::wire::WireProtocol;
use super::super::{Game, PlayerInfo, Rules, ServerInfo};
use super::session::{Width, read_request_token, read_token};
use super::v3::{StatusDialogue, Variant};
use super::{describe, games, list_players, sections};

/// The wire protocol of Just Cause 2 Multiplayer.
pub(in super::super) static JUST_CAUSE: WireProtocol = WireProtocol {
    name: "gamespy3",
    lists_players: true,
    games: || games::JUST_CAUSE,
    server: |question| StatusDialogue::begin(question.game, &QUERY),
    master: None,
    read_token,
    read_request_token,
};

static QUERY: Variant =
    Variant { has_handshake: true, width: Width::Wide, ask: b"\xff\xff\xff\x02", read_single: Some(read) };

/// The length of `splitnum`, a zero and two more bytes.
const HEADER: usize = 11;

fn read(game: &'static Game, status: &[u8]) -> Result<ServerInfo, &'static str> {
    let mut fields = Fields::new(status);
    fields.bytes(HEADER)?;
    let (mut pairs, mut rules) = (Vec::new(), Rules::default());
    sections::read_pairs(&mut fields, &mut pairs, false);
    pairs.into_iter().for_each(|(key, value)| rules.push(key, value));
    let mut info = describe(game, rules)?;
    let mut players = Vec::new();
    if fields.u16_be().is_ok() {
        while let Ok(player) = read_player(game, &mut fields) {
            players.push(player);
        }
    }
    list_players(&mut info, players, &[]);
    Ok(info)
}

fn read_player(game: &Game, fields: &mut Fields<'_>) -> Result<PlayerInfo, &'static str> {
    let name = fields.text()?;
    let _steam_id = fields.text()?;
    let ping = fields.u16_be()?;
    Ok(PlayerInfo { ping: Some(ping.into()), ..PlayerInfo::named(game, name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_follow_their_number() {
        let status =
            b"splitnum\0\0\0hostname\0A\0numplayers\x002\0\0\0\x02Ann\0STEAM_0\0\0*Bob\0STEAM_1\0\0\x07";
        let game = Game::find("jc2mp").unwrap();
        let info = read(game, status).unwrap();
        let players: Vec<_> =
            info.player_list.iter().map(|player| (player.name.as_str(), player.ping)).collect();
        assert_eq!(players, [("Ann", Some(42)), ("Bob", Some(7))]);
        let cut = read(game, &status[..status.len() - 1]).unwrap();
        assert_eq!((cut.player_list.len(), cut.truncated), (1, true));
        assert!(read(game, b"splitnum\0\0\0").is_err());
    }
}

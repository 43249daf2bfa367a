//! Quake II and its descendants: the status of servers, and lists of servers from masters.
//!
//! A server gets one request, `status`, and replies with one datagram. It returns nothing of the request.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | a conversation with a server, and the games |
//! | `status.rs` | a reply as a `ServerInfo` |
//! | `master.rs` | the lists of masters |

mod master;
mod status;

use super::one_reply::OneReply;
use super::text::{Charset, Colors, TextRules};
use super::wire::WireProtocol;
use super::{Game, ServerInfo};
use crate::protocol::{Proof, Step};

const STATUS: &[u8] = b"\xff\xff\xff\xffstatus\n";
/// The headers of a reply: `SVC_Status` (`sv_main.c`), and `Sv_Status_f` of Quetoo.
const HEADERS: [&[u8]; 2] = [b"\xff\xff\xff\xffprint\n", b"\xff\xff\xff\xffstatus\n"];

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "quake2",
    lists_players: true,
    games: || GAMES,
    server: |question| STATUS_REPLY.begin(question),
    master: Some(|game, _| Box::new(master::query(game))),
    read_token: |_| None,
    read_request_token: |_| None,
};

/// The values that most games share.
const BASE: Game = Game {
    master_port: 27900,
    text: TextRules::new(Colors::None).with_charset(Charset::Quake2),
    ..Game::of(&WIRE_PROTOCOL, 27910)
};

static GAMES: &[Game] = &[
    Game {
        id: "q2",
        aliases: &["quake2"],
        name: "Quake II",
        masters: &["master.q2servers.com:27900", "master.quakeservers.net:27900"],
        ..BASE
    },
    Game {
        id: "kingpin",
        name: "Kingpin: Life of Crime",
        server_port: 31510,
        masters: &["master.kingpin.info:27900"],
        text: TextRules::new(Colors::None),
        ..BASE
    },
    Game {
        id: "alienarena",
        name: "Alien Arena",
        // source/qcommon/qcommon.h.
        masters: &["master.alienarena.org:27900", "master2.alienarena.org:27900"],
        text: TextRules::new(Colors::Indexed),
        bots_have_ping_zero: true,
        ..BASE
    },
    Game {
        id: "quetoo",
        name: "Quetoo",
        // src/common/common.h.
        server_port: 1998,
        master_port: 1996,
        masters: &["master.quetoo.org:1996"],
        list_protocol: 2029,
        text: TextRules::new(Colors::Indexed),
        ..BASE
    },
    Game {
        id: "daikatana",
        name: "Daikatana",
        // Players connect to 27982. Its masters list that port, so none is named here.
        server_port: 27992,
        text: TextRules::new(Colors::None),
        ..BASE
    },
    Game {
        id: "sof",
        name: "Soldier of Fortune",
        server_port: 28910,
        text: TextRules::new(Colors::None),
        ..BASE
    },
];

static STATUS_REPLY: OneReply = OneReply {
    // A status has settings, and nothing else that a server prints does.
    proof: Proof::Content,
    write_request: |_, _, out| out.extend_from_slice(STATUS),
    read,
    // Servers limit a status to `MAX_MSGLEN`.
    size: 1400,
};

fn read(reply: &[u8], game: &'static Game) -> Step<ServerInfo> {
    let Some(text) = settings(reply) else { return Step::NotMine };
    status::parse(text, game).map_or_else(Step::Unproven, Step::Done)
}

/// Returns the text of a reply from its settings on. Other lines may precede them: some servers print a message into
/// the reply (`deal_with_qw_packet` of qstat skips it, too).
fn settings(reply: &[u8]) -> Option<&[u8]> {
    let text = HEADERS.iter().find_map(|header| reply.strip_prefix(*header))?;
    if text.starts_with(b"\\") {
        return Some(text);
    }
    let before = text.windows(2).position(|pair| pair == b"\n\\")?;
    Some(&text[before + 1..])
}

#[cfg(test)]
mod tests {
    use super::super::talk::Talk;
    use super::*;

    fn step(datagram: &[u8]) -> Step<()> {
        Talk::with("q2").step(datagram)
    }

    #[test]
    fn a_status_is_recognized_by_its_settings() {
        assert_eq!(Talk::with("q2").request(1), b"\xff\xff\xff\xffstatus\n");
        for reply in [
            &b"\xff\xff\xff\xffprint\n\\mapname\\q2dm1\n"[..],
            b"\xff\xff\xff\xffstatus\n\\sv_map\\edge\n",
            b"\xff\xff\xff\xffprint\nA message\n\\mapname\\q2dm1\n1 2 \"a\"\n",
        ] {
            assert!(matches!(step(reply), Step::Done(_)), "{}", reply.escape_ascii());
        }
        for other in [
            &b"\xff\xff\xff\xffprint\nBad rcon_password.\n"[..],
            b"\xff\xff\xff\xffprint\n",
            b"\xff\xff\xff\xffstatus",
            b"print\n\\mapname\\q2dm1\n",
            b"",
        ] {
            assert!(matches!(step(other), Step::NotMine), "{}", other.escape_ascii());
        }
        assert!(matches!(step(b"\xff\xff\xff\xffprint\n\\mapname\\q2"), Step::Unproven(_)));
        let info = Talk::with("q2").answer(b"\xff\xff\xff\xffprint\n\\mapname\\q2dm1\\maxclients\\1");
        assert_eq!((info.map.as_deref(), info.max_players), (Some("q2dm1"), None), "it may lack digits");
        assert_eq!((info.truncated, info.remarks.len()), (true, 1));
    }
}

//! Teeworlds: version 0.6 and its descendant DDNet, and version 0.7.
//!
//! Both have the same request and reply, `gie3` and `inf3`, in different envelopes. In version 0.7, each side first has
//! to return a token of the other one. So a conversation has one more step, and no host can cause replies to another
//! one.
//!
//! | file | |
//! |---|---|
//! | `six.rs` | a conversation with a server of version 0.6 or DDNet |
//! | `seven.rs` | the exchange of tokens of version 0.7, and a conversation with such a server |
//! | `master.rs` | a conversation with a master of either version |
//! | `info.rs` | the fields of a server and of its players, which the replies share |
//! | `integers.rs` | integers of variable length |
//!
//! The facts come from the programs themselves: teeworlds (`server.cpp`, `network.cpp`, `network_token.cpp`,
//! `compression.cpp`, `mastersrv.cpp`) and ddnet (`server.cpp`, `network.cpp`).

mod info;
mod integers;
mod master;
mod seven;
mod six;

use super::Game;
use super::wire::WireProtocol;
pub(crate) use integers::write as write_integer;
use master::ListConversation;
use seven::{Handshake, SevenConversation};
use six::SixConversation;

/// The prefix of a packet that belongs to no connection, after the envelope.
const OUT_OF_BAND: &[u8] = b"\xff\xff\xff\xff";
/// The envelope of such a packet in version 0.6: all bits are set.
const ENVELOPE: &[u8] = b"\xff\xff\xff\xff\xff\xff";
/// The largest packet of all versions (`NET_MAX_PACKETSIZE`).
const MAX_PACKET: usize = 1400;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "teeworlds",
    lists_players: true,
    games: || GAMES,
    server: |question| Box::new(SixConversation::new(question)),
    master: Some(|game, with_ipv6| Box::new(ListConversation::new(game, with_ipv6, None))),
    read_token: six::read_token,
    read_request_token: six::read_request_token,
};

pub(super) static WIRE_PROTOCOL_7: WireProtocol = WireProtocol {
    name: "teeworlds7",
    lists_players: true,
    games: || GAMES_7,
    server: |question| Box::new(SevenConversation::new(question.game)),
    master: Some(|game, with_ipv6| {
        Box::new(ListConversation::new(game, with_ipv6, Some(Handshake::default())))
    }),
    read_token: seven::read_token,
    read_request_token: seven::read_request_token,
};

static GAMES: &[Game] = &[
    Game {
        id: "teeworlds",
        aliases: &["tw", "teeworlds6"],
        name: "Teeworlds 0.6",
        master_port: 8300,
        masters: &[
            "master1.teeworlds.com:8300",
            "master2.teeworlds.com:8300",
            "master3.teeworlds.com:8300",
            "master4.teeworlds.com:8300",
        ],
        ..Game::of(&WIRE_PROTOCOL, 8303)
    },
    // DDNet lists its servers over HTTPS.
    Game {
        id: "ddnet",
        aliases: &["ddrace"],
        name: "DDNet (DDraceNetwork)",
        master_port: 8300,
        ..Game::of(&WIRE_PROTOCOL, 8303)
    },
];

static GAMES_7: &[Game] = &[Game {
    id: "teeworlds7",
    aliases: &["tw7"],
    name: "Teeworlds 0.7",
    master_port: 8283,
    masters: &[
        "master1.teeworlds.com:8283",
        "master2.teeworlds.com:8283",
        "master3.teeworlds.com:8283",
        "master4.teeworlds.com:8283",
    ],
    ..Game::of(&WIRE_PROTOCOL_7, 8303)
}];

//! The interface of a wire protocol, and the table of all of them.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::servers::ServerSet;
use super::{Game, GameAnswer, quake3};
#[cfg(feature = "games")]
use super::{a2s, ase, bedrock, doom3, gamespy, mumble, quake2, quakeworld, samp, teeworlds, unreal2};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step, Token};

/// All wire protocols, in the order in which a datagram is searched for their tokens.
pub(super) static WIRE_PROTOCOLS: &[&WireProtocol] = &[
    &quake3::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &bedrock::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &mumble::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &quakeworld::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &quake2::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &ase::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &samp::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &teeworlds::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &teeworlds::WIRE_PROTOCOL_7,
    #[cfg(feature = "games")]
    &a2s::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &gamespy::VERSION_1,
    #[cfg(feature = "games")]
    &gamespy::VERSION_2,
    #[cfg(feature = "games")]
    &gamespy::WITH_CHALLENGE,
    #[cfg(feature = "games")]
    &gamespy::WITHOUT_CHALLENGE,
    #[cfg(feature = "games")]
    &gamespy::JUST_CAUSE,
    #[cfg(feature = "games")]
    &gamespy::MINECRAFT,
    #[cfg(feature = "games")]
    &unreal2::WIRE_PROTOCOL,
    #[cfg(feature = "games")]
    &doom3::WIRE_PROTOCOL,
];

/// A wire protocol: that of the servers and masters of some games.
pub struct WireProtocol {
    /// The name, as in JSON: `quake3`…
    pub name: &'static str,
    /// True if servers send the names of their players.
    pub lists_players: bool,
    /// Its games.
    pub(super) games: fn() -> &'static [Game],
    /// Begins a conversation with a server.
    pub(super) server: fn(&ServerQuestion) -> Box<dyn Dialogue>,
    /// Begins a conversation with a master; `None` if the protocol has none. It requests IPv6 servers, too, if the
    /// argument is `true` and the game supports it.
    pub(super) master: Option<BeginList>,
    /// Returns the token of a reply. It gets the datagrams of all wire protocols, from anyone, so it has to recognize
    /// its own. A protocol without tokens always returns `None`.
    pub(super) read_token: fn(&[u8]) -> Option<Token>,
    /// Returns the token of one of our own requests, possibly truncated.
    pub(super) read_request_token: fn(&[u8]) -> Option<Token>,
}

/// Begins a conversation with a master.
pub(super) type BeginList = fn(&'static Game, bool) -> Box<dyn Dialogue>;

/// The question to a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerQuestion {
    pub game: &'static Game,
    /// The server.
    pub target: SocketAddr,
    /// True to request its rules, too, even if that takes a further request.
    pub with_rules: bool,
}

/// One conversation with one host: its requests, and the meaning of the replies. The methods are those of
/// [`Protocol`](crate::protocol::Protocol).
pub(super) trait Dialogue: fmt::Debug + Send + Sync {
    fn proof(&self) -> Proof;

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>);

    /// Processes a reply. A master's list goes into `servers`, datagram by datagram.
    fn step(&mut self, servers: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer>;

    /// Processes a reply that lacks the token of its request. The default refuses it; a protocol whose servers cannot
    /// always return the token accepts it.
    fn step_without_token(&mut self, reply: &Reply<'_>) -> Step<GameAnswer> {
        let _ = reply;
        Step::NotMine
    }

    /// Decides how to continue after a pause. The default retries, and returns what has been received after the last try.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        if tries_left > 0 {
            return Quiet::Retry;
        }
        self.partial_answer().map_or(Quiet::Retry, Quiet::Done)
    }

    /// Returns the answer if what has been received suffices for one. A server that has described itself is listed,
    /// even if the player list never arrives.
    fn partial_answer(&mut self) -> Option<GameAnswer> {
        None
    }

    fn reply_size(&self) -> ReplySize;

    /// Returns the minimum time between two packets to the host. The default is that of the game, which is for servers.
    fn host_gap(&self, game: &Game) -> Duration {
        game.host_gap
    }
}

impl WireProtocol {
    /// Returns whether it has masters.
    pub fn has_masters(&self) -> bool {
        self.master.is_some()
    }

    /// Returns all wire protocols.
    pub fn all() -> impl Iterator<Item = &'static WireProtocol> {
        WIRE_PROTOCOLS.iter().copied()
    }
}

impl fmt::Debug for WireProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireProtocol({})", self.name)
    }
}

//! Game servers and their masters, with any wire protocol.
//!
//! | | file | |
//! |---|---|---|
//! | [`Game`] | `catalogue.rs` | the games as data: ports, masters, texts, gaps, wire protocol |
//! | [`ServerInfo`], [`PlayerInfo`], [`Rules`] | `info.rs` | a server's answer, the same for every wire protocol |
//! | [`text`] | `text/` | names and other texts, and their colour codes |
//! | [`Games`] | this one | the [`Protocol`]: masters and servers of several games, in one sweep |
//! | | `fields.rs` | the fields of binary datagrams |
//! | | `status_text.rs`, `words.rs` | statuses that are lines of text |
//! | | `servers.rs` | the servers, each listed once |
//! | | `list_query.rs` | a conversation with a master |
//! | | `one_reply.rs` | a conversation of one request and one reply |
//! | [`Rejected`] | `master_list.rs` | a master's list, and which of its entries are accepted |
//! | [`WireProtocol`] | `wire.rs` | the interface of a wire protocol, and the table of them |
//! | [`quake3`] | `quake3/` | the Quake 3 family |
//! | | `a2s/` | Source, GoldSrc, and many others |
//! | | `bedrock.rs` | Minecraft, Bedrock edition |
//! | | `doom3/` | Doom 3 and its descendants |
//! | | `mumble.rs` | Mumble |
//! | | `quake2/` | Quake II and its descendants |
//! | | `quakeworld/` | QuakeWorld |
//! | | `ase.rs` | Multi Theft Auto and others of the All-Seeing Eye |
//! | | `samp.rs` | San Andreas Multiplayer, open.mp |
//! | | `teeworlds/` | Teeworlds 0.6 and 0.7, DDNet |
//! | | `gamespy/` | GameSpy's protocols, and Minecraft's query |
//! | | `unreal2/` | Unreal Engine 2 |
//!
//! # A new wire protocol
//! 1. Write its file: a `WIRE_PROTOCOL` with the table of its games, and a `OneReply` or a `Dialogue`, whose answer is a
//!    [`ServerInfo`]. Declare the file below.
//! 2. Add it to the table in `wire.rs`.

#![cfg_attr(
    not(feature = "games"),
    allow(
        dead_code,
        unused_imports,
        reason = "only the protocols of that feature use some of the shared code"
    )
)]

#[cfg(feature = "games")]
mod a2s;
#[cfg(feature = "games")]
mod ase;
#[cfg(feature = "games")]
mod bedrock;
mod catalogue;
#[cfg(feature = "games")]
mod doom3;
#[cfg(feature = "games")]
mod fields;
#[cfg(feature = "games")]
mod gamespy;
mod info;
mod list_query;
mod master_list;
#[cfg(feature = "games")]
mod mumble;
#[cfg(feature = "games")]
mod one_reply;
#[cfg(feature = "games")]
mod quake2;
pub mod quake3;
#[cfg(feature = "games")]
mod quakeworld;
#[cfg(feature = "games")]
mod samp;
mod servers;
#[cfg(feature = "games")]
mod status_text;
#[cfg(test)]
mod talk;
#[cfg(feature = "games")]
mod teeworlds;
pub mod text;
#[cfg(feature = "games")]
mod unreal2;
mod wire;
#[cfg(feature = "games")]
mod words;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

#[cfg(all(feature = "bzip2", feature = "games"))]
pub(crate) use a2s::crc32;
pub use catalogue::Game;
use info::TextField;
pub use info::{PlayerInfo, Rules, ServerInfo};
pub use master_list::{MAX_LISTED, MAX_PER_ADDRESS, Rejected};
use servers::ServerSet;
#[cfg(feature = "games")]
pub(crate) use teeworlds::write_integer;
pub use wire::WireProtocol;
use wire::{BeginList, Dialogue, ServerQuestion, WIRE_PROTOCOLS};

use super::{Attempt, Defaults, Proof, Protocol, Quiet, Reply, ReplySize, Step, Token};

/// Queries the masters and the servers of games.
///
/// ```
/// use allears::engine::{Config, Engine, Time};
/// use allears::protocol::games::{Game, GameQuestion, Games};
///
/// let game = Game::find("et").ok_or("no such game")?;
/// let mut engine = Engine::new(Games::new(game), Config::default(), [7; 16])?;
/// engine.ask("127.0.0.1:27960".parse()?, GameQuestion::server(game), ())?;
/// let mut request = Vec::new();
/// engine.poll_transmit(Time::ZERO, &mut request).expect("it may leave at once");
/// assert!(request.starts_with(b"\xff\xff\xff\xffgetstatus "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Games {
    default: &'static Game,
    servers: ServerSet,
    requires_proof: bool,
}

/// A question to one host.
#[derive(Clone, Copy, Debug)]
pub struct GameQuestion {
    game: &'static Game,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Server { with_rules: bool },
    Master { begin: BeginList, with_ipv6: bool },
}

/// A conversation with one host.
#[derive(Debug)]
pub struct GameConversation {
    game: &'static Game,
    is_master: bool,
    dialogue: Box<dyn Dialogue>,
    ping: Option<Duration>,
}

/// The answer of one host.
#[derive(Clone, Debug)]
pub enum GameAnswer {
    /// The answer of a server.
    Server {
        /// The server.
        info: Box<ServerInfo>,
        /// The last datagram of the answer, as received.
        datagram: Box<[u8]>,
    },
    /// A master's list. The servers themselves come from [`Games::take_server`].
    List {
        /// The number of accepted servers, each counted once.
        listed: usize,
        /// True if the end of the list was received, or lists of this protocol have no end mark. A datagram may still
        /// have been lost, since protocols do not number them. False, too, if the master marks each of several
        /// datagrams as the end, so that more may follow.
        complete: bool,
        /// True if the rest was not read: at most [`MAX_LISTED`] entries and 2,048 datagrams are read and, of a list that is
        /// requested page by page, those of one minute.
        is_cut: bool,
        /// The numbers of entries that were not accepted.
        rejected: Rejected,
    },
}

impl Games {
    /// Creates a protocol for all games. The port and host gap of `default` are the defaults.
    pub fn new(default: &'static Game) -> Games {
        Games { default, servers: ServerSet::default(), requires_proof: false }
    }

    /// Refuses answers that lack the token of their request, so that only the server's address and port tie them to it.
    /// By default, such an answer counts if none with the token arrives, and its
    /// [`proof`](crate::engine::Completion::proof) is [`Proof::Address`]. Protocols without a token are not affected.
    #[must_use]
    pub fn with_proof_required(mut self, required: bool) -> Games {
        self.requires_proof = required;
        self
    }

    /// Sets the addresses of this machine. Only a master that has a [reserved](super::reserved::purpose) address or one
    /// of these may list them.
    #[must_use]
    pub fn with_own_addresses(mut self, own: impl IntoIterator<Item = IpAddr>) -> Games {
        self.servers.own = own.into_iter().map(|ip| ip.to_canonical()).collect();
        self
    }

    /// Lets any master list [reserved](super::reserved::purpose) addresses and those of this machine.
    #[must_use]
    pub fn with_reserved_allowed(mut self, allowed: bool) -> Games {
        self.servers.allow_reserved = allowed;
        self
    }

    /// Returns the game passed to [`Games::new`].
    pub fn default_game(&self) -> &'static Game {
        self.default
    }

    /// Removes and returns the next server that a master listed and that was not known before, and its game. Servers
    /// are available as soon as the datagram with them has been received.
    ///
    /// Not every entry of a list is a server: [`Rejected`] counts the others.
    pub fn take_server(&mut self) -> Option<(SocketAddr, &'static Game)> {
        self.servers.take()
    }

    /// Returns the number of servers that wait to be taken.
    pub fn servers_waiting(&self) -> usize {
        self.servers.waiting()
    }

    /// Returns the number of known servers: from all masters, and from [`Games::know`].
    pub fn servers_known(&self) -> usize {
        self.servers.known()
    }

    /// Forgets a server, so that the next list with it returns it again.
    pub fn forget(&mut self, server: SocketAddr) {
        self.servers.remove(server);
    }

    /// Records a server that the caller queries without having taken it from a list, so that no list returns it again.
    /// Returns whether it is new: if not, it has been queried already, or will be.
    pub fn know(&mut self, server: SocketAddr) -> bool {
        self.servers.insert(server)
    }
}

impl GameQuestion {
    /// Returns the question for the status of a server of this game: its name, map, players…
    pub fn server(game: &'static Game) -> GameQuestion {
        GameQuestion { game, kind: Kind::Server { with_rules: false } }
    }

    /// Requests the rules of a server, too, even if that takes a further request.
    #[must_use]
    pub fn with_rules(self) -> GameQuestion {
        match self.kind {
            Kind::Server { .. } => GameQuestion { kind: Kind::Server { with_rules: true }, ..self },
            Kind::Master { .. } => self,
        }
    }

    /// Returns the question for the list of a master of this game; `None` if the game's protocol has no masters. With
    /// `with_ipv6`, servers with IPv6 addresses are listed, too, if the game's masters can.
    pub fn master(game: &'static Game, with_ipv6: bool) -> Option<GameQuestion> {
        game.wire.master.map(|begin| GameQuestion { game, kind: Kind::Master { begin, with_ipv6 } })
    }
}

impl GameConversation {
    /// Begins a conversation with `target`.
    pub fn new(target: SocketAddr, question: GameQuestion) -> GameConversation {
        let GameQuestion { game, kind } = question;
        let (is_master, dialogue) = match kind {
            Kind::Server { with_rules } => {
                (false, (game.wire.server)(&ServerQuestion { game, target, with_rules }))
            }
            Kind::Master { begin, with_ipv6 } => (true, begin(game, with_ipv6)),
        };
        GameConversation { game, is_master, dialogue, ping: None }
    }

    /// Returns whether the conversation is with a master.
    pub fn is_master(&self) -> bool {
        self.is_master
    }

    /// Returns the round trip of the first reply, if it is known: the ping, even of a server that answers in several
    /// steps.
    pub fn ping(&self) -> Option<Duration> {
        self.ping
    }
}

impl GameAnswer {
    /// Returns the answer of a server. `datagram` is the last one of its reply.
    fn server(mut info: ServerInfo, datagram: &[u8]) -> GameAnswer {
        info.read_names();
        info.explain_truncation();
        GameAnswer::Server { info: Box::new(info), datagram: datagram.into() }
    }

    /// Returns the step to which the last datagram of a server's reply leads: the answer, or the reason why the reply
    /// cannot be read.
    fn step(read: Result<ServerInfo, &'static str>, datagram: &[u8]) -> Step<GameAnswer> {
        read.map_or_else(Step::Malformed, |info| Step::Done(GameAnswer::server(info, datagram)))
    }
}

impl Protocol for Games {
    type Question = GameQuestion;
    type Conversation = GameConversation;
    type Answer = GameAnswer;

    /// Returns the port and host gap of the default game.
    fn defaults(&self) -> Defaults {
        Defaults::default().with_port(self.default.server_port).with_host_gap(self.default.host_gap)
    }

    fn begin(&mut self, target: SocketAddr, question: GameQuestion) -> GameConversation {
        GameConversation::new(target, question)
    }

    fn proof(&self, conversation: &GameConversation) -> Proof {
        conversation.dialogue.proof()
    }

    fn write_request(&mut self, conversation: &mut GameConversation, attempt: Attempt, out: &mut Vec<u8>) {
        conversation.dialogue.write_request(attempt, out);
    }

    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        WIRE_PROTOCOLS.iter().find_map(|wire| (wire.read_token)(reply))
    }

    fn read_request_token(&self, request: &[u8]) -> Option<Token> {
        WIRE_PROTOCOLS.iter().find_map(|wire| (wire.read_request_token)(request))
    }

    fn step(&mut self, conversation: &mut GameConversation, reply: &Reply<'_>) -> Step<GameAnswer> {
        if !reply.has_token && matches!(conversation.dialogue.proof(), Proof::Token { .. }) {
            return conversation.dialogue.step_without_token(reply);
        }
        conversation.ping = conversation.ping.or(reply.rtt);
        conversation.dialogue.step(&mut self.servers, reply)
    }

    fn takes_replies_without_token(&self) -> bool {
        !self.requires_proof
    }

    fn quiet(&mut self, conversation: &mut GameConversation, tries_left: u32) -> Quiet<GameAnswer> {
        conversation.dialogue.quiet(tries_left)
    }

    fn partial_answer(&mut self, conversation: &mut GameConversation) -> Option<GameAnswer> {
        conversation.dialogue.partial_answer()
    }

    fn reply_size(&self, conversation: &GameConversation) -> ReplySize {
        conversation.dialogue.reply_size()
    }

    fn host_gap(&self, conversation: &GameConversation) -> Duration {
        conversation.dialogue.host_gap(conversation.game)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Config, Engine, Time};

    #[test]
    fn masters_and_servers_have_different_gaps() {
        let [et, xonotic] = ["et", "xonotic"].map(|id| Game::find(id).unwrap());
        let games = Games::new(et);
        let host = ([127, 0, 0, 1], 27960).into();
        let gap = |question| games.host_gap(&GameConversation::new(host, question));
        assert!(gap(GameQuestion::server(xonotic)) > Duration::from_secs(1));
        assert_eq!(gap(GameQuestion::server(et)), games.defaults().host_gap);
        assert_eq!(gap(GameQuestion::master(et, false).unwrap()), Duration::from_secs(1));
    }

    #[test]
    fn one_sweep_queries_several_games() {
        let mut games = Games::new(Game::find("et").unwrap());
        for id in ["et", "warsow"] {
            let game = Game::find(id).unwrap();
            let host = ([127, 0, 0, 1], game.server_port).into();
            let mut conversation = games.begin(host, GameQuestion::server(game));
            let reply = b"\xff\xff\xff\xffstatusResponse\n\\mapname\\m\n1 0 \"a\"\n";
            let Step::Done(GameAnswer::Server { info, datagram }) =
                games.step(&mut conversation, &Reply::to_first(host, reply))
            else {
                panic!("a whole status")
            };
            assert_eq!((info.game.id, info.game.wire.name, &datagram[..]), (id, "quake3", &reply[..]));
            assert_eq!(info.bots, (id == "et").then_some(1), "only some games show bots by their ping");
        }
    }

    #[test]
    fn a_list_is_accepted_only_from_a_queried_master_while_its_query_is_open() {
        const LIST: &[u8] = b"\xff\xff\xff\xffgetserversResponse\\\x09\x01\x01\x01\x6d\x38\\EOT\0\0\0";
        let game = Game::find("et").unwrap();
        let [master, other]: [SocketAddr; 2] = ["9.9.9.9:27950", "9.9.9.8:27950"].map(|a| a.parse().unwrap());
        let mut engine = Engine::new(Games::new(game), Config::default(), [7; 16]).unwrap();
        let known = |engine: &Engine<Games>| engine.protocol().servers_known();
        let mut now = Time::ZERO;
        engine.handle_datagram(now, master, LIST);
        engine.ask(master, GameQuestion::master(game, false).unwrap(), ()).unwrap();
        engine.handle_datagram(now, master, LIST);
        assert_eq!(known(&engine), 0, "nothing has been sent yet");
        engine.poll_transmit(now, &mut Vec::new()).unwrap();
        engine.handle_datagram(now, other, LIST);
        engine.handle_datagram(now, SocketAddr::new(master.ip(), 1), LIST);
        assert_eq!((known(&engine), engine.ledger().unmatched), (0, 4));

        engine.handle_datagram(now, master, LIST);
        assert_eq!(known(&engine), 1);
        while !engine.is_idle() {
            now = now + Duration::from_millis(100);
            engine.handle_timeout(now);
            while engine.poll_completion().is_some() {}
        }
        let other = LIST.iter().map(|&byte| if byte == 9 { 8 } else { byte }).collect::<Vec<_>>();
        engine.handle_datagram(now, master, &other);
        assert_eq!(known(&engine), 1, "the query has ended");
    }
}

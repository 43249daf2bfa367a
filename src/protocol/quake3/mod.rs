//! The Quake 3 family: lists of servers from masters, and the status of each server.
//!
//! A master is asked with `getservers` or `getserversExt`, and answers with several datagrams; the
//! servers in each are there for the taking ([`Quake3::take_server`]) while the next is still on its
//! way. A server is asked exactly one thing, `getstatus`: its players are in it, and many servers
//! count `getinfo` against the same limit.

mod games;
mod master;
mod players;
mod status;
pub mod text;

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

pub use games::{GAMES, Game};
pub use master::ServerList;
pub use players::{Player, Players};
pub use status::{Rules, Status, StatusReply};

use super::{Attempt, Defaults, Proof, Protocol, Quiet, Reply, ReplySize, Step, Token, canonical};

/// What a server is asked, up to the challenge.
const GETSTATUS: &[u8] = b"\xff\xff\xff\xffgetstatus ";
/// No datagram of a list for this long: no more will come. Masters send a whole list at once.
const LIST_GAP: Duration = Duration::from_millis(300);
/// Between two requests to one master. dpmaster's flood protection ignores the fifth of a fast row.
const MASTER_GAP: Duration = Duration::from_secs(1);
/// Servers, and datagrams, that one master may send: whoever sends more means no good.
const MAX_LISTED: usize = 200_000;
const MAX_LIST_DATAGRAMS: u32 = 2048;

/// Asks the masters and the servers of one game.
#[derive(Debug)]
pub struct Quake3 {
    game: &'static Game,
    known: HashSet<SocketAddr>,
    fresh: VecDeque<SocketAddr>,
}

/// What one host is asked.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// A master, for its list: with `ext` by `getserversExt`, for IPv6 servers too. Games that do not have that
    /// request ([`Game::ext_name`]) are asked by `getservers`.
    Master {
        /// Servers of IPv6, too.
        ext: bool,
    },
    /// A server, for its status.
    Server,
}

/// One conversation.
#[derive(Debug)]
pub enum Conversation {
    /// A master, for its list.
    Master(Box<MasterQuery>),
    /// A server, for its status.
    Server,
}

/// How far a master's list has come.
#[derive(Debug, Default)]
pub struct MasterQuery {
    ext: bool,
    heard: HashSet<SocketAddr>,
    datagrams: u32,
    has_end: bool,
}

/// What a host answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A master's list. The servers themselves come from [`Quake3::take_server`].
    Servers {
        /// Servers that this master named, each counted once.
        heard: usize,
        /// Whether the list's end was heard. A datagram from its middle may still have been lost:
        /// they carry no numbers.
        complete: bool,
    },
    /// A server's status.
    Status(StatusReply),
}

impl Quake3 {
    /// Asks as the servers of `game` want to be asked.
    pub fn new(game: &'static Game) -> Quake3 {
        Quake3 { game, known: HashSet::new(), fresh: VecDeque::new() }
    }

    /// The game.
    pub fn game(&self) -> &'static Game {
        self.game
    }

    /// The next server that a master named and that was not known before.
    pub fn take_server(&mut self) -> Option<SocketAddr> {
        self.fresh.pop_front()
    }

    /// How many of those there are.
    pub fn servers_waiting(&self) -> usize {
        self.fresh.len()
    }

    /// How many servers are known, from all masters and from [`Quake3::know`].
    pub fn servers_known(&self) -> usize {
        self.known.len()
    }

    /// Notes a server that the caller asks without a master's word, so that no list brings it up
    /// again. Whether it was new: if not, it has been asked already, or will be.
    pub fn know(&mut self, server: SocketAddr) -> bool {
        self.known.insert(canonical(server))
    }

    fn hear_list(&mut self, query: &mut MasterQuery, datagram: &[u8]) -> Step<Answer> {
        if !ServerList::claims(datagram) {
            return Step::NotMine;
        }
        let list = match ServerList::parse(datagram) {
            Ok(list) if list.is_ext == (query.ext && self.game.ext_name.is_some()) => list,
            Ok(_) => return Step::NotMine,
            Err(reason) => return Step::Malformed(reason),
        };
        for server in list.servers().take(MAX_LISTED - query.heard.len()) {
            query.heard.insert(server);
            if self.known.insert(server) {
                self.fresh.push_back(server);
            }
        }
        query.has_end |= list.has_end;
        query.datagrams += 1;
        if query.datagrams == MAX_LIST_DATAGRAMS || query.heard.len() == MAX_LISTED {
            return Step::Done(Answer::Servers { heard: query.heard.len(), complete: false });
        }
        Step::More { quiet: LIST_GAP }
    }
}

impl Protocol for Quake3 {
    type Question = Question;
    type Conversation = Conversation;
    type Answer = Answer;

    /// The game's port, and its servers' gap.
    fn defaults(&self) -> Defaults {
        Defaults::default().with_port(self.game.server_port).with_host_gap(self.game.host_gap)
    }

    fn begin(&mut self, _: SocketAddr, question: Question) -> Conversation {
        match question {
            Question::Master { ext } => {
                Conversation::Master(Box::new(MasterQuery { ext, ..MasterQuery::default() }))
            }
            Question::Server => Conversation::Server,
        }
    }

    /// A server returns our challenge; a master returns nothing.
    fn proof(&self, conversation: &Conversation) -> Proof {
        match conversation {
            Conversation::Master(_) => Proof::Address,
            Conversation::Server => Proof::Token { bits: 64 },
        }
    }

    fn write_request(&mut self, conversation: &mut Conversation, attempt: Attempt, out: &mut Vec<u8>) {
        match conversation {
            Conversation::Master(query) => master::write_request(self.game, query.ext, out),
            Conversation::Server => {
                out.extend_from_slice(GETSTATUS);
                out.extend_from_slice(&challenge(attempt.token));
            }
        }
    }

    fn read_request_token(&self, request: &[u8]) -> Option<Token> {
        token(request.strip_prefix(GETSTATUS)?)
    }

    /// The challenge of a status. One without ours is nobody's answer.
    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        token(status::challenge(datagram)?)
    }

    fn step(&mut self, conversation: &mut Conversation, reply: &Reply<'_>) -> Step<Answer> {
        match conversation {
            Conversation::Master(query) => self.hear_list(query, reply.bytes),
            Conversation::Server => match Status::parse(reply.bytes) {
                Ok(status) => {
                    let status = status.with_bots_at_ping_zero(self.game.bots_have_ping_zero);
                    Step::Done(Answer::Status(status.to_reply()))
                }
                Err(reason) => Step::Malformed(reason),
            },
        }
    }

    /// A list is complete when its end was heard and nothing came after it for a while. Without its
    /// end it is asked for again; what was heard stays.
    fn quiet(&mut self, conversation: &mut Conversation, tries_left: u32) -> Quiet<Answer> {
        match conversation {
            Conversation::Master(query) if query.has_end || tries_left == 0 => {
                Quiet::Done(Answer::Servers { heard: query.heard.len(), complete: query.has_end })
            }
            _ => Quiet::Retry,
        }
    }

    /// A status: one datagram of 2,000 bytes; the longest real one seen has 1,814. A list: 16
    /// datagrams of 1,400 bytes; one of more than 3,100 servers exceeds it.
    fn reply_size(&self, conversation: &Conversation) -> ReplySize {
        match conversation {
            Conversation::Master(_) => ReplySize { datagrams: 16, bytes: 1400 },
            Conversation::Server => ReplySize { datagrams: 1, bytes: 2000 },
        }
    }

    fn host_gap(&self, conversation: &Conversation) -> Duration {
        match conversation {
            Conversation::Master(_) => MASTER_GAP,
            Conversation::Server => self.game.host_gap,
        }
    }
}

/// The token as a challenge: 16 hexadecimal digits, which no server's filter minds.
fn challenge(token: Token) -> [u8; 16] {
    std::array::from_fn(|i| b"0123456789abcdef"[(token.0 >> (60 - 4 * i) & 15) as usize])
}

/// The token of a challenge that [`challenge`] wrote.
fn token(challenge: &[u8]) -> Option<Token> {
    let digits: &[u8; 16] = challenge.try_into().ok()?;
    digits
        .iter()
        .try_fold(0, |number, digit| match digit {
            b'0'..=b'9' => Some(number << 4 | u64::from(digit - b'0')),
            b'a'..=b'f' => Some(number << 4 | u64::from(digit - b'a' + 10)),
            _ => None,
        })
        .map(Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"\\\x0a\0\0\x01\x6d\x38";
    const TWO: &[u8] = b"\\\x0a\0\0\x02\x6d\x38";
    const END: &[u8] = b"\\EOT\0\0\0";
    const MORE: Step<()> = Step::More { quiet: LIST_GAP };

    fn list(parts: &[&[u8]]) -> Vec<u8> {
        [b"\xff\xff\xff\xffgetserversResponse", &parts.concat()[..]].concat()
    }

    fn et() -> Quake3 {
        Quake3::new(Game::find("et").unwrap())
    }

    fn reply(bytes: &[u8]) -> Reply<'_> {
        Reply::to_first(([127, 0, 0, 1], 27950).into(), bytes)
    }

    fn master(ext: bool) -> Conversation {
        et().begin(([127, 0, 0, 1], 27950).into(), Question::Master { ext })
    }

    /// A step without its answer, to compare.
    fn kind(step: Step<Answer>) -> Step<()> {
        step.map(drop)
    }

    fn servers(quiet: Quiet<Answer>) -> Option<(usize, bool)> {
        match quiet {
            Quiet::Done(Answer::Servers { heard, complete }) => Some((heard, complete)),
            _ => None,
        }
    }

    #[test]
    fn servers_of_a_list_can_be_asked_before_its_end() {
        let (mut et, mut master) = (et(), master(false));
        assert_eq!(kind(et.step(&mut master, &reply(&list(&[ONE])))), MORE);
        assert_eq!(et.take_server(), Some("10.0.0.1:27960".parse().unwrap()));
        assert_eq!(kind(et.step(&mut master, &reply(&list(&[ONE, TWO, END])))), MORE);
        assert_eq!(et.take_server(), Some("10.0.0.2:27960".parse().unwrap()));
        assert_eq!(et.take_server(), None);
        assert_eq!(servers(et.quiet(&mut master, 2)), Some((2, true)));
    }

    #[test]
    fn a_list_without_its_end_is_asked_for_again_and_merged() {
        let (mut et, mut master) = (et(), master(false));
        et.step(&mut master, &reply(&list(&[ONE])));
        assert_eq!(servers(et.quiet(&mut master, 1)), None);
        et.step(&mut master, &reply(&list(&[TWO])));
        assert_eq!(servers(et.quiet(&mut master, 0)), Some((2, false)));
        assert_eq!(et.servers_known(), 2);
    }

    #[test]
    fn an_end_in_every_datagram_does_not_end_the_list() {
        let (mut et, mut master) = (et(), master(false));
        assert_eq!(kind(et.step(&mut master, &reply(&list(&[ONE, END])))), MORE);
        assert_eq!(kind(et.step(&mut master, &reply(&list(&[TWO, END])))), MORE);
        assert_eq!(servers(et.quiet(&mut master, 2)), Some((2, true)));
    }

    #[test]
    fn several_masters_and_the_users_own_targets_are_one_set() {
        let mut et = et();
        assert!(et.know("[::ffff:10.0.0.1]:27960".parse().unwrap()));
        assert!(!et.know("10.0.0.1:27960".parse().unwrap()));
        for _ in 0..2 {
            let mut master = master(false);
            et.step(&mut master, &reply(&list(&[ONE, TWO, END])));
            assert_eq!(servers(et.quiet(&mut master, 0)), Some((2, true)));
        }
        assert_eq!(et.take_server(), Some("10.0.0.2:27960".parse().unwrap()));
        assert_eq!(et.take_server(), None);
    }

    #[test]
    fn what_is_no_list_or_the_wrong_one_is_not_the_masters() {
        let mut et = et();
        let mut ext = master(true);
        assert_eq!(kind(et.step(&mut ext, &reply(&list(&[ONE])))), Step::NotMine);
        assert_eq!(
            kind(et.step(&mut ext, &reply(b"\xff\xff\xff\xffstatusResponse\n\\a\\b\n"))),
            Step::NotMine
        );
        assert_eq!(
            kind(et.step(&mut ext, &reply(b"\xff\xff\xff\xffgetserversExtResponse/12"))),
            Step::Malformed("the list ends in the middle of an address")
        );
        let mut cod4 = Quake3::new(Game::find("cod4").unwrap());
        assert_eq!(kind(cod4.step(&mut master(true), &reply(&list(&[ONE])))), MORE);
        assert_eq!(et.servers_known(), 0);
    }

    #[test]
    fn a_master_that_never_stops_is_stopped() {
        let (mut et, mut master) = (et(), master(false));
        for _ in 1..MAX_LIST_DATAGRAMS {
            assert_eq!(kind(et.step(&mut master, &reply(&list(&[ONE])))), MORE);
        }
        assert_eq!(kind(et.step(&mut master, &reply(&list(&[ONE])))), Step::Done(()));
    }

    #[test]
    fn a_status_belongs_to_the_challenge_it_gives_back() {
        let mut et = et();
        for number in [1, 0xdead_beef, u64::MAX] {
            let mut out = Vec::new();
            et.write_request(&mut Conversation::Server, Attempt::first(Token(number)), &mut out);
            let challenge = out.strip_prefix(b"\xff\xff\xff\xffgetstatus ").unwrap();
            assert_eq!(challenge.len(), 16);
            let reply = [b"\xff\xff\xff\xffstatusResponse\n\\challenge\\", challenge, b"\n"].concat();
            assert_eq!(et.read_token(&reply), Some(Token(number)));
        }
        for strange in ["\\challenge\\", "\\challenge\\123", "\\challenge\\0123456789ABCDEF", "\\a\\b"] {
            let reply = format!("statusResponse\n{strange}\n");
            assert_eq!(et.read_token(&[b"\xff\xff\xff\xff", reply.as_bytes()].concat()), None, "{strange}");
        }
        assert_eq!(et.read_token(&list(&[ONE])), None);
    }

    #[test]
    fn masters_and_servers_have_gaps_of_their_own() {
        let xonotic = Quake3::new(Game::find("xonotic").unwrap());
        assert!(xonotic.host_gap(&Conversation::Server) > Duration::from_secs(1));
        assert_eq!(xonotic.host_gap(&master(false)), MASTER_GAP);
    }
}

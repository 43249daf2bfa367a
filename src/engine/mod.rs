//! The pure engine: who is asked when, and whose answer this is.
//!
//! Bytes and times go in, bytes and results come out. There is no socket in here, no clock and no
//! thread, so everything that ever happens can be made to happen in a test. Whoever drives it does,
//! turn after turn:
//!
//! 1. [`handle_datagram`](Engine::handle_datagram) for everything that has arrived,
//! 2. [`poll_transmit`](Engine::poll_transmit) until `None`, and puts the requests on the wire,
//! 3. [`handle_timeout`](Engine::handle_timeout),
//! 4. [`poll_result`](Engine::poll_result) until `None`,
//! 5. sleeps until a datagram comes, or [`poll_timeout`](Engine::poll_timeout) says.
//!
//! The three ways through it are a file each: `send` (ring → limits → window → wire), `receive` (wire →
//! flight → protocol) and `expire` (deadlines); `end` books the ends.
//!
//! A query is in one place at a time: in the *ring* (it wants to be sent), in the heap of *deadlines*
//! (it waits, for its answer or for a limit), or in the *linger* queue (it has ended). Its stamp says
//! which entry of ring or heap is the valid one, so moving it costs no search.

mod config;
mod conversation;
mod deadlines;
mod end;
mod expire;
mod flight;
mod histogram;
mod ledger;
mod limits;
mod outcome;
mod pacer;
mod patience;
mod receive;
mod ring;
mod send;
mod time;
mod window;

pub use config::{Config, ConfigError, Timeout};
pub use conversation::{Elsewhere, Protocol, Quiet, ReplySize, Step, Token};
pub use histogram::Histogram;
pub use ledger::Ledger;
pub use outcome::{Conclusion, Outcome, Unreachable};
pub use time::Time;
pub use window::reply_cost;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use deadlines::{Deadlines, Place, Stamps};
use flight::{Flight, State};
use limits::Limits;
use pacer::Pacer;
use patience::Patience;
use ring::{Line, Ring};
use window::Window;

/// How long a deadline may wait for company.
const SLACK: Duration = Duration::from_millis(4);

/// Asks many hosts, and keeps the books. See the [module](self) for the order of calls.
pub struct Engine<P: Protocol> {
    protocol: P,
    config: Config,
    ring: Ring,
    pacer: Pacer,
    window: Window,
    limits: Limits,
    flight: Flight<P::Conversation>,
    deadlines: Deadlines,
    stamps: Stamps,
    patience: Patience,
    /// Ended queries, with the time to forget them.
    lingering: VecDeque<(Time, u32)>,
    /// Those among them that keep their address closed until then.
    closing: VecDeque<(Time, u32)>,
    results: VecDeque<Conclusion<P::Conversation, P::Answer>>,
    ledger: Ledger,
    /// Queries that want to be sent: in the ring, or held back by a limit.
    unsent: usize,
    /// Queries that have not ended.
    open: usize,
    /// When the kernel was last known to have dropped an answer for want of room.
    last_own_drop: Option<Time>,
    held: bool,
    stopped: bool,
}

/// A request to put on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// Bytes that were appended to the buffer.
    pub len: usize,
    place: Place,
}

/// The ring has no room, or the engine was stopped: nothing was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingFull;

impl fmt::Display for RingFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ring has no room for another target")
    }
}

impl std::error::Error for RingFull {}

/// What is asked, and what comes out.
impl<P: Protocol> Engine<P> {
    /// An engine that asks in `protocol`'s language. Tokens are made from `key`: 16 bytes that
    /// nobody can guess (`net::random_key`), or a seed to repeat a simulation.
    ///
    /// # Errors
    /// When a field of `config` is out of range.
    pub fn new(protocol: P, config: Config, key: [u8; 16]) -> Result<Engine<P>, ConfigError> {
        config.validate()?;
        Ok(Engine {
            ring: Ring::default(),
            pacer: Pacer::new(config.rate, config.burst),
            window: Window::new(config.window, config.reply_credit),
            limits: Limits::new(config.prefix_rate, config.burst),
            flight: Flight::new(key, protocol.elsewhere()),
            deadlines: Deadlines::default(),
            stamps: Stamps::default(),
            patience: Patience::new(config.timeout, config.tries),
            lingering: VecDeque::new(),
            closing: VecDeque::new(),
            results: VecDeque::new(),
            ledger: Ledger::default(),
            unsent: 0,
            open: 0,
            last_own_drop: None,
            held: false,
            stopped: false,
            protocol,
            config,
        })
    }

    /// How many more targets [`ask`](Engine::ask) would take now. Pull no more than these from
    /// wherever targets come from, and memory stays proportional to ring and window.
    pub fn room(&self) -> usize {
        if self.stopped { 0 } else { self.config.ring.saturating_sub(self.unsent) }
    }

    /// Takes in a conversation with `target`: its first request waits in the ring.
    ///
    /// # Errors
    /// When the ring is full, or after [`stop_sending`](Engine::stop_sending).
    pub fn ask(&mut self, target: SocketAddr, conversation: P::Conversation) -> Result<(), RingFull> {
        if self.room() == 0 {
            return Err(RingFull);
        }
        self.enqueue_new(target, conversation, Line::First);
        Ok(())
    }

    /// The next conversation that has ended.
    pub fn poll_result(&mut self) -> Option<Conclusion<P::Conversation, P::Answer>> {
        self.results.pop_front()
    }

    /// Whether there is one.
    pub fn has_result(&self) -> bool {
        !self.results.is_empty()
    }

    /// When something will happen by itself: the next token for what waits in the ring, or the next
    /// deadline. May lie in the past: then now. `None` when only datagrams can change anything.
    ///
    /// Deadlines are rounded up to whole milliseconds, and wait for the next token if that is near:
    /// nobody needs them finer, and each wake-up that is spared is a system call or three.
    pub fn poll_timeout(&mut self) -> Option<Time> {
        // What the window lets in needs a token, too.
        let release = self.window.next_release().filter(|_| self.ring.awaits_window().is_some());
        let release = release.map(|release| release.max(self.pacer.next(1)));
        let deadline = self.next_deadline().into_iter().chain(release).min().map(Time::ceil_millis);
        let sendable = self.sendable();
        let token = (sendable > 0).then(|| self.pacer.next(sendable));
        match (deadline, token) {
            (Some(deadline), Some(token)) if token <= deadline + SLACK => Some(token),
            (deadline, token) => deadline.or(token),
        }
    }

    /// The next deadline itself: from then on [`handle_timeout`](Engine::handle_timeout) has something to do.
    pub fn next_deadline(&mut self) -> Option<Time> {
        self.deadlines.next(|place| self.flight.at(place).is_some())
    }

    /// Whether no conversation is open. Results may still wait in
    /// [`poll_result`](Engine::poll_result).
    pub fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// Queries that were sent and have not ended.
    pub fn in_flight(&self) -> usize {
        self.window.in_flight() as usize
    }

    /// Queries that have not ended, sent or not.
    pub fn open(&self) -> usize {
        self.open
    }

    /// The account so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The protocol, with what its conversations share.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The protocol, to take from what its conversations share.
    pub fn protocol_mut(&mut self) -> &mut P {
        &mut self.protocol
    }

    /// While held, nothing is sent; everything else goes on. For a caller who cannot take more results:
    /// those of what is in flight still come, so they are as many as the window at most.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Sends nothing more. Queries that wait to be sent end as interrupted now. Those that were sent may
    /// still be answered: for as long as one waits after a last attempt, since that is what it has become.
    /// Then they end, as silent if all tries were made, else as interrupted.
    pub fn stop_sending(&mut self, now: Time) {
        self.stopped = true;
        self.interrupt(now, |query| query.state != State::Sent);
        self.ring.clear();
        self.wait_as_after_the_last();
    }

    /// Ends everything as interrupted, now.
    pub fn abort(&mut self, now: Time) {
        self.stopped = true;
        self.interrupt(now, |_| true);
        self.ring.clear();
    }

    fn enqueue_new(&mut self, target: SocketAddr, conversation: P::Conversation, line: Line) -> u32 {
        self.ledger.queries += 1;
        self.open += 1;
        self.unsent += 1;
        let reply_cost = self.window.cost(self.protocol.reply_size(&conversation));
        let query = self.flight.insert(target, conversation, line, reply_cost);
        self.enqueue(query);
        query
    }

    /// Puts a query into the ring.
    fn enqueue(&mut self, query: u32) {
        let place = self.place(query, State::Queued);
        self.ring.push_back(self.flight[query].line, place);
    }

    /// Puts a query into the heap.
    fn wait_until(&mut self, query: u32, state: State, at: Time) -> Place {
        let place = self.place(query, state);
        self.deadlines.push(at, place);
        self.deadlines.compact(self.open, |place| self.flight.at(place).is_some());
        place
    }

    /// A new place for a query, which makes its old one invalid.
    fn place(&mut self, query: u32, state: State) -> Place {
        let stamp = self.stamps.fresh();
        self.flight[query].stamp = stamp;
        self.flight[query].state = state;
        Place { query, stamp }
    }
}

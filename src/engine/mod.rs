//! The engine: decides what to send to which host and when, and matches replies to queries.
//!
//! It has no socket, no clock and no thread: bytes and times go in, bytes and completions come out, so a test controls
//! everything that happens. Its driver (`net`, or a simulated network) repeats these steps:
//!
//! 1. [`handle_datagram`](Engine::handle_datagram) for everything that has arrived;
//! 2. [`poll_transmit`](Engine::poll_transmit) until `None`, and send the requests;
//! 3. [`handle_timeout`](Engine::handle_timeout);
//! 4. [`poll_completion`](Engine::poll_completion) until `None`;
//! 5. sleep until a datagram arrives, or until [`poll_timeout`](Engine::poll_timeout).
//!
//! Each of the three paths through it has its own file: `send` (ring → limits → window → wire), `receive` (wire → table
//! → protocol) and `expire` (deadlines); `end` ends queries.
//!
//! An open query waits in one place at a time: in the *ring* (to be sent), in the heap of *deadlines* (for its reply,
//! or for a limit), or at its *host* (for another query to end). Its stamp distinguishes the valid entry from older
//! ones, so that moving a query costs no search. An ended query stays in the table for a while, to recognize late
//! replies.

mod answered;
mod config;
mod deadlines;
mod end;
mod expire;
mod histogram;
mod hosts;
mod in_flight;
mod ledger;
mod limits;
mod outcome;
mod pacer;
mod protocol;
mod query;
mod receive;
mod reply_sizes;
mod ring;
mod send;
mod time;
mod timeouts;
mod window;

pub use config::{Config, ConfigError, Timeout};
pub use histogram::Histogram;
pub use ledger::Ledger;
pub use outcome::{Completion, Outcome, Refused, RefusedReason, Unreachable};
pub use protocol::{
    Attempt, Defaults, ForeignSource, Proof, Protocol, Quiet, Reply, ReplySize, Step, Token, Transport,
};
pub use time::Time;
pub use window::reply_cost;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use deadlines::{Deadlines, Place, Stamps};
use hosts::Hosts;
use in_flight::InFlight;
use limits::Limits;
use pacer::Pacer;
use query::{NewQuery, Query, QueryId, State, StateCounts};
use ring::{Priority, Ring};
use timeouts::Timeouts;
use window::Window;

/// Maximum delay of a deadline that shares a wake-up with the next token.
const SLACK: Duration = Duration::from_millis(4);

/// The number of queries that may wait for a limit or a host, for each place in the ring. They do not occupy the ring:
/// otherwise one host that is named thousands of times would hold up all others.
const HELD_BACK_PER_RING: usize = 16;

/// Sends the requests of many conversations, matches their replies, and counts everything.
///
/// `T` is the type of the tags, which the caller passes to [`ask`](Engine::ask) and gets back with the
/// [`Completion`]. See the [module](self) for the order of calls.
pub struct Engine<P: Protocol, T = ()> {
    protocol: P,
    config: Config,
    ring: Ring,
    pacer: Pacer,
    window: Window,
    limits: Limits,
    hosts: Hosts,
    in_flight: InFlight<P::Conversation, T>,
    deadlines: Deadlines,
    stamps: Stamps,
    timeouts: Timeouts,
    /// Ended queries, and the times to forget them.
    lingering: VecDeque<(Time, QueryId)>,
    /// Ended queries that block their address, and the times to forget them.
    blocking: VecDeque<(Time, QueryId)>,
    completions: VecDeque<Completion<P::Conversation, P::Answer, T>>,
    ledger: Ledger,
    /// The queries that have not ended.
    counts: StateCounts,
    /// Fading queries, and the times when they end at the latest.
    fading: VecDeque<(Time, Place)>,
    /// The time when the last of them timed out, and the time of their latest attempt.
    last_faded: Time,
    last_faded_sent: Time,
    /// The places of queries that were taken back because this machine could not send them, oldest first.
    held_by_system: VecDeque<Place>,
    /// The time of the last known local drop.
    last_local_drop: Option<Time>,
    held: bool,
    stopped: bool,
}

/// A request to send.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Transmit {
    /// The destination.
    pub to: SocketAddr,
    /// The number of bytes appended to the buffer.
    pub len: usize,
    /// The way to send it.
    pub transport: Transport,
    /// The lane of a datagram: the number of the socket to send it from, 0 for the first.
    pub lane: u16,
    /// True if it may be handed to the system together with others: see [`Protocol::is_bulk`].
    pub bulk: bool,
    place: Place,
}

/// Starting conversations, and taking completions.
impl<P: Protocol, T> Engine<P, T> {
    /// Creates an engine for `protocol`. Tokens are derived from `key`: 16 unpredictable bytes (`net::random_key`), or
    /// a seed to repeat a simulation.
    ///
    /// # Errors
    /// A field of `config` is out of range.
    pub fn new(protocol: P, config: Config, key: [u8; 16]) -> Result<Engine<P, T>, ConfigError> {
        config.validate()?;
        let in_flight_per_host = config.in_flight_per_host.or(protocol.defaults().in_flight_per_host);
        Ok(Engine {
            ring: Ring::default(),
            pacer: Pacer::new(config.rate, config.burst),
            window: Window::new(config.window, config.reply_credit, protocol.largest_reply()),
            limits: Limits::new(
                config.host_rate.unwrap_or(protocol.defaults().host_rate),
                config.prefix_rate.unwrap_or(f64::INFINITY),
                config.burst,
            ),
            hosts: Hosts::new(in_flight_per_host),
            in_flight: InFlight::new(
                key,
                protocol.foreign_source(),
                protocol.takes_replies_without_token(),
                config.linger,
            ),
            deadlines: Deadlines::default(),
            stamps: Stamps::default(),
            timeouts: Timeouts::new(config.timeout, config.tries),
            lingering: VecDeque::new(),
            blocking: VecDeque::new(),
            completions: VecDeque::new(),
            ledger: Ledger::default(),
            counts: StateCounts::default(),
            fading: VecDeque::new(),
            held_by_system: VecDeque::new(),
            last_faded: Time::ZERO,
            last_faded_sent: Time::ZERO,
            last_local_drop: None,
            held: false,
            stopped: false,
            protocol,
            config,
        })
    }

    /// Returns the number of targets that [`ask`](Engine::ask) accepts now. A caller that pulls no more than these from
    /// its source of targets keeps memory proportional to ring and window.
    pub fn room(&self) -> usize {
        if self.stopped {
            return 0;
        }
        let queued = self.config.ring.saturating_sub(self.counts.of(State::Queued));
        let held_back = self.config.ring.saturating_mul(HELD_BACK_PER_RING);
        queued.min(held_back.saturating_sub(self.counts.of(State::HeldBack)))
    }

    /// Begins a conversation with `target`. Its first request waits in the ring, and its [`Completion`] will carry
    /// `tag`.
    ///
    /// # Errors
    /// The ring is full, or [`stop_sending`](Engine::stop_sending) or [`abort`](Engine::abort) was called. The error
    /// returns the question and the tag.
    pub fn ask(
        &mut self,
        target: SocketAddr,
        question: P::Question,
        tag: T,
    ) -> Result<(), Refused<P::Question, T>> {
        if self.room() == 0 {
            let reason = if self.stopped { RefusedReason::Stopped } else { RefusedReason::RingFull };
            return Err(Refused { reason, question, tag });
        }
        let conversation = self.protocol.begin(target, question);
        self.enqueue_new(NewQuery {
            target,
            conversation,
            tag,
            priority: Priority::Opening,
            continues: None,
        });
        self.check_counts();
        Ok(())
    }

    /// Removes and returns the next completion.
    #[must_use = "it is returned only once"]
    pub fn poll_completion(&mut self) -> Option<Completion<P::Conversation, P::Answer, T>> {
        self.completions.pop_front()
    }

    /// Returns whether [`poll_completion`](Engine::poll_completion) has one.
    pub fn has_completion(&self) -> bool {
        !self.completions.is_empty()
    }

    /// Returns how many completions [`poll_completion`](Engine::poll_completion) has.
    pub fn waiting_completions(&self) -> usize {
        self.completions.len()
    }

    /// Holds back all sending while `held` is true; everything else continues. Use it when no more completions can be
    /// processed: then only queries already in flight complete, at most as many as the window holds.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Stops sending. Queries that wait to be sent end as interrupted now.
    ///
    /// Queries in flight may still be answered until the timeout of a last attempt. Then they end as silent if all
    /// tries were made, and otherwise as interrupted.
    pub fn stop_sending(&mut self, now: Time) {
        self.stopped = true;
        self.interrupt(now, |state| matches!(state, State::Queued | State::HeldBack));
        self.forget_waiting();
        self.use_final_timeouts();
        self.check_counts();
    }

    /// Ends all queries as interrupted, now.
    pub fn abort(&mut self, now: Time) {
        self.stopped = true;
        self.interrupt(now, |_| true);
        self.forget_waiting();
        self.check_counts();
    }
}

/// The interface to the driver.
impl<P: Protocol, T> Engine<P, T> {
    /// Returns the time of the next event other than a datagram: the next token for a query in the ring, or the next
    /// deadline. A time in the past means now; `None` means that only a datagram can change anything.
    ///
    /// Deadlines are rounded up to whole milliseconds, and wait for the next token if that is near: finer deadlines
    /// would gain nothing, and each wake-up avoided saves up to three system calls.
    pub fn poll_timeout(&mut self) -> Option<Time> {
        // Queries that the window admits need a token, too.
        let release = self.window.next_release().filter(|_| self.ring.first_awaiting_window().is_some());
        let release = release.map(|release| release.max(self.pacer.next(1)));
        let deadline = self.next_deadline().into_iter().chain(release).min().map(Time::ceil_millis);
        let sendable = self.sendable();
        let token = (sendable > 0).then(|| self.pacer.next(sendable));
        match (deadline, token) {
            (Some(deadline), Some(token)) if token <= deadline + SLACK => Some(token),
            (deadline, token) => deadline.or(token),
        }
    }

    /// Returns the next deadline, neither rounded nor delayed, at which [`handle_timeout`](Engine::handle_timeout) has
    /// something to do.
    pub fn next_deadline(&mut self) -> Option<Time> {
        let deadline = self.deadlines.next(|place| self.in_flight.is_valid(place));
        // A query that waits for a host can be sent once an ended one is forgotten.
        let is_anyone_waiting = self.hosts.is_anyone_waiting();
        let ended = [&self.lingering, &self.blocking].into_iter().filter(|_| is_anyone_waiting);
        let ended = ended.filter_map(|queue| queue.front()).map(|(until, _)| *until);
        let faded = self.fading.front().map(|(until, _)| *until);
        let faded =
            faded.map(|until| if self.only_fading() { until.min(self.fading_until()) } else { until });
        deadline.into_iter().chain(ended).chain(faded).min()
    }

    /// Sets the reply credit, unless [`Config::reply_credit`] does: the bytes of receive buffer that replies may take.
    /// `net::Net` calls this with what its sockets were granted.
    pub fn grant_reply_credit(&mut self, bytes: u64) {
        if self.config.reply_credit.is_none() {
            self.window.set_credit(bytes);
        }
    }

    /// Sets the number of lanes: sockets among which the queries are spread, each with the same
    /// [reply credit](Engine::grant_reply_credit). [`Transmit::lane`] says which one to use. `net::Net` calls this.
    pub fn grant_lanes(&mut self, count: u16) {
        self.window.set_lanes(count);
    }

    /// Returns whether no conversation is open. Completions may still wait in
    /// [`poll_completion`](Engine::poll_completion).
    pub fn is_idle(&self) -> bool {
        self.counts.open() == 0
    }

    /// Returns the number of queries that were sent and have not ended.
    pub fn in_flight(&self) -> usize {
        self.window.in_flight() as usize
    }

    /// Returns the number of queries that have not ended, sent or not.
    pub fn open(&self) -> usize {
        self.counts.open()
    }

    /// Returns how many queries wait to be sent, for the first time or again.
    pub fn unsent(&self) -> usize {
        self.counts.unsent()
    }

    /// Returns the ledger so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the protocol, with the state that its conversations share.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Returns the protocol, to change its shared state.
    pub fn protocol_mut(&mut self) -> &mut P {
        &mut self.protocol
    }
}

/// Moving queries from place to place.
impl<P: Protocol, T> Engine<P, T> {
    fn enqueue_new(&mut self, new: NewQuery<P::Conversation, T>) -> QueryId {
        self.ledger.queries += 1;
        self.counts.enter(State::Queued);
        let transport = self.protocol.transport(&new.conversation);
        let reply_cost = match transport {
            Transport::Datagram => reply_cost(self.protocol.reply_size(&new.conversation)),
            // TCP has flow control of its own.
            Transport::Stream => 0,
        };
        let query = self.in_flight.insert(new, transport, reply_cost);
        self.enqueue(query);
        query
    }

    /// Moves an open query to the end of the ring.
    fn enqueue(&mut self, query: QueryId) {
        let place = self.place(query, State::Queued);
        let Some(open) = self.in_flight[query].open() else { return };
        self.ring.push_back(open.priority, place);
        if open.rare().is_some_and(|rare| rare.failing.is_some()) {
            self.expect_recovery(place);
        }
    }

    /// Remembers the place of a query that this machine could not send.
    fn expect_recovery(&mut self, place: Place) {
        while self.held_by_system.front().is_some_and(|place| !self.in_flight.is_valid(*place)) {
            self.held_by_system.pop_front();
        }
        self.held_by_system.push_back(place);
    }

    /// Moves an open query to the heap.
    fn wait_until(&mut self, query: QueryId, state: State, at: Time) -> Place {
        let place = self.place(query, state);
        self.deadlines.push(at, place);
        self.deadlines.compact(self.counts.open(), |place| self.in_flight.is_valid(place));
        place
    }

    /// Moves an open query to the queue of its host.
    fn wait_for_host(&mut self, query: QueryId) {
        let place = self.place(query, State::HeldBack);
        let Query { target, transport, .. } = self.in_flight[query];
        self.hosts.wait(target, transport, place);
    }

    /// Lets another query try again at each address that `query` may have blocked.
    fn wake_for(&mut self, query: QueryId) {
        if self.hosts.is_anyone_waiting() {
            let Query { transport, target, ref moved, .. } = self.in_flight[query];
            let earlier = moved.as_deref().cloned().unwrap_or_default();
            earlier.iter().for_each(|(_, host)| self.wake_one(*host, transport));
            self.wake_one(target, transport);
        }
    }

    /// Lets one of the queries that wait for `host` try again.
    fn wake_one(&mut self, host: SocketAddr, transport: Transport) {
        let in_flight = &self.in_flight;
        if let Some(place) = self.hosts.next_waiting(host, transport, |place| in_flight.is_valid(place)) {
            self.enqueue(place.query);
        }
    }

    /// Gives a query a new place, which makes its old one invalid.
    fn place(&mut self, query: QueryId, state: State) -> Place {
        let stamp = self.stamps.fresh();
        self.in_flight[query].stamp = stamp;
        self.set_state(query, state);
        Place { query, stamp }
    }

    fn set_state(&mut self, query: QueryId, state: State) {
        if let Some(open) = self.in_flight[query].open_mut() {
            self.counts.leave(std::mem::replace(&mut open.state, state));
            self.counts.enter(state);
        }
    }

    /// Empties the queues of queries that wait to be sent, once all of them have ended.
    fn forget_waiting(&mut self) {
        debug_assert!(self.counts.unsent() == 0, "{} queries still wait to be sent", self.counts.unsent());
        self.ring.clear();
        self.hosts.clear_waiting();
    }

    /// Asserts, in debug builds, that the counts are consistent.
    fn check_counts(&self) {
        let open = self.counts.open();
        debug_assert!(self.ledger.adds_up(open as u64), "the sums: {:?}, {open} open", self.ledger);
        debug_assert!(self.in_flight() <= open, "{} in flight of {open} open", self.in_flight());
    }
}

impl<P: Protocol, T> fmt::Debug for Engine<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("open", &self.counts.open())
            .field("in_flight", &self.in_flight())
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

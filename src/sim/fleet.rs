//! The fleet: receives requests, and sends each reply when it is due.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::dice::{Dice, Purpose, hits};
use super::forger::Forger;
use super::hosts::Hosts;
use super::limits::Limits;
use super::plan::{Plan, PlanError};
use super::schedule::Schedule;
use super::simulated_host::{HostContext, Reaction, SimulatedHost};
use super::tally::Tally;
use crate::engine::Time;

/// The time from one datagram of a reply to the next: the transmission time of 1,400 bytes at 100 Mbit/s.
const PART_INTERVAL: Duration = Duration::from_micros(112);

/// A fleet of simulated hosts. It has neither a clock nor a socket: the caller passes the time, which must not go back.
///
/// ```
/// use allears::engine::Time;
/// use allears::sim::{Fleet, HostProtocol, Plan};
///
/// let echo = HostProtocol::find("echo").expect("a protocol");
/// let mut fleet = Fleet::new(Plan::new(echo))?;
/// let (host, me) = (fleet.plan().address(7), "127.0.0.1:5000".parse().unwrap());
/// fleet.handle_request(Time::ZERO, host, me, b"hello");
///
/// let due = fleet.poll_timeout().expect("a reply is pending");
/// let mut datagram = Vec::new();
/// let reply = fleet.poll_reply(due, &mut datagram).expect("the reply is due");
/// assert_eq!((reply.from, reply.to), (host, me));
/// assert_eq!(datagram, b"hello");
/// # Ok::<(), allears::sim::PlanError>(())
/// ```
pub struct Fleet {
    plan: Plan,
    hosts: Hosts,
    protocol: Box<dyn SimulatedHost>,
    limits: Limits,
    forger: Forger,
    replies: Schedule<Pending>,
    /// Buffers of replies that were sent, for reuse.
    spare: Vec<Vec<u8>>,
    /// The wanted player's host and name.
    wanted: Option<(u32, Arc<str>)>,
    waiting: u64,
    tally: Tally,
}

/// Omits the state of hosts and the pending replies.
impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Fleet");
        shown.field("plan", &self.plan).field("waiting", &self.waiting).field("tally", &self.tally);
        shown.finish_non_exhaustive()
    }
}

/// A datagram that leaves the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetReply {
    /// The address it comes from.
    pub from: SocketAddr,
    /// The address it goes to.
    pub to: SocketAddr,
    /// The number of bytes appended to the buffer.
    pub len: usize,
}

/// A reply that is not due yet.
#[derive(Debug)]
struct Pending {
    to: SocketAddr,
    content: Content,
    /// True if a second copy follows it.
    twice: bool,
    /// The bytes that `answer` appended, from which the protocol builds the datagram; for a list, the request.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// Datagram `part` of the reply to request `nth` of a host.
    Reply {
        host: u32,
        nth: u64,
        part: u32,
    },
    Copy {
        host: u32,
        part: u32,
    },
    List {
        number: u32,
    },
}

impl Fleet {
    /// Creates a fleet that follows `plan`.
    ///
    /// # Errors
    /// Names the first field of the plan that is out of its range.
    pub fn new(plan: Plan) -> Result<Fleet, PlanError> {
        plan.validate()?;
        let hosts = Hosts::new(&plan);
        Ok(Fleet {
            protocol: (plan.protocol.build)(&plan),
            limits: Limits::new(plan.limit),
            forger: Forger::new(plan.forge),
            replies: Schedule::default(),
            spare: Vec::new(),
            waiting: 0,
            tally: Tally::default(),
            wanted: hosts.choose_wanted(&plan),
            plan,
            hosts,
        })
    }

    /// Processes a request from `from` that arrived at `to`: the address of a host, or of the master.
    pub fn handle_request(&mut self, now: Time, to: SocketAddr, from: SocketAddr, request: &[u8]) {
        self.tally.received += 1;
        if self.plan.master == Some(to) {
            return self.handle_list_request(now, from, request);
        }
        let Some(host) = self.plan.host_at(to) else {
            self.tally.ignored += 1;
            return;
        };
        let nth = u64::from(self.hosts.count_request(now, host));
        self.forger.record_request(now, from, request);

        let context = self.context(now, from, host);
        let mut reply = self.buffer();
        if let Some(counter) = self.stopped_by(&context, nth, request, &mut reply) {
            *counter += 1;
            self.spare.push(reply);
            return;
        }
        self.waiting += 1;
        self.reply_later(&context, nth, request, reply);
    }

    fn handle_list_request(&mut self, now: Time, from: SocketAddr, request: &[u8]) {
        self.tally.master_received += 1;
        if self.protocol.lists(request) > 0 {
            let mut bytes = self.buffer();
            bytes.extend_from_slice(request);
            let content = Content::List { number: 0 };
            let due = now + self.plan.latency.median;
            self.replies.push(due, Pending { to: from, content, twice: false, bytes });
        }
    }

    /// Lets the host process a request, and appends its reply to `reply`. Returns the counter of the reason why the
    /// request or the reply is dropped; `None` if neither is.
    fn stopped_by(
        &mut self,
        context: &HostContext,
        nth: u64,
        request: &[u8],
        reply: &mut Vec<u8>,
    ) -> Option<&mut u64> {
        let host = context.host;
        let hit = |purpose, fraction| hits(self.plan.roll(purpose, host, nth), fraction);
        if hit(Purpose::Loss, self.plan.loss) {
            return Some(&mut self.tally.lost_by_plan);
        }
        if self.hosts.get(host).dead {
            return Some(&mut self.tally.dead);
        }
        let reaction = if context.garbage {
            self.protocol.garbage(context, request, reply)
        } else {
            self.protocol.answer(context, request, reply)
        };
        if reaction == Reaction::Ignored {
            return Some(&mut self.tally.ignored);
        }
        if !self.limits.allow(context.now, host, context.from.ip()) {
            return Some(&mut self.tally.limited);
        }
        // If a reply has several datagrams, each may be lost on its own: see `send_part`.
        let is_single = self.protocol.parts(context, reply) == 1;
        let lost = reaction == Reaction::Lost
            || (is_single && hits(self.plan.roll(Purpose::ReplyLoss, host, nth), self.plan.reply_loss));
        lost.then_some(&mut self.tally.replies_lost_by_plan)
    }

    fn reply_later(&mut self, context: &HostContext, nth: u64, request: &[u8], reply: Vec<u8>) {
        let host = context.host;
        let hit = |purpose, fraction| hits(self.plan.roll(purpose, host, nth), fraction);
        let late =
            if hit(Purpose::Late, self.plan.late.fraction) { self.plan.late.by } else { Duration::ZERO };
        let due = context.now + self.plan.latency_of(host) + late;
        let twice = hit(Purpose::Duplicate, self.plan.duplicate);
        let mut stale = self.buffer();
        if self.protocol.stale_reply(context, request, &mut stale) {
            // A datagram that answers no request counts as a copy.
            let content = Content::Copy { host, part: 0 };
            self.replies.push(due, Pending { to: context.from, content, twice: false, bytes: stale });
        } else {
            self.spare.push(stale);
        }
        let content = Content::Reply { host, nth, part: 0 };
        self.replies.push(due, Pending { to: context.from, content, twice, bytes: reply });
    }

    fn context(&self, now: Time, from: SocketAddr, host: u32) -> HostContext {
        HostContext {
            now,
            from,
            host,
            seed: self.plan.roll(Purpose::Content, host, 0),
            fault: self.hosts.fault(host),
            garbage: self.hosts.get(host).garbage,
            wanted: self.wanted_on(host),
        }
    }

    /// Returns the name of the wanted player, if that player is on this host.
    fn wanted_on(&self, host: u32) -> Option<Arc<str>> {
        self.wanted.as_ref().filter(|(at, _)| *at == host).map(|(_, name)| Arc::clone(name))
    }

    /// Returns an empty buffer, reusing one if possible.
    fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Appends the next datagram that is due to `out`, in order of time.
    pub fn poll_reply(&mut self, now: Time, out: &mut Vec<u8>) -> Option<FleetReply> {
        let start = out.len();
        let forgery = self.forger.due().filter(|due| *due <= now);
        let forged_first = forgery.is_some_and(|at| self.replies.next_due().is_none_or(|due| at < due));
        let (from, to) = if forged_first { self.forge(now, out)? } else { self.send_next(now, out)? };
        Some(FleetReply { from, to, len: out.len() - start })
    }

    fn send_next(&mut self, now: Time, out: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
        loop {
            let (due, pending) = self.replies.pop(now)?;
            let to = pending.to;
            let sent_by = match pending.content {
                Content::List { number } => {
                    self.send_list(due, number, pending, out);
                    self.plan.master
                }
                Content::Reply { host, nth, part } => self.send_part(due, (host, nth, part), pending, out),
                Content::Copy { host, part } => {
                    self.tally.duplicated += 1;
                    let context = self.context(now, to, host);
                    self.protocol.finish(&context, &pending.bytes, part, out);
                    self.spare.push(pending.bytes);
                    Some(self.source_of(host))
                }
            };
            if let Some(from) = sent_by {
                return Some((from, to));
            }
        }
    }

    /// Appends datagram `part` of a host's reply to `out`, and schedules its copy and the next part. Returns the source
    /// of the datagram; `None` if it is lost.
    fn send_part(
        &mut self,
        due: Time,
        (host, nth, part): (u32, u64, u32),
        pending: Pending,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let Pending { to, twice, bytes, .. } = pending;
        let context = self.context(due, to, host);
        let parts = self.protocol.parts(&context, &bytes);
        let roll = self.plan.roll(Purpose::ReplyLoss, host, nth | u64::from(part) << 40);
        let is_lost = parts > 1 && hits(roll, self.plan.reply_loss);
        if is_lost {
            self.tally.replies_lost_by_plan += 1;
        } else {
            self.tally.answered += 1;
            self.protocol.finish(&context, &bytes, part, out);
        }
        let has_copy = twice && !is_lost;
        if has_copy {
            let content = Content::Copy { host, part };
            self.replies.push(due, Pending { to, content, twice: false, bytes: bytes.clone() });
        }
        if part + 1 < parts {
            let content = Content::Reply { host, nth, part: part + 1 };
            self.replies.push(due + PART_INTERVAL, Pending { to, content, twice, bytes });
        } else {
            self.spare.push(bytes);
        }
        if part == 0 {
            self.waiting -= 1;
        } else {
            self.tally.further_parts += 1;
        }
        (!is_lost).then(|| self.source_of(host))
    }

    /// Returns the address from which a host replies.
    fn source_of(&self, host: u32) -> SocketAddr {
        if self.hosts.get(host).multi_homed { self.plan.other_address(host) } else { self.plan.address(host) }
    }

    /// Appends one datagram of the master's list to `out`, and schedules the next.
    fn send_list(&mut self, due: Time, number: u32, pending: Pending, out: &mut Vec<u8>) {
        self.protocol.write_list(&pending.bytes, number, out);
        self.tally.answered += 1;
        self.tally.master_answered += 1;
        if number + 1 < self.protocol.lists(&pending.bytes) {
            let content = Content::List { number: number + 1 };
            self.replies.push(due + PART_INTERVAL, Pending { content, ..pending });
        } else {
            self.spare.push(pending.bytes);
        }
    }

    fn forge(&mut self, now: Time, out: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
        let (to, request, nth) = self.forger.forge()?;
        let mut dice = Dice::new(self.plan.roll(Purpose::Forge, 0, nth));
        let host = dice.below(self.plan.hosts as usize) as u32;
        let seed = self.plan.roll(Purpose::Content, host, 0);
        let context = HostContext { now, from: to, host, seed, fault: None, garbage: false, wanted: None };
        self.protocol.forge(&context, request, &mut dice, out);
        self.tally.forged += 1;
        Some((self.plan.address(host), to))
    }

    /// Returns when the next datagram is due; `None` if nothing is pending.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.replies.next_due().into_iter().chain(self.forger.due()).min()
    }

    /// Returns the plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the addresses of all hosts, dead ones included.
    pub fn targets(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        let plan = self.plan.clone();
        (0..plan.hosts).map(move |host| plan.address(host))
    }

    /// Returns the number of hosts that are not dead.
    pub fn alive(&self) -> u32 {
        self.plan.hosts - self.hosts.dead
    }

    /// Returns true if host `host`, which is less than `plan().hosts`, is alive, and replies properly from the address
    /// that received the request.
    pub fn is_proper(&self, host: u32) -> bool {
        self.hosts.get(host).is_proper()
    }

    /// Returns the fault of host `host`: a name of [`Plan::misbehave`].
    pub fn fault(&self, host: u32) -> Option<&'static str> {
        self.hosts.fault(host)
    }

    /// Returns the host that the wanted player is on. `None` if no player is wanted, the protocol has no players, or no
    /// living host replies properly.
    pub fn wanted_at(&self) -> Option<SocketAddr> {
        self.wanted.as_ref().map(|(host, _)| self.plan.address(*host))
    }

    /// Returns the number of hosts' replies that are not due yet, without copies, forgeries and the master's lists.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Returns the counters so far.
    pub fn tally(&self) -> Tally {
        Tally {
            hosts_asked: self.hosts.asked,
            max_per_host_2s: u64::from(self.hosts.max_within_span),
            ..self.tally
        }
    }
}

mod streams;
#[cfg(test)]
mod tests;

//! The fleet: requests in, replies out when their time has come.

use std::net::SocketAddr;
use std::time::Duration;

use super::dice::{Dice, Purpose, hits};
use super::forger::Forger;
use super::hosts::{Host, Hosts};
use super::limits::Limits;
use super::plan::{HostProtocol, Plan, PlanError};
use super::schedule::Schedule;
use super::snmp::{Agents, Asked, Reaction};
use super::tally::Tally;
use super::{SnmpFault, echo, et, master};
use crate::engine::Time;

/// From one list of the master to the next: what 1,400 bytes take at 100 Mbit/s.
const BETWEEN_LISTS: Duration = Duration::from_micros(112);

/// A fleet of simulated hosts. It has neither a clock nor a socket: time is handed in, and must not
/// go back.
///
/// ```
/// use allears::engine::Time;
/// use allears::sim::{Fleet, Plan};
///
/// let mut fleet = Fleet::new(Plan::default())?;
/// let (host, me) = (fleet.plan().address(7), "127.0.0.1:5000".parse().unwrap());
/// fleet.handle_request(Time::ZERO, host, me, b"\xff\xff\xff\xffgetstatus 123");
///
/// let due = fleet.poll_timeout().expect("a reply is on its way");
/// let mut datagram = Vec::new();
/// let reply = fleet.poll_reply(due, &mut datagram).expect("its time has come");
/// assert_eq!((reply.from, reply.to), (host, me));
/// assert!(datagram.starts_with(b"\xff\xff\xff\xffstatusResponse\n"));
/// # Ok::<(), allears::sim::PlanError>(())
/// ```
#[derive(Debug)]
pub struct Fleet {
    plan: Plan,
    hosts: Hosts,
    limits: Limits,
    forger: Forger,
    /// What the hosts are where they speak SNMP.
    agents: Agents,
    replies: Schedule<Pending>,
    /// Buffers of requests that have been answered.
    spare: Vec<Vec<u8>>,
    wanted: Option<u32>,
    waiting: u64,
    tally: Tally,
}

/// A datagram that leaves the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The address it comes from.
    pub from: SocketAddr,
    /// Where to.
    pub to: SocketAddr,
    /// Bytes that were appended to the buffer.
    pub len: usize,
}

/// A reply that waits for its time. Its bytes are made when it leaves; but what an SNMP agent says is as it was
/// when it was asked.
#[derive(Debug)]
struct Pending {
    to: SocketAddr,
    what: Saying,
    /// Comes again.
    twice: bool,
    /// The request; of SNMP, the reply.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Saying {
    Reply { host: u32 },
    Copy { host: u32 },
    List { request: master::Request, number: u32 },
}

impl Fleet {
    /// A fleet that plays `plan`.
    ///
    /// # Errors
    /// Names the first field of the plan that is out of its range.
    pub fn new(plan: Plan) -> Result<Fleet, PlanError> {
        plan.validate()?;
        let hosts = Hosts::new(&plan);
        let wanted = if plan.protocol == HostProtocol::Et { hosts.choose_wanted(&plan) } else { None };
        Ok(Fleet {
            limits: Limits::new(plan.limit),
            forger: Forger::new(plan.forge),
            agents: Agents::new(&plan),
            replies: Schedule::default(),
            spare: Vec::new(),
            waiting: 0,
            tally: Tally::default(),
            plan,
            hosts,
            wanted,
        })
    }

    /// A request from `from` came to `to`: to a host, or to the master.
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
        self.forger.overhear(now, from, request);

        if let Some(counter) = self.stopped_by(now, host, nth, from, request) {
            *counter += 1;
            return;
        }
        self.waiting += 1;
        self.reply_later(now, host, nth, from, request);
    }

    fn handle_list_request(&mut self, now: Time, from: SocketAddr, request: &[u8]) {
        self.tally.master_received += 1;
        let Some(request) = master::Request::parse(request) else { return };
        for number in 0..request.lists(&self.plan) {
            let due = now + self.plan.latency.median + BETWEEN_LISTS * number;
            let what = Saying::List { request, number };
            self.replies.push(due, Pending { to: from, what, twice: false, bytes: Vec::new() });
        }
    }

    /// Where it is counted that this request has no reply; `None` if it has one.
    fn stopped_by(
        &mut self,
        now: Time,
        host: u32,
        nth: u64,
        from: SocketAddr,
        request: &[u8],
    ) -> Option<&mut u64> {
        let hit = |purpose, fraction| hits(self.plan.roll(purpose, host, nth), fraction);
        if hit(Purpose::Loss, self.plan.loss) {
            return Some(&mut self.tally.lost_by_plan);
        }
        if self.hosts.get(host).dead {
            return Some(&mut self.tally.dead);
        }
        let reaction = match self.plan.protocol {
            HostProtocol::Echo => Reaction::Answers,
            HostProtocol::Et if et::Request::parse(request).is_some() => Reaction::Answers,
            HostProtocol::Et => Reaction::Ignores,
            HostProtocol::Snmp => self.agents.answer(self.asked(now, host), request),
        };
        if reaction == Reaction::Ignores {
            return Some(&mut self.tally.ignored);
        }
        if !self.limits.allow(now, host, from.ip()) {
            return Some(&mut self.tally.limited);
        }
        let lost = reaction == Reaction::AnswersInVain || hit(Purpose::ReplyLoss, self.plan.reply_loss);
        lost.then_some(&mut self.tally.replies_lost_by_plan)
    }

    fn reply_later(&mut self, now: Time, host: u32, nth: u64, from: SocketAddr, request: &[u8]) {
        let hit = |purpose, fraction| hits(self.plan.roll(purpose, host, nth), fraction);
        let late =
            if hit(Purpose::Late, self.plan.late.fraction) { self.plan.late.by } else { Duration::ZERO };
        let due = now + self.plan.latency_of(host) + late;
        let twice = hit(Purpose::Duplicate, self.plan.duplicate);
        let is_snmp = self.plan.protocol == HostProtocol::Snmp;
        let bytes = filled(&mut self.spare, if is_snmp { self.agents.reply() } else { request });
        if is_snmp && let Some(stale) = self.agents.stale_reply(self.asked(now, host), request) {
            // One more datagram than there are requests: in the books it is a copy.
            let bytes = filled(&mut self.spare, stale);
            self.replies.push(due, Pending { to: from, what: Saying::Copy { host }, twice: false, bytes });
        }
        self.replies.push(due, Pending { to: from, what: Saying::Reply { host }, twice, bytes });
    }

    /// How an SNMP agent is asked.
    fn asked(&self, now: Time, host: u32) -> Asked {
        let Host { snmp_fault: fault, garbage, .. } = self.hosts.get(host);
        Asked { now, host, fault, garbage }
    }

    /// The next datagram whose time has come, appended to `out`; in the order of their times.
    pub fn poll_reply(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Reply> {
        let start = out.len();
        let forgery = self.forger.due().filter(|due| *due <= now);
        let forged_first = forgery.is_some_and(|at| self.replies.next_due().is_none_or(|due| at < due));
        let (from, to) = if forged_first { self.forge(now, out)? } else { self.say_next(now, out)? };
        Some(Reply { from, to, len: out.len() - start })
    }

    fn say_next(&mut self, now: Time, out: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
        let (due, pending) = self.replies.pop(now)?;
        let to = pending.to;
        let host = match pending.what {
            Saying::List { request, number } => {
                request.write_list(&self.plan, number, out);
                self.tally.answered += 1;
                self.tally.master_answered += 1;
                return Some((self.plan.master?, to));
            }
            Saying::Reply { host } => {
                self.tally.answered += 1;
                self.waiting -= 1;
                host
            }
            Saying::Copy { host } => {
                self.tally.duplicated += 1;
                host
            }
        };
        self.write_reply(host, &pending.bytes, out);
        if pending.twice {
            self.replies.push(due, Pending { what: Saying::Copy { host }, twice: false, ..pending });
        } else {
            self.spare.push(pending.bytes);
        }
        let multi_homed = self.hosts.get(host).multi_homed;
        Some((if multi_homed { self.plan.other_address(host) } else { self.plan.address(host) }, to))
    }

    /// Appends what `host` says; `request` is the reply already where that is made first.
    fn write_reply(&self, host: u32, request: &[u8], out: &mut Vec<u8>) {
        let garbage = self.hosts.get(host).garbage;
        let seed = self.plan.roll(Purpose::Content, host, 0);
        match self.plan.protocol {
            HostProtocol::Snmp => out.extend_from_slice(request),
            HostProtocol::Echo if garbage => echo::write_garbage(request, &mut Dice::new(seed), out),
            HostProtocol::Echo => echo::write_reply(request, out),
            HostProtocol::Et => {
                // What is no request was dropped before.
                let Some(request) = et::Request::parse(request) else { return };
                let (wanted, has_wanted) = (self.plan.wanted.as_deref(), self.wanted == Some(host));
                let server = et::Server { seed, host, wanted, has_wanted };
                if garbage { server.write_garbage(request, out) } else { server.write_reply(request, out) }
            }
        }
    }

    fn forge(&mut self, now: Time, out: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
        let (to, request, nth) = self.forger.forge()?;
        let mut dice = Dice::new(self.plan.roll(Purpose::Forge, 0, nth));
        let host = dice.below(self.plan.hosts as usize) as u32;
        match (self.plan.protocol, et::Request::parse(request)) {
            (HostProtocol::Et, Some(request)) => et::write_forgery(request, &mut dice, out),
            (HostProtocol::Snmp, _) => {
                let asked = Asked { now, host, fault: None, garbage: false };
                self.agents.write_forgery(asked, request, &mut dice, out);
            }
            _ => echo::write_forgery(request, &mut dice, out),
        }
        self.tally.forged += 1;
        Some((self.plan.address(host), to))
    }

    /// When the next datagram is due; `None` = never, unless a request comes.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.replies.next_due().into_iter().chain(self.forger.due()).min()
    }

    /// What this fleet plays.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The addresses of all hosts, dead ones as well.
    pub fn targets(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        let plan = self.plan.clone();
        (0..plan.hosts).map(move |host| plan.address(host))
    }

    /// How many hosts are not dead.
    pub fn alive(&self) -> u32 {
        self.plan.hosts - self.hosts.dead
    }

    /// Whether host `host`, which is less than `plan().hosts`, is alive, and answers properly from
    /// the address that was asked.
    pub fn is_proper(&self, host: u32) -> bool {
        self.hosts.get(host).is_proper()
    }

    /// What the SNMP agent at host `host`, which is less than `plan().hosts`, gets wrong.
    pub fn snmp_fault(&self, host: u32) -> Option<SnmpFault> {
        self.hosts.get(host).snmp_fault
    }

    /// Where the wanted player is. `None` if nobody is wanted, or no host that gives proper answers
    /// is alive.
    pub fn wanted_at(&self) -> Option<SocketAddr> {
        self.wanted.map(|host| self.plan.address(host))
    }

    /// Hosts' replies whose time has not come; without copies, forgeries and the master's lists.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The account so far.
    pub fn tally(&self) -> Tally {
        Tally {
            hosts_asked: self.hosts.asked,
            max_per_host_2s: u64::from(self.hosts.max_within_span),
            ..self.tally
        }
    }
}

/// A buffer that has been used before, with these bytes.
fn filled(spare: &mut Vec<Vec<u8>>, bytes: &[u8]) -> Vec<u8> {
    let mut buffer = spare.pop().unwrap_or_default();
    buffer.clear();
    buffer.extend_from_slice(bytes);
    buffer
}

#[cfg(test)]
mod tests;

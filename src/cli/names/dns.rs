//! Name servers, asked for thousands of names at a time, in a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;
use std::vec;

use allears::engine::{Completion, Config, Engine, Outcome, Timeout};
use allears::net::{self, Net, Waker};
use allears::protocol::dns::{
    Answer, Class, Conversation, Dns, DnsSettings, Message, Name, NameView, Question, Rcode, RecordType, Tcp,
};
use slab::Slab;

use super::resolv_conf::ResolvConf;
use super::search::names_to_try;
use super::{Deliver, Family, HostName, MOST_WAITING, NO_SUCH_NAME, NameRules, Stopped};
use crate::cli::output::record::{Record, uncapitalized};

/// The names that are being resolved at once.
const AT_ONCE: usize = 4096;
/// The queries that are sent at once, if the rate is limited.
const BURST: u32 = 8;
/// The source ports, among which a forger has to guess.
const PORTS: u16 = 4;
/// The receive buffer of each of them, in bytes.
const RCVBUF: usize = 1 << 20;
/// The types of addresses, in order of preference.
const BOTH: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// The sending end of the thread.
pub struct DnsResolver {
    jobs: SyncSender<NameJob>,
    waker: Waker,
}

/// A name, and the receiver of its addresses.
struct NameJob {
    name: HostName,
    deliver: Deliver,
}

/// The thread.
struct Lookups {
    jobs: Receiver<NameJob>,
    conf: ResolvConf,
    rules: NameRules,
    net: Net,
    engine: Engine<Dns, usize>,
    open: Slab<OpenLookup>,
    /// Lookups whose next question waits for room in the engine.
    ready: Vec<usize>,
    /// True once no more names follow.
    is_over: bool,
}

/// A name that is being resolved.
struct OpenLookup {
    port: u16,
    deliver: Deliver,
    /// The name that is tried, and those after it.
    name: Name,
    rest: vec::IntoIter<String>,
    /// The types that were not asked for yet.
    types: &'static [RecordType],
    /// The number of open questions.
    pending: usize,
    found: Vec<SocketAddr>,
    /// True if one of the names exists, without an address that fits.
    exists: bool,
    /// True if the name that is tried does not exist.
    is_missing: bool,
    /// The reason why a question could not be answered.
    failure: Option<String>,
}

impl DnsResolver {
    /// Starts the thread.
    ///
    /// # Errors
    /// There are no sockets, random numbers or threads.
    pub fn start(conf: &ResolvConf, rules: NameRules) -> io::Result<DnsResolver> {
        let options = net::Options::default().with_ports(PORTS).with_rcvbuf(Some(RCVBUF));
        let net = Net::open(&options).map_err(io::Error::other)?;
        let settings = DnsSettings::default()
            .with_edns(conf.edns0.then_some(1232))
            .with_tcp(if conf.use_vc { Tcp::Only } else { Tcp::Auto });
        let protocol = Dns::new(settings, conf.servers.iter().copied(), net::random_key()?);
        let config = Config::default()
            // The rate is what the user permits; most systems have one server, or two in one network. A limit for all
            // servers together suffices: at a limit for each, every name in turn would wait for a time of its own.
            .with_rate(rules.rate)
            .with_burst(BURST)
            .with_host_rate(Some(f64::INFINITY))
            .with_prefix_rate(None)
            .with_ring(2 * AT_ONCE)
            .with_timeout(Timeout::Fixed(conf.timeout))
            .with_tries(conf.attempts * conf.servers.len() as u32);
        let engine = Engine::new(protocol, config, net::random_key()?).map_err(io::Error::other)?;
        let ((sender, jobs), waker) = (mpsc::sync_channel(MOST_WAITING), net.waker());
        let (conf, open, ready) = (conf.clone(), Slab::new(), vec![]);
        let lookups = Lookups { jobs, conf, rules, net, engine, open, ready, is_over: false };
        thread::Builder::new().name("dns".into()).spawn(move || lookups.run())?;
        Ok(DnsResolver { jobs: sender, waker })
    }

    /// Starts to resolve a name. Blocks while too many wait.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn resolve(&self, name: HostName, deliver: Deliver) -> Result<(), Stopped> {
        self.jobs.send(NameJob { name, deliver }).map_err(|_| Stopped)?;
        // If it cannot be woken, it wakes for the answers to other names.
        let _ = self.waker.wake();
        Ok(())
    }
}

/// The thread also has to learn that no more names follow.
impl Drop for DnsResolver {
    fn drop(&mut self) {
        let (jobs, _) = mpsc::sync_channel(0);
        self.jobs = jobs;
        let _ = self.waker.wake();
    }
}

impl Lookups {
    /// Runs until no more names follow, or the sweep is stopped.
    fn run(mut self) {
        while self.turn() != Err(Stopped) {}
    }

    fn turn(&mut self) -> Result<(), Stopped> {
        self.take_jobs()?;
        if self.is_over && self.open.is_empty() {
            return Err(Stopped);
        }
        while self.engine.room() >= BOTH.len() {
            let Some(key) = self.ready.pop() else { break };
            self.ask(key)?;
        }
        if let Err(error) = self.net.turn(&mut self.engine, None) {
            return self.fail(&error);
        }
        while let Some(completion) = self.engine.poll_completion() {
            self.conclude(completion)?;
        }
        Ok(())
    }

    fn take_jobs(&mut self) -> Result<(), Stopped> {
        while !self.is_over && self.open.len() < AT_ONCE {
            match self.jobs.try_recv() {
                Ok(job) => self.begin(job)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.is_over = true,
            }
        }
        Ok(())
    }

    fn begin(&mut self, NameJob { name, deliver }: NameJob) -> Result<(), Stopped> {
        let rest = names_to_try(&name.name, &self.conf).into_iter();
        let key = self.open.insert(OpenLookup {
            port: name.port,
            deliver,
            name: Name::root(),
            rest,
            types: &[],
            pending: 0,
            found: vec![],
            exists: false,
            is_missing: false,
            failure: None,
        });
        self.try_next_name(key)
    }

    /// Returns the types of records to ask for.
    fn types(&self) -> &'static [RecordType] {
        match self.rules.family {
            Some(Family::Ipv6) => &BOTH[1..],
            None if !self.conf.no_aaaa => &BOTH,
            _ => &BOTH[..1],
        }
    }

    fn try_next_name(&mut self, key: usize) -> Result<(), Stopped> {
        let types = self.types();
        let lookup = &mut self.open[key];
        let Some(name) = lookup.rest.next() else { return self.end(key) };
        match name.parse() {
            Ok(name) => {
                (lookup.name, lookup.types, lookup.is_missing) = (name, types, false);
                self.ready.push(key);
                Ok(())
            }
            Err(error) => {
                let error: allears::protocol::dns::NameError = error;
                lookup.failure = Some(uncapitalized(&error.to_string()));
                self.end(key)
            }
        }
    }

    /// Asks for the next type, or for all types at once if all addresses are wanted.
    fn ask(&mut self, key: usize) -> Result<(), Stopped> {
        let all = self.rules.all;
        let lookup = &mut self.open[key];
        let (now, later) = lookup.types.split_at(if all { lookup.types.len() } else { 1 });
        lookup.types = later;
        for &of in now {
            let question = Question::new(&lookup.name, of, Class::IN);
            let server = if self.conf.rotate { self.engine.protocol_mut().next_server() } else { None };
            let server = server.unwrap_or(self.conf.servers[0]);
            // There is room.
            if self.engine.ask(server, question, key).is_ok() {
                lookup.pending += 1;
            }
        }
        Ok(())
    }

    fn conclude(&mut self, completion: Completion<Conversation, Answer, usize>) -> Result<(), Stopped> {
        let key = completion.tag;
        let lookup = &mut self.open[key];
        lookup.pending -= 1;
        match &completion.outcome {
            Outcome::Answered(answer) => lookup.take_answer(&answer.message),
            _ => {
                let record = Record::new(&completion);
                let reason = record.reason.unwrap_or_default();
                lookup.failure = Some(format!(
                    "no answer from the name server {}: {}",
                    completion.target.ip(),
                    uncapitalized(&reason)
                ));
            }
        }
        if lookup.pending > 0 {
            return Ok(());
        }
        if !lookup.found.is_empty() || lookup.failure.is_some() {
            return self.end(key);
        }
        // A name that does not exist has no records of any type (RFC 8020).
        if !lookup.is_missing && !lookup.types.is_empty() {
            self.ready.push(key);
            return Ok(());
        }
        self.try_next_name(key)
    }

    /// Delivers the result of a lookup.
    fn end(&mut self, key: usize) -> Result<(), Stopped> {
        let OpenLookup { found, failure, exists, deliver, .. } = self.open.remove(key);
        let resolved = match failure {
            _ if !found.is_empty() => self.rules.choose(found),
            Some(failure) => Err(failure),
            None if exists => Err(self.rules.no_address()),
            None => Err(NO_SUCH_NAME.into()),
        };
        deliver(resolved)
    }

    /// Ends all lookups when the sockets have failed.
    fn fail(&mut self, error: &io::Error) -> Result<(), Stopped> {
        let reason = format!("cannot receive: {error}");
        for lookup in self.open.drain() {
            (lookup.deliver)(Err(reason.clone()))?;
        }
        while let Ok(job) = self.jobs.recv() {
            (job.deliver)(Err(reason.clone()))?;
        }
        Err(Stopped)
    }
}

impl OpenLookup {
    /// Takes the addresses of an answer, or learns that there are none.
    fn take_answer(&mut self, message: &Message) {
        match message.rcode() {
            Rcode::NOERROR => {
                let before = self.found.len();
                self.found.extend(addresses(message, self.port));
                self.exists |= self.found.len() == before;
            }
            Rcode::NXDOMAIN => self.is_missing = true,
            rcode => self.failure = Some(format!("the name server failed ({rcode})")),
        }
    }
}

/// Returns the addresses in an answer to a question for addresses.
fn addresses(message: &Message, port: u16) -> Vec<SocketAddr> {
    let own = |name: NameView<'_>| -> Vec<SocketAddr> {
        let own = message.answers().filter(|record| record.owner().eq_ignore_case(name));
        own.filter_map(|record| record.data().address()).map(|ip| (ip, port).into()).collect()
    };
    message.aliases().map(own).find(|found| !found.is_empty()).unwrap_or_default()
}

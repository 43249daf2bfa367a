//! What is behind a handle: settings, then sockets and an engine of one protocol.

#![deny(unsafe_code)]

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use super::current::{Content, Current};
use super::failure::Failure;
use crate::engine::{Config, Engine, Ledger, Protocol, Time};
use crate::net::{self, Net, Options, Waker};
use crate::protocol::games::{Game, GameQuestion, Games};
use crate::protocol::raw::{Payload, Raw};
use crate::protocol::snmp::{self, Credentials, CredentialsId, Request, Snmp};

const NOT_OPEN: Failure = Failure::State("the handle is not open");
const STOPPED: Failure = Failure::State("the handle was stopped");
/// Targets that may wait to be sent, at most.
const LARGEST_RING: usize = 1 << 24;

/// Everything of one handle.
#[derive(Default)]
pub struct Session {
    settings: Settings,
    open: Option<Open>,
    /// The result that was taken last: in a place of its own, since C points into it.
    current: Option<Box<Current>>,
}

#[derive(Default)]
pub struct Settings {
    pub config: Config,
    pub options: Options,
    pub any_source: bool,
}

struct Open {
    net: Net,
    speaker: Speaker,
    is_stopped: bool,
}

enum Speaker {
    Raw(Box<Engine<Raw, u64>>),
    Games(Box<Engine<Games, u64>>),
    Snmp(Box<SnmpSpeaker>),
}

struct SnmpSpeaker {
    engine: Engine<Snmp, u64>,
    credentials: Vec<CredentialsId>,
    requests: Slab<Arc<Request>>,
}

/// Does the same with the engine, whatever it speaks.
macro_rules! with_engine {
    ($speaker:expr, $engine:ident => $job:expr) => {
        match $speaker {
            Speaker::Raw($engine) => $job,
            Speaker::Games($engine) => $job,
            Speaker::Snmp(speaker) => {
                let $engine = &mut speaker.engine;
                $job
            }
        }
    };
}

/// Why a blocking wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    ForSomething,
    ForNothing,
}

/// Opening.
impl Session {
    /// The settings, while they can be changed.
    pub fn settings(&mut self) -> Result<&mut Settings, Failure> {
        match self.open {
            None => Ok(&mut self.settings),
            Some(_) => Err(Failure::State("the handle is open: settings come before")),
        }
    }

    /// Changes one field of the configuration, if what comes out is valid.
    pub fn configure(&mut self, change: impl FnOnce(&mut Config)) -> Result<(), Failure> {
        let settings = self.settings()?;
        let mut config = settings.config.clone();
        change(&mut config);
        config.validate()?;
        if config.ring > LARGEST_RING {
            return Err(Failure::argument(format_args!("ring must be at most {LARGEST_RING}")));
        }
        settings.config = config;
        Ok(())
    }

    pub fn open_raw(&mut self, payload: &[u8], offset: usize, len: usize) -> Result<(), Failure> {
        let raw = Raw::new(payload.into()).map_err(Failure::argument)?;
        let raw = if len > 0 { raw.with_token(offset, len).map_err(Failure::argument)? } else { raw };
        self.open_with(|config| Ok(Speaker::Raw(Box::new(engine(raw, config)?))))
    }

    pub fn open_quake3(&mut self, game: &str) -> Result<(), Failure> {
        let game = Game::find(game).ok_or_else(|| Failure::argument(format_args!("no game `{game}`")))?;
        self.open_with(|config| Ok(Speaker::Games(Box::new(engine(Games::new(game), config)?))))
    }

    pub fn open_snmp(&mut self) -> Result<(), Failure> {
        let [seed @ .., _, _, _, _, _, _, _, _] = net::random_key()?;
        let snmp = Snmp::new(u64::from_le_bytes(seed));
        let snmp = if self.settings.any_source { snmp.accept_any_source() } else { snmp };
        self.open_with(|config| {
            let engine = engine(snmp, config)?;
            Ok(Speaker::Snmp(Box::new(SnmpSpeaker { engine, credentials: vec![], requests: Slab::new() })))
        })
    }

    fn open_with(&mut self, speaker: impl FnOnce(Config) -> Result<Speaker, Failure>) -> Result<(), Failure> {
        let Settings { config, options, .. } = self.settings()?;
        let net = Net::open(options)?;
        let speaker = speaker(config.clone())?;
        self.open = Some(Open { net, speaker, is_stopped: false });
        Ok(())
    }
}

fn engine<P: Protocol>(protocol: P, config: Config) -> Result<Engine<P, u64>, Failure> {
    Ok(Engine::new(protocol, config, net::random_key()?)?)
}

/// Asking.
impl Session {
    pub fn room(&mut self) -> Result<usize, Failure> {
        Ok(with_engine!(&mut self.opened()?.speaker, engine => engine.room()))
    }

    /// The port that an address may leave out; 0 = none.
    pub fn default_port(&mut self) -> Result<u16, Failure> {
        let speaker = &mut self.opened()?.speaker;
        Ok(with_engine!(speaker, engine => engine.protocol().defaults().port.unwrap_or(0)))
    }

    /// What every host is asked.
    pub fn ask(&mut self, target: SocketAddr, tag: u64) -> Result<(), Failure> {
        match &mut self.asking()?.speaker {
            Speaker::Raw(engine) => put(engine, target, Payload::default(), tag),
            Speaker::Games(engine) => {
                let question = GameQuestion::Server(engine.protocol().default_game());
                put(engine, target, question, tag)
            }
            Speaker::Snmp(_) => self.ask_snmp(target, 0, 0, tag),
        }
    }

    pub fn ask_payload(&mut self, target: SocketAddr, payload: &[u8], tag: u64) -> Result<(), Failure> {
        let Speaker::Raw(engine) = &mut self.asking()?.speaker else {
            return Err(Failure::Protocol("only a raw handle has payloads"));
        };
        let payload = engine.protocol().payload(payload).map_err(Failure::argument)?;
        put(engine, target, payload, tag)
    }

    pub fn ask_master(&mut self, target: SocketAddr, tag: u64) -> Result<(), Failure> {
        let engine = games(&mut self.asking()?.speaker)?;
        let game = engine.protocol().default_game();
        put(engine, target, GameQuestion::Master { game, with_ipv6: true }, tag)
    }

    pub fn ask_snmp(
        &mut self,
        target: SocketAddr,
        credentials: u32,
        request: u32,
        tag: u64,
    ) -> Result<(), Failure> {
        let SnmpSpeaker { engine, credentials: known, requests } = snmp(&mut self.asking()?.speaker)?;
        let known = known.get(credentials as usize);
        let credentials = *known.ok_or_else(|| Failure::argument("there are no such credentials"))?;
        let request = requests.get(request as usize);
        let request = request.ok_or_else(no_such_request)?.clone();
        put(engine, target, snmp::Question { credentials, request }, tag)
    }

    /// Fails unless SNMP is spoken.
    pub fn speaks_snmp(&mut self) -> Result<(), Failure> {
        snmp(&mut self.opened()?.speaker).map(drop)
    }

    pub fn add_credentials(&mut self, credentials: Credentials) -> Result<u32, Failure> {
        let SnmpSpeaker { engine, credentials: known, .. } = snmp(&mut self.opened()?.speaker)?;
        known.push(engine.protocol_mut().add_credentials(credentials));
        Ok(known.len() as u32 - 1)
    }

    pub fn add_request(&mut self, request: Request) -> Result<u32, Failure> {
        let requests = &mut snmp(&mut self.opened()?.speaker)?.requests;
        Ok(requests.insert(Arc::new(request)) as u32)
    }

    /// Whoever is being asked this goes on to be.
    pub fn remove_request(&mut self, request: u32) -> Result<(), Failure> {
        let requests = &mut snmp(&mut self.opened()?.speaker)?.requests;
        requests.try_remove(request as usize).map(drop).ok_or_else(no_such_request)
    }

    /// The next server that a master named.
    pub fn next_server(&mut self) -> Result<Option<SocketAddr>, Failure> {
        let next = games(&mut self.opened()?.speaker)?.protocol_mut().take_server();
        Ok(next.map(|(server, _)| server))
    }
}

fn no_such_request() -> Failure {
    Failure::argument("there is no such request")
}

fn put<P: Protocol>(
    engine: &mut Engine<P, u64>,
    target: SocketAddr,
    question: P::Question,
    tag: u64,
) -> Result<(), Failure> {
    engine.ask(target, question, tag).map_err(|_| Failure::Full)
}

fn games(speaker: &mut Speaker) -> Result<&mut Engine<Games, u64>, Failure> {
    match speaker {
        Speaker::Games(engine) => Ok(engine),
        _ => Err(Failure::Protocol("the handle does not speak to game servers")),
    }
}

fn snmp(speaker: &mut Speaker) -> Result<&mut SnmpSpeaker, Failure> {
    match speaker {
        Speaker::Snmp(speaker) => Ok(speaker),
        _ => Err(Failure::Protocol("the handle does not speak SNMP")),
    }
}

/// The loop.
impl Session {
    pub fn fd(&mut self) -> Result<RawFd, Failure> {
        Ok(self.opened()?.net.as_raw_fd())
    }

    pub fn waker(&mut self) -> Result<Waker, Failure> {
        Ok(self.opened()?.net.waker())
    }

    /// How long the caller may sleep; `None` = until there is a datagram.
    pub fn wait(&mut self) -> Result<Option<Duration>, Failure> {
        let has_server = self.servers_waiting()? > 0 && self.room()? > 0;
        let Open { net, speaker, .. } = self.opened()?;
        with_engine!(speaker, engine => {
            if engine.has_completion() || has_server {
                return Ok(Some(Duration::ZERO));
            }
            Ok(net.next_turn(engine).map(|due| due - net.now()))
        })
    }

    fn servers_waiting(&mut self) -> Result<usize, Failure> {
        Ok(match &self.opened()?.speaker {
            Speaker::Games(engine) => engine.protocol().servers_waiting(),
            _ => 0,
        })
    }

    /// One turn that does not sleep.
    pub fn turn(&mut self) -> Result<(), Failure> {
        let Open { net, speaker, .. } = self.opened()?;
        with_engine!(speaker, engine => net.turn(engine, Some(Time::ZERO))?);
        // What woke the caller was noticed only at the end of that.
        if net.is_readable() {
            with_engine!(speaker, engine => net.turn(engine, Some(Time::ZERO))?);
        }
        Ok(())
    }

    /// Turns until there is something to do, `timeout` is over, or `is_woken`; once in any case.
    pub fn run(
        &mut self,
        timeout: Option<Duration>,
        mut is_woken: impl FnMut() -> bool,
    ) -> Result<Waited, Failure> {
        let until = timeout.map(|timeout| self.opened().map(|open| open.net.now() + timeout)).transpose()?;
        let (room, servers) = (self.room()?, self.servers_waiting()?);
        self.turn()?;
        loop {
            let (more_room, more_servers) = (self.room()? > room, self.servers_waiting()? > servers);
            let Open { net, speaker, is_stopped } = self.opened()?;
            with_engine!(speaker, engine => {
                if engine.is_idle() && *is_stopped && !engine.has_completion() {
                    return Err(STOPPED);
                }
                if engine.has_completion() || engine.is_idle() || more_room || (more_servers && engine.room() > 0) {
                    return Ok(Waited::ForSomething);
                }
            });
            if is_woken() || until.is_some_and(|until| until <= net.now()) {
                return Ok(Waited::ForNothing);
            }
            with_engine!(speaker, engine => net.turn(engine, until)?);
        }
    }

    pub fn pending(&mut self) -> Result<usize, Failure> {
        Ok(with_engine!(&mut self.opened()?.speaker, engine => engine.open()))
    }

    pub fn stop(&mut self) -> Result<(), Failure> {
        let Open { net, speaker, is_stopped } = self.opened()?;
        *is_stopped = true;
        with_engine!(speaker, engine => engine.stop_sending(net.now()));
        Ok(())
    }

    pub fn abort(&mut self) -> Result<(), Failure> {
        let Open { net, speaker, is_stopped } = self.opened()?;
        *is_stopped = true;
        with_engine!(speaker, engine => engine.abort(net.now()));
        Ok(())
    }
}

/// Results.
impl Session {
    /// The next result becomes the current one.
    pub fn next(&mut self) -> Result<Option<&Current>, Failure> {
        let next = match &mut self.opened()?.speaker {
            Speaker::Raw(engine) => engine
                .poll_completion()
                .map(|end| Current::new(end, |reply, _| reply.map_or(Content::None, Content::Reply))),
            Speaker::Games(engine) => engine
                .poll_completion()
                .map(|end| Current::new(end, |answer, _| answer.map_or(Content::None, Content::from))),
            Speaker::Snmp(speaker) => speaker.engine.poll_completion().map(|end| {
                Current::new(end, |answer, conversation| {
                    // What an agent said before it fell silent is not lost.
                    Content::Snmp(answer.unwrap_or_else(|| conversation.into_answer()))
                })
            }),
        };
        // Without another one, the last stays what it is.
        let Some(next) = next else { return Ok(None) };
        match &mut self.current {
            Some(current) => **current = next,
            None => self.current = Some(Box::new(next)),
        }
        Ok(self.current.as_deref())
    }

    /// The result that was taken last.
    pub fn current(&mut self) -> Result<&mut Current, Failure> {
        self.current.as_deref_mut().ok_or(Failure::State("no result was taken yet"))
    }

    /// The ledger, local drops, and the receive buffer.
    pub fn ledger(&mut self) -> Result<(&Ledger, Option<u64>, usize), Failure> {
        let Open { net, speaker, .. } = self.opened()?;
        let (drops, buffer) = (net.local_drops(), net.receive_buffer());
        Ok(with_engine!(speaker, engine => (engine.ledger(), drops, buffer)))
    }

    fn opened(&mut self) -> Result<&mut Open, Failure> {
        self.open.as_mut().ok_or(NOT_OPEN)
    }

    fn asking(&mut self) -> Result<&mut Open, Failure> {
        match self.opened()? {
            Open { is_stopped: true, .. } => Err(STOPPED),
            open => Ok(open),
        }
    }
}

//! The content of a handle: settings, then sockets and an engine.

#![deny(unsafe_code)]

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use super::current::Current;
use super::exported::{AnyEngine, Exported, ExportedEngine};
use super::failure::Failure;
use super::types::allears_result;
use crate::engine::{Config, Ledger, Time};
use crate::net::{Net, Options, Waker};

const NOT_OPEN: Failure = Failure::State("the handle is not open");
const STOPPED: Failure = Failure::State("the handle was stopped");
/// The largest ring that C programs may request.
const MAX_RING: usize = 1 << 24;

/// The state of one handle.
#[derive(Default)]
pub struct Session {
    settings: Settings,
    open: Option<Open>,
    /// The last result taken. It is boxed, because the program holds pointers into it.
    current: Option<Box<Current>>,
}

#[derive(Default)]
pub struct Settings {
    pub config: Config,
    pub options: Options,
    /// True if replies from another address than the target's count, in protocols that support both.
    pub any_source: bool,
    /// The settings that only one protocol has, by their type.
    own: HashMap<TypeId, Box<dyn Any>>,
}

impl Settings {
    /// Returns the settings of type `S`: the defaults, until they are set.
    pub fn own<S: Default + Clone + 'static>(&self) -> S {
        let own = self.own.get(&TypeId::of::<S>()).and_then(|own| own.downcast_ref());
        own.cloned().unwrap_or_default()
    }

    /// Sets the settings of type `S`.
    pub fn set_own<S: 'static>(&mut self, own: S) {
        self.own.insert(TypeId::of::<S>(), Box::new(own));
    }
}

struct Open {
    net: Net,
    engine: Box<dyn AnyEngine>,
    is_stopped: bool,
}

/// The reason why [`Session::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is something to do.
    Ready,
    /// The timeout has passed, or the program woke it.
    Interrupted,
}

/// Opening.
impl Session {
    /// Returns the settings, while they can be changed.
    pub fn settings(&mut self) -> Result<&mut Settings, Failure> {
        match self.open {
            None => Ok(&mut self.settings),
            Some(_) => Err(Failure::State("the handle is open: settings must be changed before opening it")),
        }
    }

    /// Changes the configuration, if the result is valid.
    pub fn configure(&mut self, change: impl FnOnce(&mut Config)) -> Result<(), Failure> {
        let settings = self.settings()?;
        let mut config = settings.config.clone();
        change(&mut config);
        config.validate()?;
        if config.ring > MAX_RING {
            return Err(Failure::argument(format_args!("ring must be at most {MAX_RING}")));
        }
        settings.config = config;
        Ok(())
    }

    /// Opens sockets for the protocol that `make` returns. Returns their waker.
    pub fn open<P: Exported>(
        &mut self,
        make: impl FnOnce(&Settings) -> Result<P, Failure>,
    ) -> Result<Waker, Failure> {
        let settings = self.settings()?;
        let protocol = make(settings)?;
        let net = Net::open(&settings.options)?;
        let engine = Box::new(ExportedEngine::new(protocol, settings.config.clone())?);
        let waker = net.waker();
        self.open = Some(Open { net, engine, is_stopped: false });
        Ok(waker)
    }

    fn opened(&mut self) -> Result<&mut Open, Failure> {
        self.open.as_mut().ok_or(NOT_OPEN)
    }

    fn unstopped(&mut self) -> Result<&mut Open, Failure> {
        match self.opened()? {
            Open { is_stopped: true, .. } => Err(STOPPED),
            open => Ok(open),
        }
    }
}

/// Access to the parts specific to a protocol.
impl Session {
    /// Returns the engine, if the handle has protocol `P`.
    pub fn engine<P: Exported>(&mut self) -> Result<&mut ExportedEngine<P>, Failure> {
        downcast(self.opened()?)
    }

    /// Returns the engine for a new target, unless the handle was stopped.
    pub fn asking<P: Exported>(&mut self) -> Result<&mut ExportedEngine<P>, Failure> {
        downcast(self.unstopped()?)
    }

    /// Returns the content of the current result.
    pub fn content<P: Exported>(&mut self) -> Result<&mut P::Content, Failure> {
        const NO_RESULT: Failure = Failure::State("no result was taken yet");
        if self.current.is_none() {
            return Err(NO_RESULT);
        }
        self.engine::<P>()?.content.as_mut().ok_or(NO_RESULT)
    }
}

fn downcast<P: Exported>(open: &mut Open) -> Result<&mut ExportedEngine<P>, Failure> {
    let engine: &mut dyn Any = &mut *open.engine;
    engine.downcast_mut().ok_or(Failure::Protocol(P::WRONG_HANDLE))
}

/// Asking.
impl Session {
    pub fn room(&mut self) -> Result<usize, Failure> {
        Ok(self.opened()?.engine.room())
    }

    /// Returns the port of addresses that specify none; 0 if the protocol has none.
    pub fn default_port(&mut self) -> Result<u16, Failure> {
        Ok(self.opened()?.engine.default_port())
    }

    /// Sends the plain question of the protocol.
    pub fn ask(&mut self, target: SocketAddr, tag: u64) -> Result<(), Failure> {
        self.unstopped()?.engine.ask_plainly(target, tag)
    }
}

/// The loop.
impl Session {
    pub fn fd(&mut self) -> Result<RawFd, Failure> {
        Ok(self.opened()?.net.as_raw_fd())
    }

    /// Returns how long the program may sleep; `None` if only a datagram makes a turn necessary.
    pub fn wait(&mut self) -> Result<Option<Duration>, Failure> {
        let Open { net, engine, .. } = self.opened()?;
        if engine.has_result() || (engine.targets_found() > 0 && engine.room() > 0) {
            return Ok(Some(Duration::ZERO));
        }
        Ok(engine.next_turn(net).map(|due| due - net.now()))
    }

    /// Makes one turn without sleeping.
    pub fn turn(&mut self) -> Result<(), Failure> {
        let Open { net, engine, .. } = self.opened()?;
        engine.turn(net, Some(Time::ZERO))?;
        // The turn polled for readability only at its end, so the datagram that woke the program may still be in the
        // buffer.
        if net.is_readable() {
            engine.turn(net, Some(Time::ZERO))?;
        }
        Ok(())
    }

    /// Makes at least one turn, and further ones until there is something to do, `timeout` has passed, or `is_woken` is
    /// set.
    pub fn run(
        &mut self,
        timeout: Option<Duration>,
        mut is_woken: impl FnMut() -> bool,
    ) -> Result<Waited, Failure> {
        let Open { net, engine, .. } = self.opened()?;
        let until = timeout.map(|timeout| net.now() + timeout);
        let (room, found) = (engine.room(), engine.targets_found());
        self.turn()?;
        let Open { net, engine, is_stopped } = self.opened()?;
        loop {
            let (has_result, is_idle) = (engine.has_result(), engine.open() == 0);
            if is_idle && *is_stopped && !has_result {
                return Err(STOPPED);
            }
            let can_ask = engine.room() > room || (engine.targets_found() > found && engine.room() > 0);
            if has_result || is_idle || can_ask {
                return Ok(Waited::Ready);
            }
            if is_woken() || until.is_some_and(|until| until <= net.now()) {
                return Ok(Waited::Interrupted);
            }
            engine.turn(net, until)?;
        }
    }

    pub fn pending(&mut self) -> Result<usize, Failure> {
        Ok(self.opened()?.engine.open())
    }

    pub fn stop(&mut self) -> Result<(), Failure> {
        let Open { net, engine, is_stopped } = self.opened()?;
        *is_stopped = true;
        engine.stop_sending(net.now());
        Ok(())
    }

    pub fn abort(&mut self) -> Result<(), Failure> {
        let Open { net, engine, is_stopped } = self.opened()?;
        *is_stopped = true;
        engine.abort(net.now());
        Ok(())
    }
}

/// Results.
impl Session {
    /// Makes the next result the current one, and returns it.
    pub fn next(&mut self) -> Result<Option<allears_result>, Failure> {
        let Open { engine, .. } = self.open.as_mut().ok_or(NOT_OPEN)?;
        // If there is none, the current result is kept.
        let Some(next) = engine.next_result() else { return Ok(None) };
        let current = match &mut self.current {
            Some(current) => {
                **current = next;
                current
            }
            none => none.insert(Box::new(next)),
        };
        Ok(Some(current.as_result(engine.reply())))
    }

    /// Returns the ledger, the local drops, and the receive buffer in bytes.
    pub fn ledger(&mut self) -> Result<(&Ledger, Option<u64>, usize), Failure> {
        let Open { net, engine, .. } = self.opened()?;
        Ok((engine.ledger(), net.local_drops(), net.receive_buffer()))
    }
}

//! The interface of a protocol to C besides its engine, and one interface to the engines of all protocols.
//!
//! # A new protocol
//! 1. Write its file: implement [`Exported`]; export a function that opens a handle (see [`super::open`]), and the
//!    getters of its answers. Declare the file in `ffi.rs`.
//! 2. Document the functions in `include/allears.h`, and name them in `tests/data/c_symbols.txt`.

#![deny(unsafe_code)]

use std::any::Any;
use std::io;
use std::net::SocketAddr;

use super::current::Current;
use super::failure::Failure;
use crate::engine::{Config, Engine, Ledger, Protocol, Time};
use crate::net::{self, Net};

/// A protocol that C programs can use.
pub trait Exported: Protocol + 'static {
    /// The error of functions that need a handle of this protocol and got another one.
    const WRONG_HANDLE: &'static str;

    /// The state of a handle besides the engine.
    type State: Default;

    /// The data that the getters of a result read. The program holds pointers into it.
    type Content;

    /// Returns the question of `allears_ask`.
    fn plain_question(&self, state: &Self::State) -> Result<Self::Question, Failure>;

    /// Creates the content of a result.
    fn content(&self, answer: Option<Self::Answer>, conversation: Self::Conversation) -> Self::Content;

    /// Returns the reply as received, if the content has it.
    fn reply(content: &Self::Content) -> Option<&[u8]>;

    /// Returns the number of targets that the protocol has found and the program has not taken yet.
    fn targets_found(&self) -> usize {
        0
    }
}

/// An engine, its protocol's state for C, and the content of the current result.
pub struct ExportedEngine<P: Exported> {
    pub engine: Engine<P, u64>,
    pub state: P::State,
    pub content: Option<P::Content>,
}

impl<P: Exported> ExportedEngine<P> {
    pub fn new(protocol: P, config: Config) -> Result<ExportedEngine<P>, Failure> {
        let engine = Engine::new(protocol, config, net::random_key()?)?;
        Ok(ExportedEngine { engine, state: P::State::default(), content: None })
    }

    /// Begins a conversation.
    pub fn ask(&mut self, target: SocketAddr, question: P::Question, tag: u64) -> Result<(), Failure> {
        self.engine.ask(target, question, tag).map_err(|_| Failure::Full)
    }
}

/// An engine of any protocol: the operations of [`Engine`] and [`Net`] that do not depend on the protocol.
pub trait AnyEngine: Any {
    fn room(&self) -> usize;
    fn open(&self) -> usize;
    fn has_result(&self) -> bool;
    fn targets_found(&self) -> usize;
    /// Returns the port of addresses that specify none; 0 if the protocol has none.
    fn default_port(&self) -> u16;
    fn ledger(&self) -> &Ledger;

    /// Sends the question of `allears_ask`.
    fn ask_plainly(&mut self, target: SocketAddr, tag: u64) -> Result<(), Failure>;
    fn turn(&mut self, net: &mut Net, until: Option<Time>) -> io::Result<()>;
    fn next_turn(&mut self, net: &Net) -> Option<Time>;
    fn stop_sending(&mut self, now: Time);
    fn abort(&mut self, now: Time);

    /// Takes the next result, and keeps its content.
    fn next_result(&mut self) -> Option<Current>;
    /// Returns the reply of the current result, as received.
    fn reply(&self) -> Option<&[u8]>;
}

impl<P: Exported> AnyEngine for ExportedEngine<P> {
    fn room(&self) -> usize {
        self.engine.room()
    }

    fn open(&self) -> usize {
        self.engine.open()
    }

    fn has_result(&self) -> bool {
        self.engine.has_completion()
    }

    fn targets_found(&self) -> usize {
        self.engine.protocol().targets_found()
    }

    fn default_port(&self) -> u16 {
        self.engine.protocol().defaults().port.unwrap_or(0)
    }

    fn ledger(&self) -> &Ledger {
        self.engine.ledger()
    }

    fn ask_plainly(&mut self, target: SocketAddr, tag: u64) -> Result<(), Failure> {
        let question = self.engine.protocol().plain_question(&self.state)?;
        self.ask(target, question, tag)
    }

    fn turn(&mut self, net: &mut Net, until: Option<Time>) -> io::Result<()> {
        net.turn(&mut self.engine, until)
    }

    fn next_turn(&mut self, net: &Net) -> Option<Time> {
        net.next_turn(&mut self.engine)
    }

    fn stop_sending(&mut self, now: Time) {
        self.engine.stop_sending(now);
    }

    fn abort(&mut self, now: Time) {
        self.engine.abort(now);
    }

    fn next_result(&mut self) -> Option<Current> {
        let completion = self.engine.poll_completion()?;
        let (current, answer, conversation) = Current::of(completion);
        self.content = Some(self.engine.protocol().content(answer, conversation));
        Some(current)
    }

    fn reply(&self) -> Option<&[u8]> {
        self.content.as_ref().and_then(P::reply)
    }
}

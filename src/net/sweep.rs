//! A whole sweep, as an iterator over its completions.

use std::fmt;
use std::io;
use std::iter::Fuse;
use std::net::SocketAddr;

use super::{Net, Options, random_key};
use crate::engine::{Completion, Config, Engine, Ledger, Protocol};

/// A sweep over many targets: sends each its question, and yields each [`Completion`] as it arrives.
///
/// A target is an address, the question for it, and a tag: a value by which the caller recognizes the target's
/// completion. Targets are pulled a few thousand ahead ([`Config::ring`]), so there may be any number of them. While
/// the iterator of targets blocks, so does the sweep.
///
/// ```
/// use allears::engine::Outcome;
/// use allears::net::Sweep;
/// use allears::protocol::raw::{Payload, Raw};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let echo = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// # let address = echo.local_addr()?;
/// # std::thread::spawn(move || -> std::io::Result<()> {
/// #     let mut datagram = [0; 2048];
/// #     loop {
/// #         let (len, from) = echo.recv_from(&mut datagram)?;
/// #         echo.send_to(&datagram[..len], from)?;
/// #     }
/// # });
/// // The first eight bytes are a token, which the host returns.
/// let protocol = Raw::new(b"\0\0\0\0\0\0\0\0hello".to_vec())?.with_token_at(0)?;
/// let targets = [(address, Payload::default(), "the echo server")];
///
/// let mut sweep = Sweep::new(protocol, targets)?;
/// for completion in &mut sweep {
///     let completion = completion?;
///     match completion.outcome {
///         Outcome::Answered(reply) => println!("{}: {} bytes", completion.tag, reply.len()),
///         outcome => println!("{}: {outcome:?}", completion.tag),
///     }
/// }
/// assert_eq!(sweep.ledger().answered, 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until a completion is taken"]
pub struct Sweep<P: Protocol, T, I> {
    engine: Engine<P, T>,
    net: Net,
    targets: Fuse<I>,
}

impl<P: Protocol, T, I: Iterator<Item = (SocketAddr, P::Question, T)>> Sweep<P, T, I> {
    /// Prepares a sweep with the default settings, which are safe for hosts on the Internet. Nothing is sent until the
    /// first completion is taken.
    ///
    /// # Errors
    /// See [`with_settings`](Sweep::with_settings).
    pub fn new(protocol: P, targets: impl IntoIterator<IntoIter = I>) -> io::Result<Sweep<P, T, I>> {
        Sweep::with_settings(protocol, targets, Config::default(), &Options::default())
    }

    /// Prepares a sweep with these settings of the engine and the sockets.
    ///
    /// # Errors
    /// A setting is out of range ([`ConfigError`](crate::engine::ConfigError), as
    /// [`InvalidInput`](io::ErrorKind::InvalidInput)), or the sockets cannot be opened
    /// ([`OpenError`](super::OpenError)).
    pub fn with_settings(
        protocol: P,
        targets: impl IntoIterator<IntoIter = I>,
        config: Config,
        options: &Options,
    ) -> io::Result<Sweep<P, T, I>> {
        let engine = Engine::new(protocol, config, random_key()?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Sweep { engine, net: Net::open(options)?, targets: targets.into_iter().fuse() })
    }

    /// Pulls targets while there is room for them.
    fn refill(&mut self) {
        while self.engine.room() > 0 {
            let Some((target, question, tag)) = self.targets.next() else { break };
            let accepted = self.engine.ask(target, question, tag);
            debug_assert!(accepted.is_ok(), "there is room");
        }
    }
}

impl<P: Protocol, T, I> Sweep<P, T, I> {
    /// Returns the counts of all queries and datagrams so far.
    pub fn ledger(&self) -> &Ledger {
        self.engine.ledger()
    }

    /// Returns how many datagrams the system has dropped because our receive buffers were full: see
    /// [`Net::local_drops`].
    pub fn local_drops(&self) -> Option<u64> {
        self.net.local_drops()
    }
}

/// Ends after the last completion. After a system error in receiving or waiting, the open queries end as interrupted,
/// and no more targets are pulled.
impl<P: Protocol, T, I: Iterator<Item = (SocketAddr, P::Question, T)>> Iterator for Sweep<P, T, I> {
    type Item = io::Result<Completion<P::Conversation, P::Answer, T>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(completion) = self.engine.poll_completion() {
                return Some(Ok(completion));
            }
            self.refill();
            if self.engine.is_idle() {
                return None;
            }
            if let Err(error) = self.net.turn(&mut self.engine, None) {
                self.engine.abort(self.net.now());
                return Some(Err(error));
            }
        }
    }
}

impl<P: Protocol, T, I> fmt::Debug for Sweep<P, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("engine", &self.engine).field("net", &self.net).finish_non_exhaustive()
    }
}

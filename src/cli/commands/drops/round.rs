//! The targets, asked round and round.

use std::net::SocketAddr;
use std::thread;

use anyhow::Result;

use crate::cli::console::Console;
use crate::cli::inputs::{Inputs, Next, Sources};
use crate::cli::signals::Stop;

/// All targets, whose turn it is, and who of them was heard.
pub struct Round {
    targets: Vec<SocketAddr>,
    heard: Vec<bool>,
    next: usize,
}

impl Round {
    /// Reads the targets, no more than `most`: what no step would come to need not be known.
    ///
    /// # Errors
    /// See [`Inputs::open`]; an input that cannot be read to its end.
    pub fn read(sources: Sources, most: usize, console: &Console, stop: &Stop) -> Result<Round> {
        let reader = thread::current();
        let mut inputs = Inputs::open(sources, move || reader.unpark())?;
        stop.arm();
        let mut targets = vec![];
        while targets.len() < most && !stop.requested() {
            match inputs.next(console) {
                Next::Target(target) => targets.push(target),
                Next::Waiting => thread::park(),
                Next::End => break,
            }
        }
        match inputs.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(Round { heard: vec![false; targets.len()], targets, next: 0 }),
        }
    }

    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether one of them has an address of this family.
    pub fn has(&self, ipv6: bool) -> bool {
        self.targets.iter().any(|target| target.is_ipv6() == ipv6)
    }

    /// Whose turn it is, and which number that is; `None` when there are none at all.
    pub fn next(&mut self) -> Option<(SocketAddr, u32)> {
        let number = self.next;
        let target = *self.targets.get(number)?;
        self.next = (number + 1) % self.targets.len();
        Some((target, number as u32))
    }

    /// The target of this number has answered.
    pub fn hear(&mut self, number: u32) {
        if let Some(heard) = self.heard.get_mut(number as usize) {
            *heard = true;
        }
    }

    /// How many never have.
    pub fn never_heard(&self) -> usize {
        self.heard.iter().filter(|&&heard| !heard).count()
    }
}

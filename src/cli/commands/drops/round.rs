//! The targets, queried round-robin.

use std::net::SocketAddr;
use std::thread;

use anyhow::Result;

use crate::cli::console::Console;
use crate::cli::inputs::{Inputs, Next, Sources};
use crate::cli::signals::Stop;

/// All targets, the next one, and those that have answered.
pub struct Round {
    targets: Vec<SocketAddr>,
    answered: Vec<bool>,
    next: usize,
}

impl Round {
    /// Reads at most `most` targets, since no step needs more.
    ///
    /// # Errors
    /// See [`Inputs::open`]. An input cannot be read to its end.
    pub fn read(sources: Sources, most: usize, console: &Console, stop: &Stop) -> Result<Round> {
        let reader = thread::current();
        let mut inputs = Inputs::open(sources, move || reader.unpark())?;
        stop.arm();
        let mut targets = vec![];
        while targets.len() < most && !stop.requested() {
            match inputs.next(console) {
                Next::Target(target) => targets.push(target),
                Next::Unresolved(_) => {}
                Next::Waiting => thread::park(),
                Next::End => break,
            }
        }
        match inputs.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(Round { answered: vec![false; targets.len()], targets, next: 0 }),
        }
    }

    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns whether any target has an address of this family.
    pub fn has(&self, ipv6: bool) -> bool {
        self.targets.iter().any(|target| target.is_ipv6() == ipv6)
    }

    /// Returns the next target and its number; `None` if there are no targets.
    pub fn next(&mut self) -> Option<(SocketAddr, u32)> {
        let number = self.next;
        let target = *self.targets.get(number)?;
        self.next = (number + 1) % self.targets.len();
        Some((target, number as u32))
    }

    /// Marks the target of this number as answered.
    pub fn mark_answered(&mut self, number: u32) {
        if let Some(answered) = self.answered.get_mut(number as usize) {
            *answered = true;
        }
    }

    /// Returns the number of targets that never answered.
    pub fn unanswered(&self) -> usize {
        self.answered.iter().filter(|&&answered| !answered).count()
    }
}

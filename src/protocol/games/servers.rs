//! The servers of a sweep, each listed once.

use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::Game;
use crate::protocol::{canonical, reserved};

/// The servers known so far, and those of them that still wait to be queried.
#[derive(Debug, Default)]
pub(super) struct ServerSet {
    known: HashSet<SocketAddr>,
    waiting: VecDeque<(SocketAddr, &'static Game)>,
    /// The addresses of this machine.
    pub own: HashSet<IpAddr>,
    /// True if any master may list reserved and own addresses.
    pub allow_reserved: bool,
}

impl ServerSet {
    /// Adds a server that does not wait to be taken. Returns whether it is new.
    pub fn insert(&mut self, server: SocketAddr) -> bool {
        self.known.insert(canonical(server))
    }

    /// Removes a server, as if it had never been added.
    pub fn remove(&mut self, server: SocketAddr) {
        self.known.remove(&canonical(server));
    }

    /// Adds a server from a master's list; a new one waits to be taken.
    pub fn list(&mut self, server: SocketAddr, game: &'static Game) {
        if self.insert(server) {
            self.waiting.push_back((server, game));
        }
    }

    /// Removes and returns the next waiting server.
    pub fn take(&mut self) -> Option<(SocketAddr, &'static Game)> {
        self.waiting.pop_front()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn known(&self) -> usize {
        self.known.len()
    }

    pub fn is_own(&self, ip: IpAddr) -> bool {
        self.own.contains(&ip)
    }

    /// Returns whether a master may list reserved and own addresses. A master that has such an address itself may,
    /// since it is in the local network.
    pub fn may_list_reserved(&self, master: IpAddr) -> bool {
        self.allow_reserved || self.is_own(master) || reserved::purpose(master).is_some()
    }
}

//! Notices for the operator about suspicious engines.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// The maximum number of waiting notices: enough to show that a thousand agents share an engine ID.
const MAX_WAITING: usize = 1024;

/// A notice about an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Two addresses have the same engine ID: one agent listed twice, or a cloned device. Sent once for each address
    /// except the first.
    SameEngineId {
        /// The engine ID.
        engine_id: Box<[u8]>,
        /// The first address with this ID.
        first: SocketAddr,
        /// Another address with this ID.
        also: SocketAddr,
    },
    /// The engine at an address has changed.
    EngineChanged {
        /// The address.
        address: SocketAddr,
        /// The previous engine ID.
        before: Box<[u8]>,
        /// The new engine ID.
        now: Box<[u8]>,
    },
}

/// A bounded queue of notices.
#[derive(Debug, Default)]
pub(super) struct Notices {
    waiting: VecDeque<Notice>,
    pub lost: u64,
}

impl Notices {
    /// Adds a notice; if the queue is full, drops and counts it.
    pub fn push(&mut self, notice: Notice) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(notice);
        } else {
            self.lost += 1;
        }
    }

    /// Removes and returns the oldest notice.
    pub fn take(&mut self) -> Option<Notice> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_and_counts_dropped_notices() {
        let mut notices = Notices::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 161));
        for _ in 0..MAX_WAITING + 3 {
            notices.push(Notice::SameEngineId { engine_id: Box::default(), first: address, also: address });
        }
        assert_eq!(notices.lost, 3);
        assert_eq!(std::iter::from_fn(|| notices.take()).count(), MAX_WAITING);
    }
}

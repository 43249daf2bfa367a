//! What is worth telling whoever runs the agents.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Notices that wait to be taken. A thousand agents with one engine ID are told well enough by those.
const MOST: usize = 1024;

/// Something odd about an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Two addresses have one engine ID: the same agent twice, or a device that was cloned. Told once for each
    /// address but the first.
    SameEngineId {
        /// The engine ID.
        engine_id: Box<[u8]>,
        /// Who had it first.
        first: SocketAddr,
        /// Who has it, too.
        also: SocketAddr,
    },
    /// There is another engine at an address than before.
    EngineChanged {
        /// The address.
        address: SocketAddr,
        /// The engine ID that was known.
        before: Box<[u8]>,
        /// The engine ID that was discovered.
        now: Box<[u8]>,
    },
}

/// A queue that is never too long.
#[derive(Debug, Default)]
pub(super) struct Notices {
    waiting: VecDeque<Notice>,
    pub lost: u64,
}

impl Notices {
    /// Adds one, or counts it where there is no room.
    pub fn push(&mut self, notice: Notice) {
        if self.waiting.len() < MOST {
            self.waiting.push_back(notice);
        } else {
            self.lost += 1;
        }
    }

    /// Takes the oldest.
    pub fn take(&mut self) -> Option<Notice> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_to_what_is_told() {
        let mut notices = Notices::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 161));
        for _ in 0..MOST + 3 {
            notices.push(Notice::SameEngineId { engine_id: Box::default(), first: address, also: address });
        }
        assert_eq!(notices.lost, 3);
        assert_eq!(std::iter::from_fn(|| notices.take()).count(), MOST);
    }
}

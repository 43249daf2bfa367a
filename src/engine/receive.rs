//! The way back: wire → flight → protocol.

use std::net::SocketAddr;
use std::time::Duration;

use super::flight::{Heard, Hit, State};
use super::{Engine, Outcome, Protocol, Step, Time, Token};

impl<P: Protocol> Engine<P> {
    /// Takes in a datagram from `from` that arrived at `now`: it steps the conversation it belongs
    /// to, or is counted as what else it is. What the conversation wants to ask next goes to the end
    /// of the ring.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        self.ledger.datagrams_received += 1;
        let token = self.protocol.read_token(datagram).unwrap_or(Token::NONE);
        let Some(hit) = self.flight.find(from, token) else {
            self.ledger.strangers += 1;
            return;
        };
        let heard = Heard { attempt: hit.attempt, rtt: now - hit.sent };
        let query = &mut self.flight[hit.query];
        let Some(conversation) = &mut query.conversation else {
            self.book_after_the_end(&hit);
            return;
        };
        match self.protocol.step(conversation, datagram) {
            Step::Done(answer) => {
                self.book_reply(&hit, heard);
                self.conclude(now, hit.query, Outcome::Answered(answer), Some(heard));
            }
            Step::AskNext => {
                self.book_reply(&hit, heard);
                self.ask_next(now, hit.query, heard);
            }
            Step::More { quiet } => {
                self.book_reply(&hit, heard);
                self.expect_more(now, hit.query, heard, quiet);
            }
            Step::NotMine => self.ledger.strangers += 1,
            Step::Malformed(reason) => {
                self.ledger.broken += 1;
                if token == Token::NONE {
                    query.broken = Some(reason);
                } else {
                    self.conclude(now, hit.query, Outcome::Malformed(reason), Some(heard));
                }
            }
        }
    }

    fn book_after_the_end(&mut self, hit: &Hit) {
        if let State::Lingering { answered } = &mut self.flight[hit.query].state {
            if std::mem::replace(answered, true) {
                self.ledger.duplicates += 1;
            } else {
                self.ledger.late += 1;
            }
        }
    }

    /// A datagram takes its conversation a step on: its round trip is known exactly, whichever
    /// attempt it answers. Of an answer in several, only the first datagram tells it.
    fn book_reply(&mut self, hit: &Hit, heard: Heard) {
        self.ledger.replies += 1;
        let query = &self.flight[hit.query];
        if query.partial.is_none() {
            self.patience.learn(query.target.ip(), heard.rtt);
        }
    }

    /// Ends this query as answered, and puts the conversation's next one into the ring.
    fn ask_next(&mut self, now: Time, key: u32, heard: Heard) {
        let query = &mut self.flight[key];
        let target = query.target;
        let Some(conversation) = query.conversation.take() else { return };
        self.book_answer(key, heard);
        self.retire(now, key, true);
        self.enqueue_new(target, conversation);
        if self.stopped {
            self.interrupt(now, |query| query.state == State::Queued);
        }
    }

    /// Part of the answer came: no retry now, but a wait for the rest.
    fn expect_more(&mut self, now: Time, key: u32, heard: Heard, quiet: Duration) {
        let query = &mut self.flight[key];
        query.partial.get_or_insert(heard);
        if query.state != State::Sent {
            self.unsent -= 1;
        }
        self.wait_until(key, State::Sent, now + quiet);
    }
}

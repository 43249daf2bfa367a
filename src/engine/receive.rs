//! The way back: wire → flight → protocol.

use std::net::SocketAddr;
use std::time::Duration;

use super::flight::{Heard, Hit, State};
use super::ring::Line;
use super::{Elsewhere, Engine, Outcome, Protocol, Step, Time, Token, Unreachable};

/// After its first part, all of an answer has to come within this time.
const PARTS_WITHIN: Duration = Duration::from_secs(10);

impl<P: Protocol> Engine<P> {
    /// Takes in a datagram from `from` that arrived at `now`: it steps the conversation it belongs
    /// to, or is counted as what else it is. What the conversation wants to ask next goes into
    /// the ring, before all first requests.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        self.ledger.datagrams_received += 1;
        let token = self.protocol.read_token(datagram).unwrap_or(Token::NONE);
        let Some(hit) = self.flight.find(from, token) else {
            self.ledger.strangers += 1;
            return;
        };
        if hit.is_elsewhere && !self.admit_elsewhere(&hit, from) {
            self.ledger.strangers += 1;
            return;
        }
        let query = &mut self.flight[hit.query];
        query.heard += 1;
        // Without a token nothing tells which of several attempts is answered.
        let is_exact = token != Token::NONE || query.attempts == 1;
        let heard = Heard { at: now, attempt: hit.attempt, rtt: is_exact.then(|| hit.rtt(now)) };
        let Some(conversation) = &mut query.conversation else {
            self.book_after_the_end(&hit);
            return;
        };
        match self.protocol.step(conversation, datagram, now) {
            Step::Done(answer) => {
                if !hit.is_elsewhere {
                    // Whoever replied in its stead did not matter.
                    query.elsewhere = None;
                }
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
            Step::Malformed(reason) if token != Token::NONE => {
                self.ledger.broken += 1;
                self.conclude(now, hit.query, Outcome::Malformed(reason), Some(heard));
            }
            Step::Malformed(reason) | Step::Unproven(reason) => {
                self.ledger.broken += 1;
                query.broken = Some(reason);
            }
        }
    }

    /// Notes that a reply came from `from`, which was not asked. Whether it counts.
    fn admit_elsewhere(&mut self, hit: &Hit, from: SocketAddr) -> bool {
        let query = &mut self.flight[hit.query];
        if query.conversation.is_some() {
            query.elsewhere = Some(Box::new(from));
        }
        self.protocol.elsewhere() == Elsewhere::Accepted
    }

    /// The network did not deliver `request` to `to`: its query, which the token in the request tells,
    /// ends. An error that fits none is ignored; anybody can send one.
    pub fn handle_unreachable(&mut self, now: Time, to: SocketAddr, request: &[u8], report: Unreachable) {
        let token = self.protocol.read_request(request).unwrap_or(Token::NONE);
        let Some(hit) = self.flight.find(to, token).filter(|hit| !hit.is_elsewhere) else { return };
        let Some(conversation) = &self.flight[hit.query].conversation else { return };
        if token == Token::NONE {
            // Then what we asked has to be quoted itself.
            let mut asked = Vec::new();
            self.protocol.write_request(conversation, token, now, &mut asked);
            if request.is_empty() || !(asked.starts_with(request) || request.starts_with(&asked)) {
                return;
            }
        }
        self.flight[hit.query].heard += 1;
        let heard = Heard { at: now, attempt: hit.attempt, rtt: None };
        self.conclude(now, hit.query, Outcome::Unreachable(report), Some(heard));
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

    /// A datagram takes its conversation a step on. Its round trip is learnt if it is known; of an answer
    /// in several datagrams, only the first one tells it.
    fn book_reply(&mut self, hit: &Hit, heard: Heard) {
        self.ledger.replies += 1;
        let query = &self.flight[hit.query];
        if let (None, Some(rtt)) = (query.partial, heard.rtt) {
            self.patience.learn(query.target.ip(), rtt);
        }
    }

    /// Ends this query as answered, and puts the conversation's next one into the ring.
    fn ask_next(&mut self, now: Time, key: u32, heard: Heard) {
        let query = &mut self.flight[key];
        let target = query.target;
        let Some(conversation) = query.conversation.take() else { return };
        self.book_answer(key, heard);
        self.retire(now, key, true, Some(heard));
        let next = self.enqueue_new(target, conversation, Line::Next);
        if self.stopped {
            self.conclude(now, next, Outcome::Interrupted, None);
        }
    }

    /// Part of the answer came: no retry now, but a wait for the rest. Not for ever: who sends a part now
    /// and then could keep us otherwise.
    fn expect_more(&mut self, now: Time, key: u32, heard: Heard, quiet: Duration) {
        let query = &mut self.flight[key];
        let first = query.partial.get_or_insert(heard).at;
        if query.state != State::Sent {
            self.unsent -= 1;
        }
        self.wait_until(key, State::Sent, (now + quiet).min(first + PARTS_WITHIN));
    }
}

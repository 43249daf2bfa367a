//! A protocol whose conversations carry what the caller wants back.

#![deny(unsafe_code)]

use std::time::Duration;

use crate::engine::{Elsewhere, Protocol, Quiet, ReplySize, Step, Time, Token};

/// Any protocol.
pub struct Tagged<P>(pub P);

/// One of its conversations, and a number that comes back with the result.
pub struct Talk<C> {
    pub user_data: u64,
    pub inner: C,
}

impl<P: Protocol> Protocol for Tagged<P> {
    type Conversation = Talk<P::Conversation>;
    type Answer = P::Answer;

    fn token_bits(&self, talk: &Self::Conversation) -> u32 {
        self.0.token_bits(&talk.inner)
    }

    fn write_request(&mut self, talk: &Self::Conversation, token: Token, now: Time, out: &mut Vec<u8>) {
        self.0.write_request(&talk.inner, token, now, out);
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        self.0.read_token(datagram)
    }

    fn read_request(&self, request: &[u8]) -> Option<Token> {
        self.0.read_request(request)
    }

    fn step(&mut self, talk: &mut Self::Conversation, datagram: &[u8], now: Time) -> Step<P::Answer> {
        self.0.step(&mut talk.inner, datagram, now)
    }

    fn retry(&mut self, talk: &mut Self::Conversation, attempts: u32) {
        self.0.retry(&mut talk.inner, attempts);
    }

    fn elsewhere(&self) -> Elsewhere {
        self.0.elsewhere()
    }

    fn quiet(&mut self, talk: &mut Self::Conversation, tries_left: u32) -> Quiet<P::Answer> {
        self.0.quiet(&mut talk.inner, tries_left)
    }

    fn reply_size(&self, talk: &Self::Conversation) -> ReplySize {
        self.0.reply_size(&talk.inner)
    }

    fn host_gap(&self, talk: &Self::Conversation) -> Duration {
        self.0.host_gap(&talk.inner)
    }
}

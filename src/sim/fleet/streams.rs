//! Requests on connections: without losses and limits, since TCP repeats what is lost.

use std::net::SocketAddr;

use super::Fleet;
use crate::engine::Time;
use crate::sim::StreamReaction;

impl Fleet {
    /// Processes a connection from `from` to `to`. Returns whether there is a host that accepts it.
    pub fn handle_connection(&mut self, now: Time, to: SocketAddr, from: SocketAddr) -> bool {
        let Some(host) = self.plan.host_at(to) else { return false };
        let context = self.context(now, from, host);
        let accepted = !self.hosts.get(host).dead && self.protocol.accepts_streams(&context);
        self.tally.stream_connections += u64::from(accepted);
        accepted
    }

    /// Processes a request that arrived on a connection from `from` to `to`, and appends the reply to `reply`. It is due
    /// after the latency of the host.
    pub fn handle_stream_request(
        &mut self,
        now: Time,
        to: SocketAddr,
        from: SocketAddr,
        request: &[u8],
        reply: &mut Vec<u8>,
    ) -> StreamReaction {
        self.tally.stream_received += 1;
        let Some(host) = self.plan.host_at(to).filter(|&host| !self.hosts.get(host).dead) else {
            return StreamReaction::Refused;
        };
        let context = self.context(now, from, host);
        let reaction = self.protocol.answer_stream(&context, request, reply);
        let is_answered = matches!(reaction, StreamReaction::Replied | StreamReaction::RepliedThenClosed);
        self.tally.stream_answered += u64::from(is_answered);
        reaction
    }
}

//! `--server-stats`: what each server did, one line of JSON for each.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use allears::protocol::dns::NameServer;
use serde::Serialize;

use crate::cli::output::Out;
use crate::cli::stats::millis;

#[derive(Serialize)]
struct ServerLine {
    server: SocketAddr,
    sent: u64,
    answered: u64,
    rcodes: BTreeMap<String, u64>,
    lost: u64,
    rtt_ms: ServerRtt,
}

#[derive(Serialize)]
struct ServerRtt {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

/// Writes a line for each server.
pub fn write(servers: &[NameServer], out: &mut Out) -> io::Result<()> {
    servers.iter().try_for_each(|server| {
        let quantile = |q| server.rtt.quantile(q).map(millis);
        out.write_line(&ServerLine {
            server: server.address,
            sent: server.sent,
            answered: server.answered(),
            rcodes: server.rcodes.iter().map(|(rcode, count)| (rcode.to_string(), *count)).collect(),
            lost: server.lost,
            rtt_ms: ServerRtt {
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
                max: server.rtt.max().map(millis),
            },
        })
    })
}

//! The servers to ask: from the arguments, from files, or from resolv.conf(5).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use allears::protocol::dns::PORT;
use anyhow::Result;

use super::DnsArgs;
use super::names::BadLines;
use crate::cli::console::Console;
use crate::cli::exit::Usage;
use crate::cli::input_lines::Input;
use crate::cli::inputs::BadLine;
use crate::cli::names::{Overrides, ResolvConf};
use crate::cli::targets::{self, Target};

/// The file that names the servers of this machine.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Parses the address of a server, or a network of servers.
pub fn parse(text: &str) -> Result<Vec<SocketAddr>, String> {
    match targets::parse(text, Some(PORT))? {
        Target::Span(span) => Ok(span.collect()),
        Target::Name(_) => Err("a server is given by its address".into()),
    }
}

/// Returns the servers in the order in which they were named. Bad lines are reported on `console`.
///
/// # Errors
/// A file cannot be read, or names no server; or, if strict, there are bad lines.
pub fn list(args: &DnsArgs, console: &Console) -> Result<Vec<SocketAddr>> {
    let mut servers: Vec<_> = args.server.concat();
    let mut bad_lines = BadLines::default();
    for path in &args.servers {
        read(path, &mut servers, |bad| {
            if args.sweep.lists.strict { bad_lines.add(bad) } else { console.warn_bad_line(bad) }
        })?;
    }
    bad_lines.refuse()?;
    if args.server.is_empty() && args.servers.is_empty() {
        let text = fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        servers = ResolvConf::parse(&text, &Overrides::default()).servers;
    }
    let (ipv4, ipv6) = (args.sweep.lists.ipv4, args.sweep.lists.ipv6);
    servers.retain(|server| if server.is_ipv4() { !ipv6 } else { !ipv4 });
    match servers.is_empty() {
        true => Err(Usage("no server: see --server, --servers, -4 and -6".into()).into()),
        false => Ok(servers),
    }
}

fn read(path: &Path, servers: &mut Vec<SocketAddr>, mut report: impl FnMut(BadLine)) -> Result<()> {
    let file = Input::open(path, false)?;
    let (mut lines, mut line) = (file.lines()?, vec![]);
    for number in 1u64.. {
        if !lines.next(&mut line)? {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.split('#').next().unwrap_or_default().trim();
        match parse(text) {
            _ if text.is_empty() => {}
            Ok(named) => servers.extend(named),
            Err(reason) => report(BadLine::new(format!("{}:{number}", file.name), reason, &line)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address() {
        assert_eq!(parse("127.0.0.1:5300"), Ok(vec!["127.0.0.1:5300".parse().expect("an address")]));
        assert_eq!(parse("::1"), Ok(vec!["[::1]:53".parse().expect("an address")]));
        assert!(parse("dns.example").is_err() && parse("1.2.3.4:0").is_err());
    }
}

//! The servers to ask: from the arguments, from files, or from resolv.conf(5).

use std::net::SocketAddr;
use std::path::PathBuf;

use allears::protocol::dns::PORT;
use anyhow::Result;

use super::DnsArgs;
use crate::cli::bad_lines::{BadLine, BadLines};
use crate::cli::console::Console;
use crate::cli::exit::Usage;
use crate::cli::input_lines::{Input, LineEvent, read_lines};
use crate::cli::names;
use crate::cli::targets::{self, Target};

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
    let lists = &args.sweep.lists;
    let open = |path: &PathBuf| Input::open(path, false);
    let files = args.servers.iter().map(open).collect::<Result<Vec<_>>>()?;
    let (mut servers, mut bad_lines, mut number) = (args.server.concat(), BadLines::default(), 0);
    read_lines(&[], &files, |event| {
        let (line, place) = match event {
            LineEvent::Line(line, place) => (line, place),
            LineEvent::Pause => return Ok(()),
            LineEvent::Failed(error) => return Err(error),
        };
        number += 1;
        let text = String::from_utf8_lossy(line);
        let text = text.split('#').next().unwrap_or_default().trim();
        match parse(text) {
            _ if text.is_empty() => {}
            Ok(named) => servers.extend(named),
            Err(reason) => {
                let bad = BadLine::new(place.to_string(), reason, line);
                if lists.strict { bad_lines.add(number, bad) } else { console.warn_bad_line(bad) }
            }
        }
        Ok(())
    })?;
    bad_lines.refuse()?;
    if args.server.is_empty() && args.servers.is_empty() {
        servers = names::system_servers();
    }
    let rules = lists.names();
    servers.retain(|server| rules.fits(server));
    match servers.is_empty() {
        true => Err(Usage("no server: see --server, --servers, -4 and -6".into()).into()),
        false => Ok(servers),
    }
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

//! Parses addresses.

#![deny(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

use super::failure::Failure;
use crate::protocol::canonical;

/// Parses `192.0.2.1:27960` or `[2001:db8::1]:161`. The port may be missing if `default_port` is not 0.
pub fn address(text: &str, default_port: u16) -> Result<SocketAddr, Failure> {
    let address = parse(text, default_port)?;
    if address.port() == 0 {
        return Err(Failure::argument(format_args!("the address `{}` has no port", text.escape_debug())));
    }
    Ok(address)
}

/// Parses an address to send from. Without a port, the system chooses one.
pub fn bind_address(text: &str) -> Result<SocketAddr, Failure> {
    parse(text, 0)
}

fn parse(text: &str, default_port: u16) -> Result<SocketAddr, Failure> {
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let without_port = || ip.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, default_port));
    let failure = || Failure::argument(format_args!("`{}` is not an address", text.escape_debug()));
    text.parse().ok().or_else(without_port).map(canonical).ok_or_else(failure)
}

//! The network interfaces of this machine.

use std::io;
use std::net::IpAddr;

use if_addrs::{IfAddr, get_if_addrs};

/// Returns all addresses of this machine, and the broadcast addresses of its networks.
///
/// # Errors
/// The system does not list them.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let of = |address| match address {
        IfAddr::V4(v4) => [Some(v4.ip.into()), v4.broadcast.map(IpAddr::from)],
        IfAddr::V6(v6) => [Some(v6.ip.into()), None],
    };
    Ok(get_if_addrs()?.into_iter().flat_map(|interface| of(interface.addr)).flatten().collect())
}

/// Returns the index of an interface that has an address, by its name.
///
/// # Errors
/// The reason, for the user.
pub fn index(name: &str) -> Result<u32, String> {
    let interfaces = get_if_addrs().map_err(|error| format!("cannot list the interfaces: {error}"))?;
    let named = interfaces.into_iter().find(|interface| interface.name == name);
    named
        .and_then(|interface| interface.index)
        .ok_or_else(|| "no interface of this name has an address".into())
}

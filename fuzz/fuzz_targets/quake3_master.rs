//! Parses any datagram as a master's list: accepted, or rejected with a reason.
#![no_main]

use allears::protocol::games::quake3::ServerList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    if let Ok(list) = ServerList::parse(datagram) {
        assert!(list.servers().all(|server| server.port() != 0 && !server.ip().is_unspecified()));
    }
});

//! Files of captured datagrams. Each datagram is a line: `> ` for a request or `< ` for a reply, and hexadecimal digits.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::Path;

/// Returns the text of a file in the folder `../shared`. If there is none, prints a warning and returns `None`.
pub fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is missing", path.display());
        return None;
    }
    Some(fs::read_to_string(path).expect("the file is readable"))
}

/// Returns the requests (`true`) and replies in the text of a file, in its order.
pub fn datagrams(text: &str) -> impl Iterator<Item = (bool, Vec<u8>)> {
    text.lines().filter_map(|line| match line.split_once(' ')? {
        (">", hex) => Some((true, from_hex(hex))),
        ("<", hex) => Some((false, from_hex(hex))),
        _ => None,
    })
}

/// Returns the replies alone.
pub fn replies(text: &str) -> impl Iterator<Item = Vec<u8>> {
    datagrams(text).filter(|(is_request, _)| !is_request).map(|(_, reply)| reply)
}

pub fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

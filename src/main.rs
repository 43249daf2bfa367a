//! The command `allears`.

fn main() {}

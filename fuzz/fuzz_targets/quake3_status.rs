//! Any datagram as a server's status: read, or refused with a reason.
#![no_main]

use allears::protocol::quake3::{GAMES, Quake3, Status, text};
use allears::protocol::Protocol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    for game in GAMES.iter() {
        let _ = Quake3::new(game).read_token(datagram);
    }
    let Ok(status) = Status::parse(datagram) else { return };
    assert_eq!(status.players().count(), status.player_count());
    assert!(status.bots().is_none_or(|bots| bots <= status.player_count()));
    for game in GAMES.iter() {
        for player in status.players() {
            assert!(!text::clean(player.name, game.colors).chars().any(char::is_control));
            let _ = text::spans(player.name, game.colors);
        }
    }
});

//! Parses any datagram as a server's status: accepted, or rejected with a reason.
#![no_main]

use allears::protocol::games::quake3::Status;
use allears::protocol::games::{Game, Games};
use allears::protocol::Protocol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let Some(et) = Game::find("et") else { return };
    let _ = Games::new(et).read_token(datagram);
    let Ok(status) = Status::parse(datagram) else { return };
    assert_eq!(status.players().count(), status.player_count());
    assert!(status.bots().is_none_or(|bots| bots <= status.player_count()));
    for game in Game::all().filter(|game| game.wire.name == "quake3") {
        let info = status.to_info(game);
        assert_eq!(info.player_list.len(), info.players as usize);
        for player in &info.player_list {
            assert!(!player.name.chars().any(char::is_control));
            let _ = game.text.spans(&player.name_raw);
        }
    }
});

//! Influx line protocol: a point of the measurement `game_server` for each server and query.

use std::fmt::Write;
use std::time::Duration;

use allears::protocol::games::Game;

use super::server::Server;
use crate::cli::output::untrusted::harmless;

/// Returns the line of a server that answered. `at` is the time since 1970.
pub fn answered(server: &Server, at: Duration) -> String {
    let mut line = head(server.game, &server.address.to_string());
    let _ = write!(line, "up=1i,players={}i,humans={}i", server.players, server.humans());
    let counts = [("bots", server.bots), ("max_players", server.max_players), ("free", server.free)];
    for (name, count) in counts {
        if let Some(count) = count {
            let _ = write!(line, ",{name}={count}i");
        }
    }
    if let Some(ping) = server.ping {
        let _ = write!(line, ",ping_ms={:.3}", ping.as_secs_f64() * 1e3);
    }
    for (name, text) in [("name", &server.name), ("map", &server.map), ("mod", &server.mod_name)] {
        let _ = write!(line, ",{name}={}", quoted(text));
    }
    end(line, at)
}

/// Returns the line of a server that did not answer; `server` is its address, or its name if that did not resolve. `at`
/// is the time since 1970.
pub fn unanswered(game: &Game, server: &str, at: Duration) -> String {
    end(head(game, server) + "up=0i", at)
}

fn head(game: &Game, server: &str) -> String {
    format!("game_server,game={},server={server} ", game.id)
}

fn end(line: String, at: Duration) -> String {
    format!("{line} {}\n", at.as_nanos())
}

/// Returns a text as a value. A line end would end the point; it is left out like other harmful characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", harmless(text).replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::server::sample;
    use super::*;

    #[test]
    fn a_point_has_the_counts_as_integers_and_the_texts_quoted() {
        let server = sample("A \"b\" \\", "oasis", "etpro", (5, Some(2), 24), 66.8);
        let at = Duration::from_millis(1_795_744_361_500);
        assert_eq!(
            answered(&server, at),
            "game_server,game=et,server=127.1.0.1:27960 up=1i,players=5i,humans=3i,bots=2i,max_players=24i,free=19i,\
             ping_ms=66.800,name=\"A \\\"b\\\" \\\\\",map=\"oasis\",mod=\"etpro\" 1795744361500000000\n"
        );
        assert_eq!(
            unanswered(server.game, "127.1.0.1:27960", at),
            "game_server,game=et,server=127.1.0.1:27960 up=0i 1795744361500000000\n"
        );
    }
}

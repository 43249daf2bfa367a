//! QuakeWorld servers, as mvdsv replies, and their master.

use std::fmt::Write;

use super::SimulatedServer;
use super::server::SimulatedPlayer;
use crate::sim::listed::{Listed, write_entry};
use crate::sim::plan::Plan;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The number that stands for a request without one: settings and players.
const OLD: u32 = 3;
const HEADER: &[u8] = b"\xff\xff\xff\xffn";
/// The ping of bots (`IsBotPing` of serverstat's `bot.go`).
const BOT_PING: u16 = 10;
/// The maximum length of the text in one datagram, in bytes.
const PART: usize = 1300;

/// The faults of servers, which differ from mvdsv: some ignore the number of a request; FTE marks bots in their names.
pub(in crate::sim) const QUAKEWORLD_FAULTS: [&str; 2] = ["old", "fte"];

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct QuakeWorldServers {
    listed: Listed,
}

impl QuakeWorldServers {
    pub(crate) fn new(plan: &Plan) -> QuakeWorldServers {
        QuakeWorldServers { listed: Listed::new(plan) }
    }
}

impl SimulatedHost for QuakeWorldServers {
    /// Keeps the text of the whole reply.
    fn answer(&mut self, context: &HostContext, request: &[u8], text: &mut Vec<u8>) -> Reaction {
        let Some(options) = options(request) else { return Reaction::Ignored };
        let server = SimulatedServer::new(context);
        let text_of = match context.fault {
            Some("old") => status(&server, OLD, false),
            fault => status(&server, options, fault == Some("fte")),
        };
        text.extend_from_slice(text_of.as_bytes());
        Reaction::Replied
    }

    /// Cuts the settings off before their end.
    fn garbage(&mut self, context: &HostContext, request: &[u8], text: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, text);
        text.truncate(12);
        reaction
    }

    fn parts(&self, _: &HostContext, text: &[u8]) -> u32 {
        parts(text).count() as u32
    }

    fn finish(&mut self, _: &HostContext, text: &[u8], part: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(HEADER);
        out.extend_from_slice(parts(text).nth(part as usize).unwrap_or_default());
        out.push(0);
    }

    fn lists(&self, request: &[u8]) -> u32 {
        u32::from(request.starts_with(b"c\n"))
    }

    fn write_list(&self, _: &[u8], _: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\xff\xff\xff\xffd\n");
        self.listed.page(0, self.listed.hosts).for_each(|server| write_entry(server, out));
    }
}

/// Returns the number in a request for a status, which selects what to list; [`OLD`] if there is none.
fn options(request: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(request.strip_prefix(b"\xff\xff\xff\xffstatus")?).ok()?;
    let number = text.trim_matches(['\0', '\n', ' ']);
    if number.is_empty() { Some(OLD) } else { number.parse().ok() }
}

fn status(server: &SimulatedServer, options: u32, is_fte: bool) -> String {
    let mut text = String::new();
    if options & 1 != 0 {
        let (name, map, most) = (&server.name, server.map, server.max_players);
        let version = if is_fte { "FTE 6698" } else { "MVDSV 1.10" };
        let password = if server.has_password { "\\needpass\\1" } else { "" };
        // Writing to a text cannot fail, here and below.
        let _ = writeln!(
            text,
            "\\maxfps\\77\\pm_ktjump\\1\\*version\\{version}\\*gamedir\\qw\\maxspectators\\12\\*admin\\nobody\
             \\teamplay\\2\\mode\\4on4\\maxclients\\{most}{password}\\hostname\\{name}\\map\\{map}"
        );
    }
    for (at, player) in server.players.iter().enumerate() {
        let listed = if is_spectator(player) { 4 } else { 2 };
        if options & listed != 0 {
            write_player(&mut text, at, player, options, is_fte);
        }
    }
    if options & 32 != 0 && server.max_players > 16 {
        text += "qtv 1 \"Stream\" \"1@qtv.example:28000\" 3\n";
    }
    text
}

/// Returns whether a player is a spectator.
fn is_spectator(player: &SimulatedPlayer) -> bool {
    !player.is_bot && player.seconds.is_multiple_of(5)
}

fn write_player(text: &mut String, at: usize, player: &SimulatedPlayer, options: u32, is_fte: bool) {
    let SimulatedPlayer { name, score, ping, seconds, is_bot } = player;
    // mvdsv reports the same ping for all bots.
    let ping = if *is_bot { BOT_PING } else { *ping };
    let (id, minutes) = (100 + at, seconds / 60);
    let _ = if is_spectator(player) {
        write!(text, "{id} -9999 {minutes} -{ping} \"\\s\\{name}\" \"\" 0 0")
    } else {
        let mark = if is_fte && *is_bot { "BOT:" } else { "" };
        write!(text, "{id} {score} {minutes} {ping} \"{mark}{name}\" \"base\" 4 {}", at % 14)
    };
    if options & 16 != 0 {
        text.push_str(if at.is_multiple_of(2) { " \"red\"" } else { " \"blue\"" });
    }
    if options & 64 != 0 {
        text.push_str(" \"\"");
    }
    if options & 128 != 0 && !is_fte {
        text.push_str(if *is_bot { " \"b\"" } else { " \"h\"" });
    }
    text.push('\n');
}

/// Splits a text as mvdsv does: a new datagram begins with the line that does not fit in the last one.
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let fits = &text[..text.len().min(PART)];
        let line_end = fits.iter().rposition(|&byte| byte == b'\n').map_or(fits.len(), |at| at + 1);
        let (part, after) = if text.len() > PART { text.split_at(line_end) } else { (text, &[][..]) };
        rest = Some(after).filter(|after| !after.is_empty());
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_lines_and_none_is_lost() {
        let lines: Vec<u8> = (0..100).flat_map(|line| format!("{line} line\n").into_bytes()).collect();
        let text = lines.repeat(4);
        let split: Vec<_> = parts(&text).collect();
        assert!(split.len() > 2 && split.iter().all(|part| part.len() <= PART && part.ends_with(b"\n")));
        assert!(split[..split.len() - 1].iter().all(|part| part.len() > PART - 20));
        assert_eq!(split.concat(), text);
        assert_eq!(parts(b"").collect::<Vec<_>>(), [b""]);
        assert_eq!(parts(&[b'x'; 3000]).count(), 3);
    }

    #[test]
    fn a_number_says_what_is_listed() {
        assert_eq!(options(b"\xff\xff\xff\xffstatus 23\n"), Some(23));
        assert_eq!(options(b"\xff\xff\xff\xffstatus\n"), Some(3));
        assert_eq!([options(b"\xff\xff\xff\xffstatus x"), options(b"status 1")], [None, None]);
    }
}

//! Lines that name their game: `cs2 HOST:PORT`, `steam://connect/HOST:PORT`.

use std::sync::Arc;

use super::catalogue::Catalogue;
use crate::cli::inputs::Labelled;

/// The games of qstat's option names (`qstat.cfg`), where they differ from ours.
const QSTAT: &[(&str, &str)] = &[
    ("qws", "quakeworld"),
    ("q2s", "quake2"),
    ("q3s", "q3"),
    ("q4s", "quake4"),
    ("rws", "rtcw"),
    ("woets", "et"),
    ("efs", "eliteforce"),
    ("jk3s", "jka"),
    ("sof2s", "sof2"),
    ("cods", "cod"),
    ("a2s", "source"),
    ("hl2s", "source"),
    ("dm3s", "doom3"),
    ("etqws", "etqw"),
    ("preys", "prey"),
    ("uns", "ut"),
    ("ut2s", "ut2003"),
    ("ut2004s", "ut2004"),
    ("tees", "teeworlds"),
    ("bfs", "bf1942"),
    ("warsows", "warsow"),
    ("nexuizs", "nexuiz"),
    ("openarenas", "openarena"),
    ("tremulouss", "tremulous"),
    ("kps", "kingpin"),
    ("q3rallys", "q3rally"),
];

/// The games of the schemes of links, where they differ from ours.
const SCHEMES: &[(&str, &str)] = &[("steam", "source"), ("mtasa", "mta")];

/// Reads the game of a line. Returns `None` if the line names only a target.
///
/// # Errors
/// The reason why it cannot be read, for the user.
pub fn parse(line: &str, catalogue: &Catalogue) -> Result<Option<Labelled>, String> {
    let (name, target) = match (line.split_once("://"), line.split_once(char::is_whitespace)) {
        (Some((scheme, link)), _) => (translated(scheme, SCHEMES), host_of(link)?),
        (None, Some((name, target))) => (translated(name, QSTAT), target.trim()),
        (None, None) => return Ok(None),
    };
    let game = catalogue.find(name)?;
    Ok(Some(Labelled { target: target.into(), port: Some(game.server_port), label: Arc::from(game.id) }))
}

fn translated<'a>(name: &'a str, table: &[(&str, &'static str)]) -> &'a str {
    let known = table.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
    known.map_or(name, |(_, ours)| ours)
}

/// Returns `HOST:PORT` of a link, after its scheme: `connect/HOST:PORT/PASSWORD`, `USER@HOST:PORT/CHANNEL?version=1`.
fn host_of(link: &str) -> Result<&str, String> {
    let link = link.strip_prefix("connect/").unwrap_or(link);
    let authority = link.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() { Err("the link names no host".into()) } else { Ok(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<(String, Option<u16>, String)>, String> {
        let parsed = parse(line, &Catalogue::default())?;
        Ok(parsed.map(|parsed| (parsed.target, parsed.port, parsed.label.to_string())))
    }

    #[test]
    fn a_line_may_name_its_game_first_or_be_a_link() {
        let named = |target: &str, port, label: &str| Ok(Some((target.into(), Some(port), label.into())));
        assert_eq!(read("xonotic 10.0.0.1:26000"), named("10.0.0.1:26000", 26000, "xonotic"));
        assert_eq!(read("Q3S   10.0.0.1"), named("10.0.0.1", 27960, "q3"));
        assert_eq!(read("warsow://10.0.0.1:44400/"), named("10.0.0.1:44400", 44400, "warsow"));
        assert_eq!(read("bedrock://me:secret@h.example/x?y=1"), named("h.example", 19132, "bedrock"));
        assert_eq!(read("10.0.0.1:27960"), Ok(None));
        assert_eq!(read("host.example"), Ok(None));
    }

    #[test]
    fn unknown_games_and_links_without_a_host_are_bad_lines() {
        assert_eq!(read("xonotik 10.0.0.1").expect_err("no game"), "no game `xonotik` (similar: xonotic)");
        assert_eq!(read("et://?x").expect_err("no host"), "the link names no host");
    }
}

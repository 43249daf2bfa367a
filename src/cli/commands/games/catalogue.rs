//! The games that `--game` and lines of input may name: those of the library, and the user's own from a file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use allears::protocol::games::text::{Charset, Encoding};
use allears::protocol::games::{Game, WireProtocol};
use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cli::exit::Usage;
use crate::cli::targets::{self, Target};

/// The minimum similarity of a suggested id to the mistyped one, which is clap's; and how far it may be below that of
/// the best suggestion.
const SIMILAR: f64 = 0.7;
const LESS_SIMILAR: f64 = 0.1;

/// All games of a run.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The user's own games, which take precedence.
    own: Vec<&'static Game>,
}

/// A games file: `[[game]]` once for each game.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GamesFile {
    #[serde(default)]
    game: Vec<GameEntry>,
}

/// A game of a games file. Missing keys have the values of the game named by `like`, or of the first game of
/// `protocol`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GameEntry {
    id: String,
    like: Option<String>,
    protocol: Option<String>,
    name: Option<String>,
    aliases: Option<Vec<String>>,
    port: Option<u16>,
    master_port: Option<u16>,
    masters: Option<Vec<String>>,
    list_protocol: Option<u32>,
    list_name: Option<String>,
    ext_name: Option<String>,
    steam_app: Option<u32>,
    host_gap_ms: Option<u64>,
    bots_have_ping_zero: Option<bool>,
    teams: Option<Vec<String>>,
}

impl Catalogue {
    /// Reads the user's games from `file`, if one is given.
    ///
    /// # Errors
    /// The file cannot be read, or a game in it is incomplete ([`Usage`], with the line).
    pub fn load(file: Option<&Path>) -> Result<Catalogue> {
        let Some(path) = file else { return Ok(Catalogue::default()) };
        let cannot_read = || format!("cannot read {}", path.display());
        let text = fs::read_to_string(path).with_context(cannot_read)?;
        let parsed: GamesFile = toml::from_str(&text)
            .map_err(|error| Usage(format!("{}: {}", cannot_read(), one_line(&error, &text))))?;
        let refused = |id: &str, reason: String| {
            Usage(format!("{}: game `{}`: {reason}", cannot_read(), id.escape_debug()))
        };
        let mut own = vec![];
        for entry in parsed.game {
            let id = entry.id.clone();
            own.push(entry.into_game().map_err(|reason| refused(&id, reason))?);
        }
        let catalogue = Catalogue { own };
        for (at, game) in catalogue.own.iter().enumerate() {
            catalogue.check_names(at).map_err(|reason| refused(game.id, reason))?;
        }
        Ok(catalogue)
    }

    /// Checks that no other game has the id or an alias of the user's game number `at`. A known game whose id one of the
    /// user's games has is replaced, and its aliases are free.
    fn check_names(&self, at: usize) -> Result<(), String> {
        let game = self.own[at];
        let mut seen: Vec<&str> = self.own[..at].iter().copied().flat_map(names).collect();
        for name in names(game) {
            if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(format!("`{name}` is there twice"));
            }
            seen.push(name);
            let known = Game::all().find(|known| known.is_called(name) && !self.replaces(known));
            if let Some(known) = known {
                return Err(format!(
                    "`{name}` belongs to the game `{}`, which only its id replaces",
                    known.id
                ));
            }
        }
        Ok(())
    }

    /// Returns whether one of the user's games has the id of this one.
    fn replaces(&self, game: &Game) -> bool {
        self.own.iter().any(|own| own.id.eq_ignore_ascii_case(game.id))
    }

    /// Reads the texts of all games in this encoding, if one is given.
    #[must_use]
    pub fn with_encoding(self, encoding: Option<Encoding>) -> Catalogue {
        let Some(encoding) = encoding else { return self };
        let own = self.all().cloned().map(|mut game| {
            game.text = game.text.with_charset(Charset::Named(encoding));
            forever(game)
        });
        Catalogue { own: own.collect() }
    }

    /// Returns all games, the user's first.
    pub fn all(&self) -> impl Iterator<Item = &'static Game> + '_ {
        self.own.iter().copied().chain(Game::all().filter(|game| !self.replaces(game)))
    }

    /// Returns the game with this id or alias, ignoring case.
    ///
    /// # Errors
    /// No game has this id: the reason, with similar ids.
    pub fn find(&self, id: &str) -> Result<&'static Game, String> {
        self.all().find(|game| game.is_called(id)).ok_or_else(|| {
            let mut similar: Vec<(f64, &str)> =
                self.all().flat_map(names).map(|name| (alike(name, id), name)).collect();
            similar.retain(|(likeness, _)| *likeness > SIMILAR);
            similar.sort_by(|one, other| other.0.total_cmp(&one.0));
            let best = similar.first().map_or(0.0, |(likeness, _)| *likeness);
            similar.retain(|(likeness, _)| *likeness >= best - LESS_SIMILAR);
            let names: Vec<_> = similar.iter().take(3).map(|(_, name)| *name).collect();
            let hint = if names.is_empty() {
                "see --list-games".into()
            } else {
                format!("similar: {}", names.join(", "))
            };
            format!("no game `{}` ({hint})", id.escape_debug())
        })
    }
}

impl GameEntry {
    fn into_game(self) -> Result<&'static Game, String> {
        self.check()?;
        let base = match (&self.like, &self.protocol) {
            (Some(like), None) => Catalogue::default().find(like)?,
            (None, Some(name)) => first_of(name)?,
            _ => return Err("it needs `like = ID` or `protocol = NAME`".into()),
        };
        let mut game = base.clone();
        if self.protocol.is_some() {
            (game.masters, game.aliases, game.list_name, game.ext_name) = (&[], &[], None, None);
        }
        game.name = text(self.name.unwrap_or_else(|| self.id.clone()));
        game.id = text(self.id);
        game.aliases = texts(self.aliases.unwrap_or_default());
        game.masters = self.masters.map_or(game.masters, texts);
        game.server_port = self.port.unwrap_or(game.server_port);
        game.master_port = self.master_port.unwrap_or(game.master_port);
        game.list_protocol = self.list_protocol.unwrap_or(game.list_protocol);
        game.list_name = self.list_name.map(text).or(game.list_name);
        game.ext_name = self.ext_name.map(text).or(game.ext_name);
        game.steam_app = self.steam_app.unwrap_or(game.steam_app);
        game.host_gap = self.host_gap_ms.map_or(game.host_gap, Duration::from_millis);
        game.bots_have_ping_zero = self.bots_have_ping_zero.unwrap_or(game.bots_have_ping_zero);
        game.teams = self.teams.map_or(game.teams, texts);
        check_masters(&game)?;
        Ok(forever(game))
    }

    /// Checks what needs no other game.
    fn check(&self) -> Result<(), String> {
        if let Some(name) =
            [&self.id].into_iter().chain(self.aliases.iter().flatten()).find(|name| !is_id(name))
        {
            return Err(format!(
                "`{}` is no id: letters, digits, `-` and `_`, at least one letter",
                name.escape_debug()
            ));
        }
        for (key, port) in [("port", self.port), ("master_port", self.master_port)] {
            if port == Some(0) {
                return Err(format!("{key}: the port is not a number from 1 to 65535"));
            }
        }
        Ok(())
    }
}

/// Returns whether a text can be the id of a game: in a line, it precedes a target, so it has to differ from one.
fn is_id(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.chars().all(is_allowed) && text.chars().any(|c| c.is_ascii_alphabetic())
}

/// Checks that the masters are single hosts with a port, and that the game's protocol has masters.
fn check_masters(game: &Game) -> Result<(), String> {
    if let (Some(master), false) = (game.masters.first(), game.wire.has_masters()) {
        let reason = format!("the protocol {} has no masters", game.wire.name);
        return Err(format!("master `{}`: {reason}", master.escape_debug()));
    }
    let port = Some(game.master_port).filter(|&port| port > 0);
    for master in game.masters {
        let checked = match targets::parse(master, port) {
            Ok(Target::Span(span)) if span.clone().take(2).count() != 1 => Err("not a single address".into()),
            parsed => parsed.map(drop),
        };
        checked.map_err(|reason| format!("master `{}`: {reason}", master.escape_debug()))?;
    }
    Ok(())
}

/// Makes a game live until the end of the program. A run makes only a few.
pub fn forever(game: Game) -> &'static Game {
    Box::leak(Box::new(game))
}

fn text(text: String) -> &'static str {
    text.leak()
}

fn texts(texts: Vec<String>) -> &'static [&'static str] {
    texts.into_iter().map(text).collect::<Vec<_>>().leak()
}

fn first_of(protocol: &str) -> Result<&'static Game, String> {
    Game::all().find(|game| game.wire.name == protocol).ok_or_else(|| {
        let mut names: Vec<&str> = vec![];
        for wire in WireProtocol::all() {
            // Some share a name: games of one protocol with different requests.
            if !names.contains(&wire.name) {
                names.push(wire.name);
            }
        }
        format!("no protocol `{}`: {}", protocol.escape_debug(), names.join(", "))
    })
}

/// Returns the id and the aliases of a game.
pub fn names(game: &'static Game) -> impl Iterator<Item = &'static str> {
    [game.id].into_iter().chain(game.aliases.iter().copied())
}

/// Returns the likeness of two ids, 0 to 1.
fn alike(one: &str, other: &str) -> f64 {
    strsim::jaro_winkler(&one.to_lowercase(), &other.to_lowercase())
}

/// Returns an error in a file as `line 3: REASON`.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error
        .span()
        .map(|span| 1 + text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count());
    let reason = error.message().replace('\n', " ");
    line.map_or(reason.clone(), |line| format!("line {line}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Catalogue> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), toml).expect("written");
        Catalogue::load(Some(file.path()))
    }

    #[test]
    fn a_users_games_take_precedence_and_inherit_the_rest() {
        let games = load(
            "[[game]]\nid = 'mine'\nlike = 'et'\nport = 4000\nmasters = ['m.example:1']\nlist_protocol = 99\n\
             [[game]]\nid = 'Q3'\nprotocol = 'quake3'\naliases = ['other']\n",
        )
        .expect("valid");
        let mine = games.find("MINE").expect("a game");
        let et = Game::find("et").expect("a game");
        assert_eq!((mine.server_port, mine.list_protocol, mine.ext_name), (4000, 99, et.ext_name));
        assert_eq!((mine.masters, mine.name, mine.teams), (&["m.example:1"][..], "mine", et.teams));
        let own = games.find("q3").expect("a game");
        assert_eq!((own.id, own.masters.len(), own.list_name), ("Q3", 0, None));
        assert!(std::ptr::eq(games.find("other").expect("an alias"), own));
        assert_eq!(games.all().filter(|game| game.is_called("q3")).count(), 1);
        assert_eq!(games.all().count(), Game::all().count() + 1);
    }

    #[test]
    fn an_encoding_is_that_of_all_games() {
        let encoding = Encoding::find("windows-1251");
        let games = load("[[game]]\nid = 'mine'\nlike = 'et'\n").expect("valid").with_encoding(encoding);
        assert_eq!(games.all().count(), Game::all().count() + 1);
        for id in ["mine", "xonotic", "mcbe"] {
            let game = games.find(id).expect("a game");
            assert_eq!(game.text.clean(b"\xc2\xe0\xf1\xff"), "Вася", "{id}");
        }
    }

    #[test]
    fn an_unknown_game_has_suggestions() {
        let reason = Catalogue::default().find("openarea").expect_err("no such game");
        assert!(reason.starts_with("no game `openarea` (similar: openarena"), "{reason}");
        assert!(
            Catalogue::default().find("zzzzz\u{1b}").expect_err("no such game").contains("`zzzzz\\u{1b}`")
        );
    }

    #[test]
    fn a_name_belongs_to_one_game() {
        for (toml, reason) in [
            ("id = 'mine'\nlike = 'q3'\naliases = ['et']", "`et` belongs to the game `et`"),
            ("id = 'mine'\nlike = 'q3'\naliases = ['CSGO']", "`CSGO` belongs to the game `"),
            ("id = 'mine'\nlike = 'q3'\naliases = ['a', 'A']", "`A` is there twice"),
            (
                "id = 'mine'\nlike = 'q3'\n[[game]]\nid = 'MINE'\nlike = 'et'",
                "game `MINE`: `MINE` is there twice",
            ),
            (
                "id = 'a'\nlike = 'q3'\naliases = ['mine']\n[[game]]\nid = 'mine'\nlike = 'et'",
                "`mine` is there twice",
            ),
        ] {
            let error = load(&format!("[[game]]\n{toml}\n")).expect_err("refused").to_string();
            assert!(error.contains(reason), "{error}");
        }
        // A game that is replaced keeps no names.
        let alias = Game::find("et").expect("a game").aliases.first().expect("an alias");
        let games = format!(
            "[[game]]\nid = 'et'\nlike = 'q3'\n[[game]]\nid = 'mine'\nlike = 'et'\naliases = ['{alias}']\n"
        );
        let games = load(&games).expect("valid");
        assert_eq!(games.find(alias).expect("a game").id, "mine");
        assert_eq!(games.all().filter(|game| game.is_called("et")).count(), 1);
        assert_eq!(games.all().count(), Game::all().count() + 1);
    }

    #[test]
    fn ids_ports_and_masters_that_nothing_can_use_are_refused() {
        let no_id = |id: &str| format!("game `{id}`: `{id}` is no id");
        for id in ["", "my mod", "127.0.0.1", "10", "a:b", "é", "a,b"] {
            let error =
                load(&format!("[[game]]\nid = '{id}'\nlike = 'q3'\n")).expect_err("refused").to_string();
            assert!(error.contains(&no_id(id)), "{error}");
        }
        for (key, reason) in [
            ("port = 0", "port: the port is not a number from 1 to 65535"),
            ("master_port = 0", "master_port: the port is not"),
            ("aliases = ['x', '']", "`` is no id"),
            ("masters = ['']", "master ``: "),
            ("masters = ['m.example:1', 'm.example:99999']", "master `m.example:99999`: the port is not"),
            ("masters = ['[::1']", "master `[::1`: `]` is missing"),
            ("masters = ['a b']", "master `a b`: "),
            ("masters = ['10.0.0.0/24']", "master `10.0.0.0/24`: not a single address"),
        ] {
            let error = load(&format!("[[game]]\nid = 'mine'\nlike = 'q3'\n{key}\n")).expect_err("refused");
            assert!(error.is::<Usage>() && error.to_string().contains("game `mine`: "), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        let without = "[[game]]\nid = 'mine'\nlike = 'bedrock'\nmasters = ['127.0.0.1:5']\n";
        let error = load(without).expect_err("refused").to_string();
        assert!(error.contains("master `127.0.0.1:5`: the protocol bedrock has no masters"), "{error}");
        assert!(load("[[game]]\nid = 'my-mod_2'\nlike = 'q3'\nmasters = ['m.example', '[::1]:5']\n").is_ok());
    }

    #[test]
    fn protocols_are_listed_once() {
        let error = load("[[game]]\nid = 'a'\nprotocol = 'nope'\n").expect_err("refused").to_string();
        assert_eq!(error.matches("gamespy3").count(), 1, "{error}");
        assert!(error.contains("no protocol `nope`: quake3, bedrock, "), "{error}");
    }

    #[test]
    fn a_wrong_file_is_reported_with_the_line() {
        for (toml, reason) in [
            ("[[game]]\nid = 'a'\n", "game `a`: it needs `like = ID` or `protocol = NAME`"),
            ("[[game]]\nid = 'a'\nlike = 'zzzzz'\n", "game `a`: no game `zzzzz` (see --list-games)"),
            (
                "[[game]]\nid = 'a'\nlike = 'et'\n\nport = 'x'\n",
                "line 5: invalid type: string \"x\", expected u16",
            ),
            ("[[game]]\nid = 'a'\ncolour = 1\n", "line 3: unknown field `colour`"),
            ("[[game]\n", "line 1: "),
        ] {
            let error = load(toml).expect_err("refused");
            assert!(error.is::<Usage>() && error.to_string().contains(reason), "{error}");
        }
        assert!(!Catalogue::load(Some(Path::new("/nonexistent"))).expect_err("no file").is::<Usage>());
    }
}

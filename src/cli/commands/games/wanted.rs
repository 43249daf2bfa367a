//! The search for a player.
//!
//! Names are compared as people read them: without colour codes, case, accents, and the spaces that pad them. A name whose
//! encoding is unknown is compared in each one that it may have.

use allears::protocol::games::text::{Charset, TextRules};
use allears::protocol::games::{Game, PlayerInfo, ServerInfo};
use anyhow::Result;
use regex::Regex;

use super::args::NamingArgs;
use crate::cli::conditions;
use crate::cli::exit::Usage;
use crate::cli::folded::folded;

/// The name to find. Case and colour codes are ignored.
#[derive(Clone, Debug)]
pub struct Wanted {
    naming: Naming,
    /// True to find bots, too.
    with_bots: bool,
}

#[derive(Clone, Debug)]
enum Naming {
    Part(String),
    Whole(String),
    Pattern(Regex),
}

impl Wanted {
    /// Prepares the search for `name`.
    ///
    /// # Errors
    /// An invalid regular expression, as [`Usage`].
    pub fn new(name: &str, naming: NamingArgs, game: &Game) -> Result<Wanted> {
        // The user types UTF-8, whatever encoding the game's texts have.
        let charset =
            if game.text.charset == Charset::DarkPlaces { Charset::DarkPlaces } else { Charset::Unknown };
        let plain = || folded(game.text.with_charset(charset).clean(name.as_bytes()).trim());
        let with_bots = naming.bots;
        let naming = match naming {
            NamingArgs { regex: true, .. } => Naming::Pattern(conditions::regex(name).map_err(Usage)?),
            NamingArgs { exact: true, .. } => Naming::Whole(plain()),
            _ => Naming::Part(plain()),
        };
        Ok(Wanted { naming, with_bots })
    }

    /// Returns the players of a server whose names match.
    pub fn among<'a>(&self, info: &'a ServerInfo) -> Vec<&'a PlayerInfo> {
        info.player_list.iter().filter(|player| self.finds(player, info.text)).collect()
    }

    /// Returns whether the search covers this player, and the name matches. `text` has the rules of the server's texts.
    pub fn finds(&self, player: &PlayerInfo, text: TextRules) -> bool {
        let fits = || self.fits(&player.name) || text.readings(&player.name_raw).any(|name| self.fits(&name));
        (self.with_bots || player.bot != Some(true)) && fits()
    }

    /// Returns whether a clean name matches.
    pub fn fits(&self, name: &str) -> bool {
        match &self.naming {
            Naming::Part(part) => folded(name).contains(part),
            Naming::Whole(whole) => folded(name.trim()) == *whole,
            Naming::Pattern(pattern) => pattern.is_match(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::games::server::parsed;

    const STATUS: &[u8] = b"\\sv_hostname\\x\n\
        1 10 \"^1Gan^7dalf\"\n2 20 \"GANDALF the Grey\"\n3 30 \"Saruman\"\n";

    fn found(name: &str, exact: bool, regex: bool) -> Vec<String> {
        let game = Game::find("et").expect("a game");
        let wanted =
            Wanted::new(name, NamingArgs { exact, regex, bots: false, first: false }, game).expect("a name");
        wanted.among(&parsed(STATUS)).into_iter().map(|player| player.name.clone()).collect()
    }

    #[test]
    fn a_name_matches_in_part_in_whole_or_as_a_pattern() {
        assert_eq!(found("gandalf", false, false), ["Gandalf", "GANDALF the Grey"]);
        assert_eq!(found("^2GAN^3dalf", false, false).len(), 2, "a name pasted with its colours");
        assert_eq!(found("gandalf", true, false), ["Gandalf"]);
        assert_eq!(found("^s.*man$", false, true), ["Saruman"]);
        assert!(found("frodo", false, false).is_empty());
    }

    #[test]
    fn bots_are_found_only_on_request() {
        let info = parsed(b"\\sv_hostname\\x\n1 0 \"Gandalf\"\n");
        let game = Game::find("et").expect("a game");
        for bots in [false, true] {
            let naming = NamingArgs { exact: false, regex: false, bots, first: false };
            let wanted = Wanted::new("gandalf", naming, game).expect("a name");
            assert_eq!(wanted.among(&info).len(), usize::from(bots));
        }
    }

    #[test]
    fn an_invalid_pattern_is_a_usage_error() {
        let game = Game::find("et").expect("a game");
        let naming = NamingArgs { exact: false, regex: true, bots: false, first: false };
        assert!(Wanted::new("(", naming, game).is_err_and(|error| error.is::<Usage>()));
    }

    /// Returns whether `name` finds the only player of a server, whose name is sent as these bytes.
    fn finds(name: &str, exact: bool, sent: &[u8]) -> bool {
        let game = Game::find("et").expect("a game");
        let naming = NamingArgs { exact, regex: false, bots: false, first: false };
        let status = [b"\\sv_hostname\\x\n1 10 \"", sent, b"\"\n"].concat();
        !Wanted::new(name, naming, game).expect("a name").among(&parsed(&status)).is_empty()
    }

    #[test]
    fn names_are_compared_as_people_read_them() {
        assert!(finds("nightowl", true, b"NIGHTOWL                  "));
        assert!(finds(" NightOwl ", true, b"  ^1Night^7Owl "));
        assert!(finds("jose", true, "Jos\u{e9}".as_bytes()) && finds("José", true, b"JOSE"));
        assert!(finds("foo", false, "Ｆｏｏ".as_bytes()));
        assert!(!finds("jose", true, b"Josef"));
    }

    #[test]
    fn a_name_is_read_in_each_encoding_that_it_may_have() {
        assert!(finds("вася", true, b"^1\xc2\xe0\xf1^7\xff"), "windows-1251");
        assert!(finds("Вася", true, b"\xf7\xc1\xd3\xd1"), "KOI8-R");
        assert!(finds("玩家", false, b"\xcd\xe6\xbc\xd2"), "GBK");
        assert!(finds("łukasz", true, b"\xa3ukasz"), "windows-1250");
        assert!(finds("jose", true, b"Jos\xe9"), "Latin-1");
        assert!(!finds("вася", true, b"Vasya") && !finds("Âàñÿ", true, "Вася".as_bytes()));
    }
}

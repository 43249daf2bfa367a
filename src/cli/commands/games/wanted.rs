//! The search for a player.

use allears::protocol::games::{Game, PlayerInfo, ServerInfo};
use anyhow::Result;
use regex::Regex;

use super::args::NamingArgs;
use super::filter;
use crate::cli::exit::Usage;

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
    /// # Errors
    /// An invalid regular expression, as [`Usage`].
    pub fn new(name: &str, naming: NamingArgs, game: &Game) -> Result<Wanted> {
        let plain = || game.text.clean(name.as_bytes()).to_lowercase();
        let with_bots = naming.bots;
        let naming = match naming {
            NamingArgs { regex: true, .. } => Naming::Pattern(filter::regex(name).map_err(Usage)?),
            NamingArgs { exact: true, .. } => Naming::Whole(plain()),
            _ => Naming::Part(plain()),
        };
        Ok(Wanted { naming, with_bots })
    }

    /// Returns the players of a server whose names match.
    pub fn among<'a>(&self, info: &'a ServerInfo) -> Vec<&'a PlayerInfo> {
        info.player_list.iter().filter(|player| self.finds(player)).collect()
    }

    /// Returns whether a player is searched for, and the name matches.
    pub fn finds(&self, player: &PlayerInfo) -> bool {
        (self.with_bots || player.bot != Some(true)) && self.fits(&player.name)
    }

    /// Returns whether a clean name matches.
    pub fn fits(&self, name: &str) -> bool {
        match &self.naming {
            Naming::Part(part) => name.to_lowercase().contains(part),
            Naming::Whole(whole) => name.to_lowercase() == *whole,
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
}

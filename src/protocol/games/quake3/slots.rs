//! The rules that describe the server's slots, with one character for each slot.
//!
//! | rule | of | character |
//! |---|---|---|
//! | `P` | ET, Unvanquished | the digit of the player's team, `-` for a free slot |
//! | `B` | Unvanquished (`sv_main.cpp`) | `b` for a bot, `-` otherwise |
//!
//! The list of players is in the order of the slots.

/// The slots of a server that have not been read yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slots<'a> {
    teams: &'a [u8],
    bots: &'a [u8],
}

/// A slot that is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub team: Option<u8>,
    pub bot: Option<bool>,
}

impl<'a> Slots<'a> {
    /// Reads a rule of the server, if it is about the slots.
    pub fn read(&mut self, key: &[u8], value: &'a [u8]) {
        let is = |allowed: fn(u8) -> bool| value.iter().all(|&slot| slot == b'-' || allowed(slot));
        match key {
            b"P" if is(|slot| slot.is_ascii_digit()) => self.teams = value,
            b"B" if is(|slot| slot == b'b') => self.bots = value,
            _ => {}
        }
    }

    /// Returns how many slots are taken.
    pub fn taken(&self) -> usize {
        self.teams.iter().filter(|&&slot| slot != b'-').count()
    }

    /// Returns how many of the players are bots, if the rules say so.
    pub fn bots(&self) -> Option<usize> {
        self.has_bots().then(|| self.bots.iter().filter(|&&slot| slot == b'b').count())
    }

    /// Returns the next slot that is taken.
    pub fn next(&mut self) -> Slot {
        let has_bots = self.has_bots();
        let Some(at) = self.teams.iter().position(|&slot| slot != b'-') else { return Slot::default() };
        let slot =
            Slot { team: self.teams[at].checked_sub(b'0'), bot: has_bots.then(|| self.bots[at] == b'b') };
        self.teams = &self.teams[at + 1..];
        self.bots = self.bots.get(at + 1..).unwrap_or_default();
        slot
    }

    /// Returns whether the rules match, so that each bot has a slot that is taken.
    fn has_bots(&self) -> bool {
        let matches = self.teams.iter().zip(self.bots).all(|(&team, &bot)| bot == b'-' || team != b'-');
        !self.bots.is_empty() && self.bots.len() == self.teams.len() && matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots<'a>(teams: &'a str, bots: &'a str) -> Slots<'a> {
        let mut slots = Slots::default();
        slots.read(b"P", teams.as_bytes());
        slots.read(b"B", bots.as_bytes());
        slots
    }

    #[test]
    fn each_taken_slot_has_a_team_and_may_be_a_bots() {
        let mut found = slots("2-01", "---b");
        assert_eq!((found.taken(), found.bots()), (3, Some(1)));
        let slot = |team, bot| Slot { team: Some(team), bot: Some(bot) };
        assert_eq!([(); 3].map(|()| found.next()), [slot(2, false), slot(0, false), slot(1, true)]);
        assert_eq!(found.next(), Slot::default());
    }

    #[test]
    fn rules_that_do_not_match_are_ignored() {
        for (teams, bots) in [("2-01", "--b"), ("2-01", "-b--"), ("2-01", "x---"), ("2-01", "")] {
            let mut found = slots(teams, bots);
            assert_eq!((found.bots(), found.next().team), (None, Some(2)), "{bots}");
        }
        assert_eq!(slots("2x", "bb").taken(), 0);
    }
}

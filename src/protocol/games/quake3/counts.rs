//! The counts of a server, by one rule.
//!
//! A server reports its players in up to four ways, which may disagree: the lines of its list, `clients` (or
//! `sv_numclients`), `bots`, and `g_humanplayers`. Some lists leave the bots out (IW6x: `party.cpp`), some are cut off,
//! and `getinfo` does not count players in private slots (`SVC_Info` in ioquake3's `sv_main.c`). So:
//!
//! 1. Players are people and bots; spectators are people. Their number is the greatest that the server reports: the lines,
//!    `clients`, or `g_humanplayers` plus `bots`.
//! 2. Bots are `bots`; or else all players but `g_humanplayers`; or else those that the list shows to be bots, if it
//!    shows that and is complete. They are never more than the players.
//! 3. Players are missing from the list if it has fewer lines than there are players, unless it has exactly the people.
//! 4. Slots are `sv_maxclients`, and `sv_privateClients` of these are private: a server without a free public slot is
//!    full ([`ServerInfo::free_slots`](crate::protocol::games::ServerInfo::free_slots)).

use super::info_string::number;

/// The greatest count that is accepted: no server has more players.
const MOST: usize = 65_535;

/// The counts that a server reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    pub clients: Option<usize>,
    pub bots: Option<usize>,
    pub humans: Option<usize>,
}

/// The list of players of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// The players in it.
    pub players: usize,
    /// Further lines that describe a player but cannot be read.
    pub unreadable: usize,
    /// The bots in it, if it shows them.
    pub bots: Option<usize>,
    /// True if it ends within a line.
    pub is_cut: bool,
}

/// The counts by the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub players: usize,
    pub bots: Option<usize>,
    /// True if players are missing from the list.
    pub truncated: bool,
    /// True if the list has all people and no bot, though there are some.
    pub lists_people_only: bool,
}

impl Reported {
    /// Reads a count from a rule of the server, if the rule has one.
    pub fn read(&mut self, key: &[u8], value: &[u8]) {
        let count =
            || number(value).and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= MOST);
        match key {
            b"clients" | b"sv_numclients" => self.clients = count(),
            b"bots" => self.bots = count(),
            b"g_humanplayers" => self.humans = count(),
            _ => {}
        }
    }

    /// Replaces those counts that another reply of the same server has, too.
    pub fn update(&mut self, other: Reported) {
        self.clients = other.clients.or(self.clients);
        self.bots = other.bots.or(self.bots);
        self.humans = other.humans.or(self.humans);
    }

    /// Applies the rule.
    pub fn counts(self, listed: Listed) -> Counts {
        let lines = listed.players + listed.unreadable;
        let people_and_bots = self.humans.map_or(0, |humans| humans + self.bots.unwrap_or(0));
        let players = lines.max(self.clients.unwrap_or(0)).max(people_and_bots);
        let is_complete = !listed.is_cut && listed.players == players;
        let bots = self
            .bots
            .or(self.humans.map(|humans| players.saturating_sub(humans)))
            .or(listed.bots.filter(|_| is_complete || players == 0))
            .map(|bots| bots.min(players));
        let people = players - bots.unwrap_or(0);
        let lists_people_only = !listed.is_cut && listed.players == people && people < players;
        Counts { players, bots, truncated: !is_complete && !lists_people_only, lists_people_only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(
        reported: [Option<usize>; 3],
        players: usize,
        bots: Option<usize>,
    ) -> (usize, Option<usize>, bool) {
        let [clients, bots_reported, humans] = reported;
        let listed = Listed { players, bots, ..Listed::default() };
        let counts = Reported { clients, bots: bots_reported, humans }.counts(listed);
        (counts.players, counts.bots, counts.truncated)
    }

    #[test]
    fn each_way_of_counting_alone() {
        assert_eq!(counts([None; 3], 3, None), (3, None, false));
        assert_eq!(counts([None; 3], 3, Some(1)), (3, Some(1), false));
        assert_eq!(
            counts([Some(5), None, None], 3, Some(1)),
            (5, None, true),
            "the bots of a part prove little"
        );
        assert_eq!(counts([None, Some(2), None], 3, Some(1)), (3, Some(2), false));
        assert_eq!(counts([None, Some(9), None], 3, None), (3, Some(3), false));
        assert_eq!(counts([None, None, Some(1)], 3, None), (3, Some(2), false));
        assert_eq!(counts([None, None, Some(4)], 3, None), (4, Some(0), true));
        assert_eq!(counts([Some(0), None, None], 0, Some(0)), (0, Some(0), false));
    }

    #[test]
    fn a_list_without_the_bots_is_complete() {
        assert_eq!(counts([Some(12), Some(10), None], 2, Some(0)), (12, Some(10), false));
        assert_eq!(counts([Some(10), Some(10), None], 0, Some(0)), (10, Some(10), false));
        assert_eq!(counts([None, Some(10), Some(2)], 2, None), (12, Some(10), false));
        assert_eq!(counts([Some(12), Some(10), None], 1, None), (12, Some(10), true));
        assert_eq!(counts([Some(12), Some(10), None], 5, None), (12, Some(10), true));
        assert_eq!(counts([Some(48), Some(0), None], 0, Some(0)), (48, Some(0), true));
    }

    #[test]
    fn clients_may_lack_those_in_private_slots() {
        assert_eq!(counts([Some(10), Some(2), None], 12, None), (12, Some(2), false));
    }

    #[test]
    fn a_cut_list_is_never_complete_and_an_unreadable_line_is_a_player() {
        let listed = Listed { players: 2, unreadable: 1, bots: Some(1), is_cut: false };
        let counts = Reported::default().counts(listed);
        assert_eq!((counts.players, counts.bots, counts.truncated), (3, None, true));
        let cut = Listed { players: 2, is_cut: true, ..Listed::default() };
        assert!(Reported { clients: Some(2), ..Reported::default() }.counts(cut).truncated);
    }

    #[test]
    fn counts_are_read_if_they_are_counts() {
        let mut reported = Reported::default();
        for (key, value) in
            [("clients", "7"), ("bots", "-1"), ("g_humanplayers", "4294967295"), ("Clients", "9")]
        {
            reported.read(key.as_bytes(), value.as_bytes());
        }
        assert_eq!(reported, Reported { clients: Some(7), bots: None, humans: None });
        reported.update(Reported { clients: None, bots: Some(2), humans: None });
        assert_eq!(reported, Reported { clients: Some(7), bots: Some(2), humans: None });
    }
}

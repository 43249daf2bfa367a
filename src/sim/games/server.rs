//! A simulated game server, independent of the wire protocol. Its seed decides everything; nothing is stored.

use crate::sim::dice::Dice;
use crate::sim::simulated_host::HostContext;

const WORDS: [&str; 24] = [
    "Amber", "Birch", "Cobalt", "Dusk", "Ember", "Falcon", "Granite", "Harbor", "Iris", "Juniper", "Kestrel",
    "Lumen", "Marble", "North", "Onyx", "Pepper", "Quartz", "Raven", "Saffron", "Tundra", "Umber", "Violet",
    "Willow", "Zephyr",
];
const MAPS: [&str; 8] =
    ["canyon", "harbour", "old_mill", "snowfield", "depot", "citadel", "long_bridge", "arena7"];
const SLOTS: [usize; 5] = [8, 12, 16, 24, 32];

/// One server.
#[derive(Clone, Debug)]
pub(super) struct SimulatedServer {
    pub(super) name: String,
    pub(super) map: &'static str,
    pub(super) max_players: usize,
    pub(super) has_password: bool,
    pub(super) players: Vec<SimulatedPlayer>,
}

/// One of its players.
#[derive(Clone, Debug)]
pub(super) struct SimulatedPlayer {
    pub(super) name: String,
    pub(super) score: i32,
    pub(super) ping: u16,
    pub(super) seconds: u32,
    pub(super) is_bot: bool,
}

impl SimulatedServer {
    /// Returns the server of `context`. The wanted player, if on this host, is the first one.
    pub(super) fn new(context: &HostContext) -> SimulatedServer {
        let mut dice = Dice::new(context.seed);
        let name = format!("{} {} #{}", dice.pick(&WORDS), dice.pick(&WORDS), context.host);
        let max_players = dice.pick(&SLOTS);
        let (map, has_password) = (dice.pick(&MAPS), dice.below(20) == 0);
        let wanted = context.wanted.as_deref();
        // A third of the servers are empty.
        let count = (dice.below(max_players * 3 / 2).saturating_sub(max_players / 2))
            .max(usize::from(wanted.is_some()));
        let players =
            (0..count).map(|at| SimulatedPlayer::new(&mut dice, at, wanted.filter(|_| at == 0))).collect();
        SimulatedServer { name, map, max_players, has_password, players }
    }

    /// Returns `1` if the server has a password, and `0` if not.
    pub(super) fn password_flag(&self) -> &'static str {
        if self.has_password { "1" } else { "0" }
    }

    /// Returns the number of bots.
    pub(super) fn bots(&self) -> usize {
        self.players.iter().filter(|player| player.is_bot).count()
    }
}

impl SimulatedPlayer {
    fn new(dice: &mut Dice, at: usize, wanted: Option<&str>) -> SimulatedPlayer {
        let name = format!("{}{}", dice.pick(&WORDS), at);
        let is_bot = wanted.is_none() && dice.below(6) == 0;
        SimulatedPlayer {
            name: wanted.map_or(name, str::to_owned),
            score: dice.below(60) as i32 - 5,
            ping: if is_bot { 0 } else { 20 + dice.below(180) as u16 },
            seconds: dice.below(7200) as u32,
            is_bot,
        }
    }
}

//! The replies of one game server, byte for byte as real ones send them (`SVC_Status` and `SVC_Info` in ET: Legacy's
//! `sv_main.c`). The seed decides the texts; nothing is stored.

use super::HEAD;
use crate::sim::dice::Dice;

/// The longest challenge, in bytes; a server drops requests with a longer one (`SVC_Status`).
const MAX_CHALLENGE: usize = 128;

const TAGS: [&str; 12] = [
    "",
    "",
    "",
    "",
    "^1=^7F^1|^7A^1= ",
    "^4[^7UJE^4] ",
    "WSS ",
    "^o<^7TM^o>",
    "|45th| ",
    "^0.^3:^0.",
    "ETc|",
    "^2K^7.",
];
const WORDS: [&str; 40] = [
    "Ragaa",
    "Elcamino",
    "Jogy",
    "Fleischturbine",
    "Hexch",
    "Nicolas",
    "canhanc",
    "ScaryGhost",
    "YaY",
    "Equalizer",
    "Balana",
    "MinasTirith",
    "Collin",
    "Nightmare",
    "James",
    "Elk",
    "boki",
    "BobKat",
    "danger",
    "Sk4izo",
    "Vaccine",
    "KillingJoke",
    "OSpace",
    "fishy",
    "abcde",
    "Smip",
    "Edu",
    "Jopa",
    "FilthPig",
    "dekadenz",
    "PM",
    "Arkinder",
    "Colonel",
    "Mendoza",
    "Zeus",
    "Ophelia",
    "Ziege",
    "r0ach",
    "Gr\u{fc}n",
    "Panzer",
];
const COLOURS: [&str; 10] = ["", "^1", "^2", "^3", "^4", "^7", "^d", "^f", "^o", "^?"];
const MAPS: [&str; 12] = [
    "oasis",
    "goldrush",
    "radar",
    "fueldump",
    "battery",
    "railgun",
    "supply",
    "bremen_b3",
    "et_beach",
    "adlernest",
    "braundorf_b4",
    "frostbite",
];
const MODS: [(&str, &str); 6] = [
    ("etmain", "2.60b"),
    ("legacy", "v2.83.2"),
    ("etpro", "3.2.6"),
    ("jaymod", "2.2.0"),
    ("nitmod", "2.3.4"),
    ("silent", "0.9.0"),
];
const VERSIONS: [&str; 3] = [
    "ET Legacy v2.83.2 linux-x86_64 Nov 10 2024",
    "ET 2.60b linux-i386 May  8 2006",
    "ET 3.00 - TB 0.7.4 linux-i386",
];
const SLOTS: [usize; 7] = [10, 12, 16, 20, 24, 32, 64];
/// The maximum number of players, so that a reply fits one datagram of 1,400 bytes.
const MAX_PLAYERS: usize = 20;

/// A client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GameRequest<'a> {
    kind: RequestKind,
    challenge: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestKind {
    Status,
    Info,
}

/// One server. Its replies depend on nothing but these fields and the request.
#[derive(Clone, Debug)]
pub(super) struct GameServer<'a> {
    pub(super) seed: u64,
    /// Its number in the fleet, which is part of its name.
    pub(super) host: u32,
    /// The name of the wanted player, if that player is on this server.
    pub(super) wanted: Option<&'a str>,
    /// The wanted player's name, which no other player's name may contain.
    pub(super) reserved: Option<&'a str>,
}

impl GameRequest<'_> {
    /// Parses `getstatus` or `getinfo`. Returns `None` for everything that a server drops.
    pub(super) fn parse(datagram: &[u8]) -> Option<GameRequest<'_>> {
        let text = datagram.strip_prefix(&HEAD)?;
        let mut words =
            text.split(|byte| byte.is_ascii_whitespace() || *byte == 0).filter(|word| !word.is_empty());
        let kind = match words.next()? {
            b"getstatus" => RequestKind::Status,
            b"getinfo" => RequestKind::Info,
            _ => return None,
        };
        let challenge = words.next().unwrap_or_default();
        (challenge.len() <= MAX_CHALLENGE).then_some(GameRequest { kind, challenge })
    }
}

impl GameServer<'_> {
    /// Appends the reply to `request`.
    pub(super) fn write_reply(&self, request: GameRequest<'_>, out: &mut Vec<u8>) {
        let mut dice = Dice::new(self.seed);
        let slots = dice.pick(&SLOTS);
        // A third of the servers are empty.
        let least = usize::from(self.wanted.is_some());
        let players = dice.below(MAX_PLAYERS + 11).saturating_sub(10).min(slots).max(least);
        write_head(request, out);
        match request.kind {
            RequestKind::Status => self.write_status(&mut dice, slots, players, out),
            RequestKind::Info => self.write_info(&mut dice, slots, players, out),
        }
    }

    fn write_status(&self, dice: &mut Dice, slots: usize, players: usize, out: &mut Vec<u8>) {
        let (game, version) = dice.pick(&MODS);
        write_teams(dice, slots, players, out);
        self.write_name(b"\\sv_hostname\\", out);
        write_text(b"\\mapname\\", dice.pick(&MAPS), out);
        write_text(b"\\gamename\\", game, out);
        write_text(b"\\mod_version\\", version, out);
        write_text(b"\\version\\", dice.pick(&VERSIONS), out);
        write_number(b"\\sv_maxclients\\", slots, out);
        write_number(b"\\g_gametype\\", dice.below(7), out);
        write_number(b"\\timelimit\\", 10 + dice.below(20), out);
        write_number(b"\\voteFlags\\", dice.below(500_000), out);
        write_number(b"\\g_needpass\\", usize::from(dice.below(20) == 0), out);
        write_number(b"\\sv_uptime\\", dice.below(1_000_000), out);
        write_number(b"\\g_bluelimbotime\\", 1000 * (5 + dice.below(25)), out);
        write_number(b"\\g_redlimbotime\\", 1000 * (5 + dice.below(25)), out);
        out.extend_from_slice(
            b"\\protocol\\84\\sv_privateClients\\2\\sv_maxRate\\60000\\sv_minPing\\0\\sv_maxPing\\0\\sv_floodProtect\\1\
              \\sv_allowAnonymous\\0\\g_balancedteams\\1\\g_antilag\\1\\g_friendlyFire\\1\\g_maxlives\\0\
              \\g_alliedmaxlives\\0\\g_axismaxlives\\0\\g_minGameClients\\8\\g_heavyWeaponRestriction\\100\
              \\omnibot_enable\\1\\omnibot_playing\\0\\sv_cpu\\Virtual CPU\\g_voteFlags\\0\\sv_wwwDownload\\1\\sv_punkbuster\\0\\mod_url\\http://example.org\\mod_binary\\linux-release\n",
        );
        for player in 0..players {
            let wanted = self.wanted.filter(|_| player == 0);
            write_player(dice, wanted, self.reserved, out);
        }
    }

    fn write_info(&self, dice: &mut Dice, slots: usize, players: usize, out: &mut Vec<u8>) {
        let (game, _) = dice.pick(&MODS);
        self.write_name(b"\\protocol\\84\\hostname\\", out);
        write_text(b"\\mapname\\", dice.pick(&MAPS), out);
        write_number(b"\\clients\\", players, out);
        write_number(b"\\sv_maxclients\\", slots, out);
        write_text(b"\\game\\", game, out);
        out.extend_from_slice(b"\\gametype\\4\\pure\\1\\friendlyFire\\1\\needpass\\0\\gamename\\et");
    }

    fn write_name(&self, key: &[u8], out: &mut Vec<u8>) {
        let mut dice = Dice::new(self.seed ^ 1);
        write_text(key, dice.pick(&COLOURS), out);
        write_text(b"", dice.pick(&WORDS), out);
        write_text(b"'s ", dice.pick(&COLOURS), out);
        write_number(b"Server ^7#", self.host as usize, out);
    }

    /// Appends a reply that is malformed after the correct challenge: a key has no value, and the info string is not
    /// terminated.
    pub(super) fn write_garbage(&self, request: GameRequest<'_>, out: &mut Vec<u8>) {
        let mut dice = Dice::new(self.seed);
        write_head(request, out);
        out.extend_from_slice(b"\\sv_hostname");
        (0..16).for_each(|_| out.push(0x80 | dice.next() as u8));
    }
}

/// Appends a reply to `request` with a random challenge.
pub(super) fn write_forgery(request: GameRequest<'_>, dice: &mut Dice, out: &mut Vec<u8>) {
    let mut challenge = [0u8; MAX_CHALLENGE];
    let len = if request.challenge.is_empty() { 16 } else { request.challenge.len() };
    challenge.iter_mut().for_each(|byte| *byte = b"0123456789abcdef"[dice.below(16)]);
    write_head(GameRequest { challenge: &challenge[..len], ..request }, out);
    out.extend_from_slice(
        b"\\sv_hostname\\forged\\mapname\\oasis\\sv_maxclients\\64\\gamename\\etmain\n1 1 \"forged\"\n",
    );
}

/// Writes the start of a reply, and the challenge: `Info_SetValueForKey` puts a new key before all others.
fn write_head(request: GameRequest<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&HEAD);
    out.extend_from_slice(match request.kind {
        RequestKind::Status => b"statusResponse\n",
        RequestKind::Info => b"infoResponse\n",
    });
    if !request.challenge.is_empty() {
        out.extend_from_slice(b"\\challenge\\");
        out.extend_from_slice(request.challenge);
    }
}

/// Writes the cvar `P`: the team of each slot's player (1 axis, 2 allies, 3 spectators), `-` for a free slot.
fn write_teams(dice: &mut Dice, slots: usize, players: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\P\\");
    let mut left = players;
    for slot in 0..slots {
        let taken = dice.below(slots - slot) < left;
        left -= usize::from(taken);
        out.push(if taken { b"123"[dice.below(3)] } else { b'-' });
    }
}

/// Writes `score ping "name"`. A sixth of the players are bots, whose ping is 0.
fn write_player(dice: &mut Dice, wanted: Option<&str>, reserved: Option<&str>, out: &mut Vec<u8>) {
    let bot = wanted.is_none() && dice.below(6) == 0;
    write_number(b"", dice.below(20_000), out);
    write_number(b" ", if bot { 0 } else { 20 + dice.below(200) }, out);
    out.extend_from_slice(b" \"");
    if let Some(name) = wanted {
        // Colour codes in the middle of the name, which a search has to ignore.
        let middle = name.char_indices().nth(name.chars().count() / 2).map_or(0, |(at, _)| at);
        write_text(b"^1", &name[..middle], out);
        write_text(b"^7", &name[middle..], out);
    } else {
        let start = out.len();
        write_text(dice.pick(&TAGS).as_bytes(), dice.pick(&COLOURS), out);
        latin1(dice.pick(&WORDS), out);
        if dice.below(4) == 0 {
            write_number(dice.pick(&COLOURS).as_bytes(), dice.below(100), out);
        }
        if reserved.is_some_and(|name| reads_like(&out[start..], name)) {
            out.truncate(start);
        }
    }
    out.extend_from_slice(b"\"\n");
}

/// Returns true if `raw` contains `name`, regardless of case and colour codes.
fn reads_like(raw: &[u8], name: &str) -> bool {
    let mut clean = [0u8; 64];
    let mut len = 0;
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'^' {
            bytes.next();
        } else if let Some(place) = clean.get_mut(len) {
            *place = *byte;
            len += 1;
        }
    }
    clean[..len].windows(name.len()).any(|part| part.eq_ignore_ascii_case(name.as_bytes()))
}

/// Writes Latin-1, as most clients do: the protocol defines no encoding.
fn latin1(text: &str, out: &mut Vec<u8>) {
    out.extend(text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
}

fn write_text(key: &[u8], text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    out.extend_from_slice(text.as_bytes());
}

fn write_number(key: &[u8], number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    // `write!` would dominate the cost of a reply.
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: u32) -> GameServer<'static> {
        GameServer { seed: u64::from(host) * 77, host, wanted: None, reserved: None }
    }

    fn reply(server: &GameServer<'_>, request: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        server.write_reply(GameRequest::parse(request).expect("a request"), &mut out);
        out
    }

    /// Returns the pairs of the info string, and the players' lines.
    fn dissect(datagram: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
        let text: String = datagram.iter().map(|&byte| char::from(byte)).collect();
        let mut lines = text.split('\n');
        assert_eq!(lines.next(), Some("\u{ff}\u{ff}\u{ff}\u{ff}statusResponse"));
        let info: Vec<&str> = lines.next().expect("an info string").split('\\').skip(1).collect();
        assert!(info.len().is_multiple_of(2), "{info:?}");
        let mut players: Vec<String> = lines.map(str::to_owned).collect();
        assert_eq!(players.pop().as_deref(), Some(""), "the last line ends");
        (info.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect(), players)
    }

    #[test]
    fn a_status_looks_like_a_real_one() {
        let mut counts = [0; MAX_PLAYERS + 1];
        for host in 0..2000 {
            let datagram = reply(&server(host), b"\xff\xff\xff\xffgetstatus 1f2e3d4c5b6a7988");
            assert!((700..=1400).contains(&datagram.len()), "{}", datagram.len());
            let (info, players) = dissect(&datagram);
            let value = |key: &str| &info.iter().find(|(k, _)| k == key).expect(key).1;
            assert_eq!(value("challenge"), "1f2e3d4c5b6a7988");
            assert_eq!(value("P").len(), value("sv_maxclients").parse::<usize>().expect("a number"));
            assert_eq!(value("P").matches(|c: char| c != '-').count(), players.len());
            assert!(value("sv_hostname").ends_with(&format!("#{host}")));
            for player in &players {
                let mut fields = player.splitn(3, ' ');
                assert!(fields.next().is_some_and(|score| score.parse::<u32>().is_ok()), "{player}");
                assert!(fields.next().is_some_and(|ping| ping.parse::<u32>().is_ok()), "{player}");
                let name = fields.next().expect("a name");
                assert!(name.len() > 2 && name.starts_with('"') && name.ends_with('"'), "{player}");
            }
            counts[players.len()] += 1;
        }
        assert!(counts.iter().all(|&servers| servers > 0), "{counts:?}");
    }

    #[test]
    fn the_challenge_decides_whether_a_server_replies_and_is_returned() {
        let status = |len| [b"\xff\xff\xff\xffgetstatus ".as_slice(), &vec![b'x'; len]].concat();
        assert!(GameRequest::parse(&status(128)).is_some());
        assert!(GameRequest::parse(&status(129)).is_none());
        let without = reply(&server(1), b"\xff\xff\xff\xffgetstatus\n");
        assert!(without.starts_with(b"\xff\xff\xff\xffstatusResponse\n\\P\\"));
        let info = reply(&server(1), b"\xff\xff\xff\xffgetinfo xyz");
        assert!(
            info.starts_with(b"\xff\xff\xff\xffinfoResponse\n\\challenge\\xyz\\protocol\\84\\hostname\\")
        );
        for nonsense in [b"getstatus".as_slice(), b"\xff\xff\xff\xff", b"\xff\xff\xff\xffgetsta", b""] {
            assert_eq!(GameRequest::parse(nonsense), None);
        }
    }

    #[test]
    fn the_wanted_player_is_on_exactly_one_server() {
        let found = |has_wanted: bool, name: &str| {
            let is_on = |host| {
                let wanted = has_wanted.then_some(name);
                let server = GameServer { wanted, reserved: Some(name), ..server(host) };
                let (_, players) = dissect(&reply(&server, b"\xff\xff\xff\xffgetstatus"));
                players.iter().any(|player| reads_like(player.as_bytes(), name))
            };
            (0..300).filter(|&host| is_on(host)).count()
        };
        for name in ["Gandalf", "smip", "PM4"] {
            assert_eq!(found(true, name), 300);
            assert_eq!(found(false, name), 0);
        }
    }
}

//! The smallest game that servers of Quake and QuakeWorld run: a map of one plane, and a game without rules. All of it is
//! made here, so no file of a real game is needed.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes `maps/start.bsp` into the folder of a game: version 29, as in `bspfile.h`.
pub fn write_map(game: &Path) {
    const CUBE: [i16; 6] = [-100, -100, -100, 100, 100, 100];
    let bytes = |numbers: &[i32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let halves =
        |numbers: &[i16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let floats =
        |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let leaf = |contents: i32| [bytes(&[contents, -1]), halves(&CUBE), vec![0; 8]].concat();
    let cube = CUBE.map(f32::from);
    let mut lumps: [Vec<u8>; 15] = Default::default();
    lumps[0] = b"{\n\"classname\" \"worldspawn\"\n}\n\0".to_vec();
    // The plane x = 0, and a node and a clip node that split the world at it into a solid and an empty half.
    lumps[1] = [floats(&[1.0, 0.0, 0.0, 0.0]), bytes(&[0])].concat();
    lumps[5] = [bytes(&[0]), halves(&[-2, -1]), halves(&CUBE), vec![0; 4]].concat();
    lumps[9] = [bytes(&[0]), halves(&[-1, -2])].concat();
    lumps[10] = [leaf(-2), leaf(-1)].concat();
    lumps[14] = [floats(&cube), floats(&[0.0; 3]), bytes(&[0, 0, 0, 0, 1, 0, 0])].concat();

    let (mut header, mut body) = (bytes(&[29]), Vec::new());
    let start = header.len() + lumps.len() * 8;
    for lump in lumps {
        header.extend(bytes(&[(start + body.len()) as i32, lump.len() as i32]));
        body.extend(lump);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    fs::create_dir_all(game.join("maps")).expect("a folder");
    fs::write(game.join("maps/start.bsp"), [header, body].concat()).expect("written");
}

/// Compiles the game for mvdsv, a library, into its folder.
pub fn build_library(game: &Path) {
    fs::create_dir_all(game).expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/qwprogs.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(game.join("qwprogs.so")).arg(source);
    let output = compiler.output().expect("cc starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes `progs.dat`, the game for DarkPlaces, into its folder: version 6, as in `pr_comp.h`.
pub fn write_progs(game: &Path) {
    let mut progs = Progs::default();
    // The first string is empty, the first 28 globals and the first function are reserved.
    progs.strings.push(0);
    progs.globals.resize(28, 0);
    progs.functions.extend([0; 36]);
    for (kind, names) in GLOBALS {
        for name in names.split(' ') {
            progs.global(*kind, name);
        }
    }
    for (kind, names) in FIELDS {
        for name in names.split(' ') {
            progs.field(*kind, name);
        }
    }
    for name in FUNCTIONS.split(' ') {
        progs.function(name);
    }
    fs::write(game.join("progs.dat"), progs.into_bytes()).expect("written");
}

const STRING: u16 = 1;
const FLOAT: u16 = 2;
const VECTOR: u16 = 3;
const ENTITY: u16 = 4;
const FUNCTION: u16 = 6;

/// The functions that an engine calls. All of them do nothing.
const FUNCTIONS: &str = "main StartFrame PlayerPreThink PlayerPostThink ClientKill ClientConnect PutClientInServer \
    ClientDisconnect SetNewParms SetChangeParms worldspawn";

/// The globals that an engine shares with a game, `globalvars_t` in `progdefs.h`.
const GLOBALS: &[(u16, &str)] = &[
    (ENTITY, "self other world"),
    (FLOAT, "time frametime"),
    (ENTITY, "newmis"),
    (FLOAT, "force_retouch"),
    (STRING, "mapname"),
    (
        FLOAT,
        "deathmatch coop teamplay serverflags total_secrets total_monsters found_secrets killed_monsters",
    ),
    (
        FLOAT,
        "parm1 parm2 parm3 parm4 parm5 parm6 parm7 parm8 parm9 parm10 parm11 parm12 parm13 parm14 parm15 parm16",
    ),
    (VECTOR, "v_forward v_up v_right"),
    (FLOAT, "trace_allsolid trace_startsolid trace_fraction"),
    (VECTOR, "trace_endpos trace_plane_normal"),
    (FLOAT, "trace_plane_dist"),
    (ENTITY, "trace_ent"),
    (FLOAT, "trace_inopen trace_inwater"),
    (ENTITY, "msg_entity"),
];

/// The fields of an entity, `entvars_t` in `progdefs.h`.
const FIELDS: &[(u16, &str)] = &[
    (FLOAT, "modelindex"),
    (VECTOR, "absmin absmax"),
    (FLOAT, "ltime movetype solid"),
    (VECTOR, "origin oldorigin velocity angles avelocity punchangle"),
    (STRING, "classname model"),
    (FLOAT, "frame skin effects"),
    (VECTOR, "mins maxs size"),
    (FUNCTION, "touch use think blocked"),
    (FLOAT, "nextthink"),
    (ENTITY, "groundentity"),
    (FLOAT, "health frags weapon"),
    (STRING, "weaponmodel"),
    (FLOAT, "weaponframe currentammo ammo_shells ammo_nails ammo_rockets ammo_cells items takedamage"),
    (ENTITY, "chain"),
    (FLOAT, "deadflag"),
    (VECTOR, "view_ofs"),
    (FLOAT, "button0 button1 button2 impulse fixangle"),
    (VECTOR, "v_angle"),
    (FLOAT, "idealpitch"),
    (STRING, "netname"),
    (ENTITY, "enemy"),
    (
        FLOAT,
        "flags colormap team max_health teleport_time armortype armorvalue waterlevel watertype ideal_yaw yaw_speed",
    ),
    (ENTITY, "aiment goalentity"),
    (FLOAT, "spawnflags"),
    (STRING, "target targetname"),
    (FLOAT, "dmg_take dmg_save"),
    (ENTITY, "dmg_inflictor owner"),
    (VECTOR, "movedir"),
    (STRING, "message"),
    (FLOAT, "sounds"),
    (STRING, "noise noise1 noise2 noise3"),
];

/// The parts of a `progs.dat`.
#[derive(Default)]
struct Progs {
    strings: Vec<u8>,
    global_definitions: Vec<u8>,
    field_definitions: Vec<u8>,
    functions: Vec<u8>,
    globals: Vec<i32>,
    /// The number of words of an entity.
    entity_size: i32,
}

impl Progs {
    fn string(&mut self, text: &str) -> i32 {
        let at = self.strings.len() as i32;
        self.strings.extend(text.bytes().chain([0]));
        at
    }

    fn definition(&mut self, kind: u16, at: u16, name: &str) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &at.to_le_bytes(), &self.string(name).to_le_bytes()].concat()
    }

    /// Adds a global, and returns where it is.
    fn global(&mut self, kind: u16, name: &str) -> usize {
        let at = self.globals.len();
        let definition = self.definition(kind, at as u16, name);
        self.global_definitions.extend(definition);
        self.globals.resize(at + words(kind), 0);
        at
    }

    fn field(&mut self, kind: u16, name: &str) {
        let definition = self.definition(kind, self.entity_size as u16, name);
        self.field_definitions.extend(definition);
        self.entity_size += words(kind) as i32;
    }

    /// Adds a function without arguments and locals, which begins at the only statement, and a global for it.
    fn function(&mut self, name: &str) {
        let at = self.global(FUNCTION, name);
        self.globals[at] = (self.functions.len() / 36) as i32;
        let (name, file) = (self.string(name), self.string("made.qc"));
        for number in [1, 28, 0, 0, name, file, 0, 0, 0] {
            self.functions.extend(number.to_le_bytes());
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        let globals: Vec<u8> = self.globals.iter().flat_map(|global| global.to_le_bytes()).collect();
        // Statement 0 is reserved, number 1 returns (operation 0).
        let statements = vec![0; 16];
        let (mut header, mut body) = (vec![], Vec::<u8>::new());
        for (part, size) in [
            (statements, 8),
            (self.global_definitions, 8),
            (self.field_definitions, 8),
            (self.functions, 36),
            (self.strings, 1),
            (globals, 4),
        ] {
            header.extend([(60 + body.len()) as i32, (part.len() / size) as i32]);
            body.extend(part);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        // The version, and the checksum of Quake's `progdefs.h`.
        let head = [6, 5927].into_iter().chain(header).chain([self.entity_size]);
        head.flat_map(i32::to_le_bytes).chain(body).collect()
    }
}

/// Returns the number of words of a value.
fn words(kind: u16) -> usize {
    if kind == VECTOR { 3 } else { 1 }
}

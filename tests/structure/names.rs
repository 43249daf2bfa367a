//! The rules for names: of types, and of protocols in generic files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};

use super::source::{Source, parse, sources};
use super::{assert_none, place};

/// The maximum number of types with the same name.
const SAME_NAME: usize = 2;

/// The files that work with any protocol: these, and all those in folders that end with a slash.
const GENERIC: &[&str] = &[
    "engine/",
    "net/",
    "cli/commands/drops/measured.rs",
    "cli/commands/drops/naive.rs",
    "cli/commands/drops/round.rs",
    "cli/commands/drops/step.rs",
    "cli/commands/fleet.rs",
    "cli/console.rs",
    "cli/escapes.rs",
    "cli/exit.rs",
    "cli/input_lines.rs",
    "cli/inputs.rs",
    "cli/interfaces.rs",
    "cli/output/",
    "cli/signals.rs",
    "cli/stats.rs",
    "cli/survey.rs",
    "cli/sweep/",
    "cli/targets.rs",
    "cli/values.rs",
    "ffi/addresses.rs",
    "ffi/ask.rs",
    "ffi/current.rs",
    "ffi/exported.rs",
    "ffi/failure.rs",
    "ffi/gate.rs",
    "ffi/pointers.rs",
    "ffi/results.rs",
    "ffi/session.rs",
    "ffi/settings.rs",
    "ffi/texts.rs",
    "ffi/turn.rs",
    "ffi/types.rs",
    "sim/dice.rs",
    "sim/fleet.rs",
    "sim/forger.rs",
    "sim/hosts.rs",
    "sim/limits.rs",
    "sim/network.rs",
    "sim/plan.rs",
    "sim/schedule.rs",
    "sim/simulated_host.rs",
    "sim/tally.rs",
];

/// Words that must not appear in a generic file, in addition to the names of the files and folders in `protocol/`.
const NAMES: &[&str] = &["a2s", "bedrock", "dns", "et", "gamespy", "quake", "quake2", "quake3", "usm"];
/// The names of files and folders in `protocol/` that are not protocols.
const COMMON: &[&str] = &["games", "mod", "raw", "reserved"];

/// The types defined in a file, with their lines.
#[derive(Default)]
struct Types(Vec<(String, usize)>);

impl Types {
    fn add(&mut self, name: &syn::Ident) {
        self.0.push((name.to_string(), name.span().start().line));
    }
}

impl<'a> Visit<'a> for Types {
    fn visit_item(&mut self, item: &'a syn::Item) {
        match item {
            syn::Item::Enum(item) => self.add(&item.ident),
            syn::Item::Struct(item) => self.add(&item.ident),
            syn::Item::Trait(item) => self.add(&item.ident),
            syn::Item::Type(item) => self.add(&item.ident),
            syn::Item::Union(item) => self.add(&item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }
}

#[test]
fn names_of_types_are_distinct() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        let mut types = Types::default();
        types.visit_file(&source.syntax);
        for (name, line) in types.0 {
            let at = place(&source, line, &name);
            places.entry(name).or_default().push(at);
        }
    }
    let found = places.into_values().filter(|places| places.len() > SAME_NAME).flatten();
    assert_none(found.collect(), "a name must be clear without its path");
}

/// Splits an identifier or a text into words in lower case: `SnmpAgent_2` is `snmp`, `agent` and `2`.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut is_after_lower = false;
    for (at, character) in text.char_indices() {
        let is_before_lower = text[at + character.len_utf8()..].starts_with(char::is_lowercase);
        if character.is_uppercase() && (is_after_lower || is_before_lower) || !character.is_alphanumeric() {
            spaced.push(' ');
        }
        spaced.extend(character.to_lowercase().filter(|character| character.is_alphanumeric()));
        is_after_lower = character.is_lowercase();
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Finds the identifiers and literals that contain the name of a protocol. The features of the crate, in `#[cfg(…)]`,
/// do not count.
fn protocols_in(tokens: TokenStream, names: &[String]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for token in tokens {
        let text = match &token {
            TokenTree::Group(group) if is_condition(group.stream()) => continue,
            TokenTree::Group(group) => {
                found.extend(protocols_in(group.stream(), names));
                continue;
            }
            TokenTree::Ident(name) => name.to_string(),
            TokenTree::Literal(literal) => literal.to_string(),
            TokenTree::Punct(_) => continue,
        };
        // In lower case, `raw` is a common word.
        if text == "Raw" || words(&text).iter().any(|word| names.contains(word)) {
            found.push((token.span().start().line, text));
        }
    }
    found
}

/// Returns the names of all protocols, so that a new one needs no entry here.
fn protocol_names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/protocol");
    let entries = fs::read_dir(folder).expect("the protocols").map(|entry| entry.expect("an entry").path());
    let names = entries.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.filter(|name| !COMMON.contains(&name.as_str())).collect();
    names.extend(NAMES.iter().map(ToString::to_string));
    names
}

fn is_condition(tokens: TokenStream) -> bool {
    matches!(tokens.into_iter().next(), Some(TokenTree::Ident(name)) if name == "cfg")
}

fn is_in(files: &[&str], source: &Source) -> bool {
    let path = source.path.to_str().expect("a plain name").replace('\\', "/");
    files.iter().any(|file| path == *file || (file.ends_with('/') && path.starts_with(file)))
}

#[test]
fn generic_files_name_no_protocol() {
    let (protocols, mut found) = (protocol_names(), Vec::new());
    for source in sources().iter().filter(|source| is_in(GENERIC, source)) {
        let names = protocols_in(source.syntax.to_token_stream(), &protocols);
        found.extend(names.into_iter().map(|(line, name)| place(source, line, name)));
    }
    assert_none(found, "what works with any protocol names none");
}

#[test]
fn protocol_names_are_found_as_whole_words() {
    let protocols = protocol_names();
    let count = |code: &str| protocols_in(parse(code), &protocols).len();
    for code in [
        "use crate::protocol::snmp;",
        "struct SnmpAgent;",
        "const OLD_SNMP: u8 = 1;",
        "fn f() { say(\"the SNMP agent\") }",
        "enum E { Quake3 }",
        "fn raw() -> Raw { todo!() }",
        "fn f() { m!(Host::Dns) }",
    ] {
        assert_eq!(count(code), 1, "{code}");
    }
    for code in [
        "fn as_raw_fd() {}",
        "/// SNMP\nstruct S;",
        "struct Snmpet;",
        "#[cfg(test)] mod snmp {}",
        "#[cfg(feature = \"usm\")] struct S;",
    ] {
        assert_eq!(count(code), 0, "{code}");
    }
}

#[test]
fn words_end_before_a_capital() {
    assert_eq!(words("SnmpAgent_2"), ["snmp", "agent", "2"]);
    assert_eq!(words("SNMPAgent"), ["snmp", "agent"]);
    assert_eq!(words("Quake3Status"), ["quake3", "status"]);
    assert_eq!(words("\"ask quake3/A2S\""), ["ask", "quake3", "a2s"]);
}

//! The rules for imports between layers, unsafe code, and clocks.

use std::path::Path;

use quote::ToTokens;

use super::source::{Mention, Source, mentions, parse, sources};
use super::{assert_none, place};

/// The layers, each with those that it must not import.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    ("engine", &["protocol", "net", "sim", "cli", "ffi"]),
    ("protocol", &["net", "sim", "cli", "ffi"]),
    ("net", &["protocol", "sim", "cli", "ffi"]),
    ("sim", &["net", "cli", "ffi"]),
    ("cli", &["ffi"]),
];

/// The files in which `unsafe` is allowed: for system calls, and at the border to C. Exporting a function is unsafe, so
/// each file that exports some is listed: those for every protocol, and one for each protocol; and `pointers`, which
/// alone dereferences pointers. The other files of `ffi` deny unsafe code themselves.
const UNSAFE: [&str; 11] = [
    "net/linux.rs",
    "ffi.rs",
    "ffi/ask.rs",
    "ffi/pointers.rs",
    "ffi/results.rs",
    "ffi/settings.rs",
    "ffi/turn.rs",
    "ffi/dns.rs",
    "ffi/games.rs",
    "ffi/raw.rs",
    "ffi/snmp.rs",
];

/// Returns the rule that a path mentioned in `module` violates, if any.
fn violation(module: &[String], mention: &Mention) -> Option<&'static str> {
    let (layer, forbidden) =
        FORBIDDEN.iter().find(|(layer, _)| module.first().is_some_and(|m| m == layer))?;
    let target = absolute(module, &mention.segments)?;
    match target.first() {
        None if mention.is_import => Some("imports the root of the crate, which has all layers"),
        Some(other) if other != layer && forbidden.contains(&other.as_str()) => Some("imports a layer above"),
        _ => None,
    }
}

/// Resolves a path to one from the root of the crate, or of the library; `None` for a path of another crate, or one that
/// begins with something imported.
fn absolute(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let supers = segments.iter().take_while(|segment| *segment == "super").count();
    let (mut base, rest) = match segments.first()?.as_str() {
        "crate" | "allears" => (Vec::new(), &segments[1..]),
        "self" => {
            // `self::super::x`
            return match absolute(module, &segments[1..]) {
                Some(path) if segments.get(1).is_some_and(|next| next == "super") => Some(path),
                _ => Some([module, &segments[1..]].concat()),
            };
        }
        "super" => (module[..module.len().saturating_sub(supers)].to_vec(), &segments[supers..]),
        _ => return None,
    };
    base.extend(rest.iter().filter(|segment| *segment != "self" && *segment != "*").cloned());
    Some(base)
}

/// Returns the violations in some tokens of `module`. Inline modules count for the path of `super`.
fn violations(module: &[String], items: &[syn::Item]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for item in items {
        if let syn::Item::Mod(syn::ItemMod { ident, content: Some((_, items)), .. }) = item {
            found.extend(violations(&[module, &[ident.to_string()]].concat(), items));
            continue;
        }
        let mentions = mentions(item.to_token_stream());
        found.extend(mentions.into_iter().filter_map(|mention| {
            let what = violation(module, &mention)?;
            Some((mention.line, format!("{} {what}", mention.segments.join("::"))))
        }));
    }
    found
}

#[test]
fn imports_point_one_way() {
    let of_file = |source: &Source| {
        let found = violations(&source.module, &source.syntax.items).into_iter();
        found.map(|(line, what)| place(source, line, what)).collect::<Vec<_>>()
    };
    let found = sources().iter().flat_map(of_file).collect();
    assert_none(found, "engine ← protocol ← {net, sim} ← {cli, ffi}");
}

/// The root must not re-export layers: imports through it would go undetected by the test above.
#[test]
fn the_root_exports_only_modules() {
    let roots = sources().into_iter().filter(|source| source.module.is_empty());
    let found = roots.flat_map(|source| {
        let uses = source.syntax.items.iter().filter(|item| matches!(item, syn::Item::Use(_)));
        let lines = uses.flat_map(|item| mentions(item.to_token_stream()));
        let own = lines.filter(|mention| mention.segments[0] != "std");
        own.map(|mention| place(&source, mention.line, mention.segments.join("::"))).collect::<Vec<_>>()
    });
    assert_none(found.collect(), "the root of the crate re-exports nothing");
}

#[test]
fn every_form_of_import_is_detected() {
    let module = ["engine".to_owned(), "time".to_owned()];
    let count = |code: &str| violations(&module, &syn::parse2::<syn::File>(parse(code)).unwrap().items).len();
    for code in [
        "use crate::net::Io;",
        "use crate::{net::Io, engine::Time};",
        "use crate::{engine::{self, Time}, net};",
        "use crate::net::Io as Other;",
        "use crate::{net as other};",
        "use crate as root;",
        "use crate::{self as root};",
        "use crate::*;",
        "use super::super::*;",
        "use super::super as root;",
        "use super::super::net::Io;",
        "use self::super::super::net::Io;",
        "use ::allears::net::Io;",
        "use allears::sim::Plan;",
        "pub use crate::sim::Plan;",
        "pub(crate) use crate::{sim::{Plan}};",
        "fn f() { crate::net::random_key(); }",
        "fn f(net: &mut crate::net::Net) {}",
        "fn f<T: super::super::protocol::Protocol>() {}",
        "impl crate::sim::Host for u8 {}",
        "fn f() -> u8 { <crate::net::Net as Default>::default() }",
        "fn f() { use crate::net::Io; }",
        "fn f() { println!(\"{}\", crate::net::BATCH); }",
        "macro_rules! m { () => { $crate::net::BATCH } }",
        "macro_rules! m { () => { use $crate::{net::BATCH, engine::Time}; } }",
        "#[derive(crate::net::Derive)] struct S;",
        "mod inner { use super::super::super::net::Io; }",
        "mod inner { mod deeper { fn f() { super::super::super::super::net::f(); } } }",
        "type T = Vec<crate::ffi::allears>;",
    ] {
        assert_eq!(count(code), 1, "{code}");
    }
    for code in [
        "use std::net::SocketAddr;",
        "use std::{net::{IpAddr, SocketAddr}, time::Duration};",
        "use crate::engine::{Config, Time};",
        "use super::{Engine, Time as net};",
        "use super::super::engine::Time;",
        "pub(crate) struct S { pub(in crate::engine) net: u8 }",
        "fn f(net: u8) -> u8 { net }",
        "fn f() { sim::plan(); other::net::f(); }",
        "//! crate::net\n/// crate::net::Io\nfn f() { /* crate::net */ }",
        "fn f() -> &'static str { \"crate::net\" }",
        "#[cfg(test)] mod tests { use crate::net::Io; }",
        "#[cfg(test)] use crate::net::Io;",
        "#[cfg(all(test, unix))] fn f() { crate::net::f() }",
        "struct S; impl S { #[cfg(test)] fn f() { crate::net::f() } }",
        "mod inner { use super::super::Time; }",
    ] {
        assert_eq!(count(code), 0, "{code}");
    }
}

#[test]
fn unsafe_code_is_only_in_system_calls_and_at_the_border_to_c() {
    let safe =
        sources().into_iter().filter(|source| !UNSAFE.iter().any(|file| source.path == Path::new(file)));
    let found = safe.flat_map(|source| {
        let unsafes = mentions(source.syntax.to_token_stream()).into_iter();
        let unsafes = unsafes.filter(|mention| mention.segments.iter().any(|segment| segment == "unsafe"));
        unsafes.map(|mention| place(&source, mention.line, "unsafe")).collect::<Vec<_>>()
    });
    assert_none(found.collect(), "unsafe only in src/net/linux.rs and at the border to C");
}

#[test]
fn only_net_reads_a_clock() {
    let is_clock = |mention: &Mention| {
        let is_type = |segment: &String| ["Instant", "SystemTime", "UNIX_EPOCH"].contains(&segment.as_str());
        mention.segments.iter().any(is_type) || mention.segments.ends_with(&["thread".into(), "sleep".into()])
    };
    let others = sources().into_iter().filter(|source| !source.path.starts_with("net"));
    let found = others.flat_map(|source| {
        let clocks = mentions(source.syntax.to_token_stream()).into_iter().filter(is_clock);
        clocks.map(|clock| place(&source, clock.line, clock.segments.join("::"))).collect::<Vec<_>>()
    });
    assert_none(found.collect(), "time is an argument: only src/net reads a clock, and nothing sleeps");
}

#[test]
fn the_library_without_features_has_few_dependencies() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--no-default-features", "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let crates: std::collections::BTreeSet<String> = String::from_utf8_lossy(&tree.stdout)
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect();
    assert!(crates.len() <= 12, "{} crates: {crates:?}", crates.len());
    assert!(crates.iter().any(|name| name.starts_with("mio ")), "{crates:?}");
}

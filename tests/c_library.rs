//! The C library: its installed files, its symbols, its header, and its errors on misuse.
#![cfg(all(feature = "cli", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use c::{command, compile, installed, source, succeed, text};
use support::have;

/// The maximum size of the stripped library, in bytes. Each protocol has its own engine, of about 100,000 bytes.
const LARGEST: u64 = 1_300_000;

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

fn symbols(library: &Path) -> BTreeSet<String> {
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    text(&output.stdout).lines().filter_map(|line| line.split(' ').next_back()).map(str::to_owned).collect()
}

#[test]
fn it_exports_the_listed_symbols_and_no_others() {
    let Some(prefix) = installed() else { return };
    let wanted = fs::read_to_string(source("tests/data/c_symbols.txt")).expect("the list");
    // Add new functions to the list, and never remove one.
    assert_eq!(symbols(&prefix.join("lib/liballears.so")), lines(&wanted));
}

#[test]
fn every_file_is_installed_in_its_place() {
    let Some(prefix) = installed() else { return };
    let version = env!("CARGO_PKG_VERSION");
    let real = prefix.join(format!("lib/liballears.so.{version}"));
    for link in ["lib/liballears.so", "lib/liballears.so.1"] {
        assert_eq!(fs::canonicalize(prefix.join(link)).ok(), fs::canonicalize(&real).ok(), "{link}");
    }
    let headers = text(&succeed(Command::new("readelf").arg("-d").arg(&real)).stdout);
    assert!(headers.contains("Library soname: [liballears.so.1]"), "{headers}");
    let sections = text(&succeed(Command::new("readelf").args(["-S", "-W"]).arg(&real)).stdout);
    assert!(!sections.contains(".symtab"), "it is stripped");
    let size = fs::metadata(&real).expect("it exists").len();
    assert!(size <= LARGEST, "{size} bytes");
    let pages = prefix.join("share/man/man3");
    for symbol in symbols(&real) {
        assert!(pages.join(format!("{symbol}.3")).exists(), "{symbol} has a manual page");
    }
    let page = fs::read_to_string(pages.join("allears.3")).expect("a page");
    let header = fs::read_to_string(source("include/allears.h")).expect("the header");
    let described: String =
        page.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR")).collect();
    let functions = declarations(&header).into_iter().filter(|declaration| declaration.ends_with(')'));
    assert_eq!(
        functions.collect::<BTreeSet<_>>(),
        declarations(&described),
        "the manual page matches the header"
    );
    let contains =
        |word: &[u8]| fs::read(&real).expect("readable").windows(word.len()).any(|bytes| bytes == word);
    assert!(
        contains(b"usmStatsUnknownEngineIDs") && !contains(b"Usage: "),
        "the library does not contain the command line"
    );
}

#[test]
fn it_can_be_staged_for_a_package() {
    if installed().is_none() {
        return;
    }
    let stage = tempfile::tempdir().expect("a temporary folder");
    let variables = ["PREFIX=/usr", "LIBDIR=/usr/lib/somewhere"].map(str::to_owned);
    c::install(&[&variables[..], &[format!("DESTDIR={}", stage.path().display())]].concat());
    let pc =
        fs::read_to_string(stage.path().join("usr/lib/somewhere/pkgconfig/allears.pc")).expect("a .pc file");
    assert!(pc.starts_with("prefix=/usr\nlibdir=/usr/lib/somewhere\nincludedir=/usr/include\n"), "{pc}");
    assert!(stage.path().join("usr/include/allears.h").exists());
    assert!(stage.path().join("usr/lib/somewhere/liballears.a").exists());
}

#[test]
fn misuse_gives_errors() {
    let Some(prefix) = installed() else { return };
    succeed(&mut command(prefix, compile(prefix, "tests/c/misuse.c", &["-std=gnu11"])));
    let sanitize = ["-std=gnu11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    succeed(command(prefix, compile(prefix, "tests/c/misuse.c", &sanitize)).arg("gently"));
    // Two threads at the same time, which the header allows.
    let sanitize = ["-std=gnu11", "-fsanitize=thread"];
    succeed(command(prefix, compile(prefix, "tests/c/misuse.c", &sanitize)).arg("gently"));
    if have("/usr/bin/valgrind", "valgrind") {
        let program = compile(prefix, "tests/c/misuse.c", &["-std=gnu11"]);
        let mut valgrind = command(prefix, "valgrind");
        valgrind.args(["-q", "--leak-check=full", "--error-exitcode=99"]).arg(program).arg("gently");
        succeed(&mut valgrind);
    }
}

#[test]
fn the_header_compiles_alone_as_c99_c11_and_cpp17() {
    let Some(prefix) = installed() else { return };
    let header = prefix.join("include/allears.h");
    for (compiler, language, standard) in
        [("cc", "c", "c99"), ("cc", "c", "c11"), ("c++", "c++", "c++11"), ("c++", "c++", "c++17")]
    {
        let mut command = Command::new(compiler);
        command.args(c::STRICT).args(["-Wstrict-prototypes"].iter().filter(|_| language == "c"));
        command.args(["-fsyntax-only", "-x", language, &format!("-std={standard}")]).arg(&header);
        succeed(&mut command);
    }
}

/// Returns the declarations of a header, without comments and in a normalized form.
fn declarations(header: &str) -> BTreeSet<String> {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    code.push_str(rest);
    let code: Vec<&str> =
        code.lines().filter(|line| !line.starts_with('#') && !line.starts_with("extern \"C\"")).collect();
    let mut found = BTreeSet::new();
    let (mut depth, mut declaration) = (0, String::new());
    for letter in code.join(" ").chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => continue,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                found.insert(plain(&std::mem::take(&mut declaration)));
                continue;
            }
            _ => {}
        }
        declaration.push(letter);
    }
    found
}

/// Normalizes a declaration: removes optional words, and reduces white space to single blanks.
fn plain(declaration: &str) -> String {
    let spaced: String = declaration
        .chars()
        .flat_map(|letter| match letter {
            '*' | '(' | ')' | '{' | '}' | ',' | ';' => vec![' ', letter, ' '],
            _ => vec![letter],
        })
        .collect();
    let words: Vec<&str> =
        spaced.split_whitespace().filter(|word| !["typedef", "struct", "enum"].contains(word)).collect();
    let numbers = words.iter().map(|word| match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).expect("hexadecimal").to_string(),
        None => (*word).to_owned(),
    });
    let mut text = numbers.collect::<Vec<_>>().join(" ").replace(" , }", " }");
    // The name after the braces is the same as that before them.
    if let Some(end) = text.rfind('}') {
        text.truncate(end + 1);
    }
    text
}

#[test]
fn the_header_matches_the_library() {
    let mut builder =
        cbindgen::Builder::new().with_language(cbindgen::Language::C).with_src(source("src/ffi.rs"));
    for folder in ["src/ffi", "src/ffi/dns", "src/ffi/snmp"] {
        for file in fs::read_dir(source(folder)).expect("the sources") {
            let path = file.expect("the sources").path();
            builder = if path.is_file() { builder.with_src(path) } else { builder };
        }
    }
    // No function takes or returns an enum by name, because its size depends on the compiler.
    let enums = [
        "allears_code",
        "allears_outcome",
        "allears_snmp_operation",
        "allears_snmp_type",
        "allears_incomplete",
        "allears_dns_option",
        "allears_dns_tcp",
        "allears_dns_flag",
        "allears_dns_section",
    ];
    let include = enums.map(str::to_owned).to_vec();
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        export: cbindgen::ExportConfig { include, ..cbindgen::ExportConfig::default() },
        usize_is_size_t: true,
        documentation: false,
        ..cbindgen::Config::default()
    };
    let mut generated = Vec::new();
    builder.with_config(config).generate().expect("the sources are read").write(&mut generated);
    let (declared, header) =
        (declarations(&text(&generated)), fs::read_to_string(source("include/allears.h")));
    let header = declarations(&header.expect("the header"));
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.difference(other).cloned().collect::<Vec<_>>().join("\n  ")
    };
    assert!(declared.len() > 55, "{declared:?}");
    assert!(
        header == declared,
        "only in the header:\n  {}\nonly in the library:\n  {}",
        only(&header, &declared),
        only(&declared, &header)
    );
}

//! The rules of the house that a compiler does not check: who may import whom, where `unsafe` and the
//! clock may be, how large a file may get. (`docs/design.md` has the reasons.)

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer with those it may not know.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    ("engine", &["protocol", "net", "sim", "cli", "ffi"]),
    ("protocol", &["net", "sim", "cli", "ffi"]),
    ("net", &["protocol", "sim", "cli", "ffi"]),
    ("sim", &["net", "cli", "ffi"]),
    ("cli", &["ffi"]),
];

/// Longest file, tests in it included: more than one idea does not fit below it anyway.
const LONGEST: usize = 600;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.iter_mut().for_each(|(path, _)| *path = path.strip_prefix(&root).unwrap().to_owned());
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// The lines of code that are neither comment nor test.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
    lines.map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
}

fn assert_none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

fn places(in_files: impl Fn(&Path) -> bool, is_hit: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        if in_files(&path) {
            let hits = code(&text).filter(|(_, line)| is_hit(&path, line));
            found.extend(hits.map(|(at, line)| format!("  src/{}:{at}: {}", path.display(), line.trim())));
        }
    }
    found
}

#[test]
fn imports_point_one_way() {
    let found = places(
        |_| true,
        |path, line| {
            FORBIDDEN.iter().any(|(layer, others)| {
                path.starts_with(layer)
                    && others.iter().any(|other| line.contains(&format!("crate::{other}")))
            })
        },
    );
    assert_none(found, "engine ← protocol ← {net, sim} ← {cli, ffi}");
}

#[test]
fn unsafe_is_where_the_kernel_or_c_is() {
    let allowed = [Path::new("net/linux.rs"), Path::new("ffi.rs")];
    // The chapters of the border to C; what is behind it denies unsafe for itself.
    let chapters = ["ask", "pointers", "results", "settings", "turn"].map(|name| format!("ffi/{name}.rs"));
    let found = places(
        |path| !allowed.contains(&path) && !chapters.iter().any(|chapter| path == Path::new(chapter)),
        |_, line| line.contains("unsafe") && !line.contains("unsafe_code"),
    );
    assert_none(found, "unsafe only in src/net/linux.rs and at the border to C");
}

#[test]
fn only_net_reads_a_clock() {
    let clocks = ["Instant::now", "SystemTime::now", "thread::sleep", ".elapsed()"];
    let found =
        places(|path| !path.starts_with("net"), |_, line| clocks.iter().any(|clock| line.contains(clock)));
    assert_none(found, "time is an argument; only src/net reads a clock, and nobody sleeps");
}

#[test]
fn files_stay_short() {
    let long = sources().into_iter().map(|(path, text)| (path, text.lines().count()));
    let found = long.filter(|(_, lines)| *lines > LONGEST);
    assert_none(
        found.map(|(path, lines)| format!("  src/{}: {lines} lines", path.display())).collect(),
        "one idea a file",
    );
}

#[test]
fn the_small_library_stays_small() {
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

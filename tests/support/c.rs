//! The C library as users get it: installed by `make`, found by pkg-config.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::support::have;

/// Compiler flags with all warnings as errors.
pub const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-O1"];

pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns the prefix of `make install-lib`; `None` if a required program is missing.
pub fn installed() -> Option<&'static Path> {
    static PREFIX: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let prefix = PREFIX.get_or_init(|| {
        let needed = [
            ("/usr/bin/make", "make"),
            ("/usr/bin/cc", "gcc"),
            ("/usr/bin/c++", "g++"),
            ("/usr/bin/pkg-config", "pkg-config"),
        ];
        if !needed.iter().all(|(program, package)| have(program, package)) {
            return None;
        }
        let prefix = tempfile::tempdir().expect("a temporary folder");
        install(&[format!("PREFIX={}", prefix.path().display())]);
        Some(prefix)
    });
    prefix.as_ref().map(tempfile::TempDir::path)
}

pub fn install(variables: &[String]) {
    let mut make = Command::new("make");
    make.args(["-C", env!("CARGO_MANIFEST_DIR"), "install-lib"]).args(variables);
    // Cargo's variables for its tests are not meant for the cargo that make starts.
    make.env_remove("CARGO_TARGET_DIR").env("CARGO", env!("CARGO"));
    succeed(&mut make);
}

/// Returns the flags from pkg-config, which suffice to compile and link.
pub fn pkg_config(prefix: &Path, args: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(args).arg("allears").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let text = String::from_utf8(succeed(&mut command).stdout).expect("UTF-8");
    text.split_whitespace().map(str::to_owned).collect()
}

/// Compiles a program against the installed library, unless already done.
pub fn compile(prefix: &Path, source_path: &str, flags: &[&str]) -> PathBuf {
    let name = format!("{}-{}", source_path.replace(['/', '.'], "-"), flags.join("").replace(['/', ' '], ""));
    let program = prefix.join(name);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if program.exists() {
        return program;
    }
    let compiler = if source_path.ends_with("cpp") { "c++" } else { "cc" };
    let mut command = Command::new(compiler);
    command.args(STRICT).args(flags).arg(source(source_path)).arg("-o").arg(&program).arg("-pthread");
    let others = if source_path.contains("libuv") {
        &["--cflags", "--libs", "libuv"][..]
    } else {
        &["--cflags", "--libs"]
    };
    command.args(pkg_config(prefix, others));
    succeed(&mut command);
    program
}

/// Returns a command that finds the installed library.
pub fn command(prefix: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    command
}

#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

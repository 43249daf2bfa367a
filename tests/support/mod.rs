//! Runs the command `allears` as a user would, and a fleet for it to ask.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub fn allears() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allears"));
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// Runs `allears` to its end.
pub fn run(args: &[&str]) -> Run {
    Run::from(allears().args(args).output().expect("allears starts"))
}

/// Runs `allears` with something on its standard input.
pub fn run_with_input(args: &[&str], input: &[u8]) -> Run {
    let mut child = allears()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("allears starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("allears ends");
    writer.join().expect("the writer ends");
    Run::from(output)
}

/// What a run left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    /// Fails with everything that was said unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Run {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as one JSON object a line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The `--stats -` object, which is the last line of standard output.
    #[track_caller]
    pub fn stats(&self) -> Value {
        self.lines().pop().unwrap_or_else(|| panic!("no output\n{}", self.stderr))
    }
}

/// A whole number out of a JSON object.
#[track_caller]
pub fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} in {object}"))
}

/// `allears fleet` in a process of its own, on ports of its own.
pub struct Fleet {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    /// The line it prints when it listens.
    pub opening: Value,
    /// All `HOST:PORT`.
    pub targets: PathBuf,
    folder: tempfile::TempDir,
}

impl Fleet {
    /// Starts a fleet; it ends with the test.
    pub fn start(args: &[&str]) -> Fleet {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let targets = folder.path().join("targets");
        let mut child = allears()
            .args(["fleet", "--for", "120s", "--targets"])
            .arg(&targets)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fleet starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the fleet says that it listens");
        let opening = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Fleet { child, stdout, opening, targets, folder }
    }

    /// Where its master listens.
    #[track_caller]
    pub fn master(&self) -> String {
        self.opening["master"].as_str().expect("a master").to_owned()
    }

    /// The file with its targets.
    pub fn targets(&self) -> &str {
        self.targets.to_str().expect("UTF-8")
    }

    /// Its targets, one by one.
    pub fn hosts(&self) -> Vec<String> {
        let list = std::fs::read_to_string(&self.targets).expect("a list");
        list.lines().map(str::to_owned).collect()
    }

    /// Ends it, and yields its closing line.
    pub fn stop(mut self) -> Value {
        interrupt(&self.child);
        let mut line = String::new();
        self.stdout.read_to_string(&mut line).expect("the fleet's last word");
        serde_json::from_str(line.trim()).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Ctrl-C does.
pub fn interrupt(child: &Child) {
    signal(child, "INT");
}

/// Sends a signal, by the shell: not every small system has a program for it.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(status.expect("sh runs").success(), "the process is there");
}

/// Whether a program that a test needs is there. Says so loudly if not, and fails where CI is set.
pub fn have(program: &str, package: &str) -> bool {
    if std::path::Path::new(program).exists() {
        return true;
    }
    let missing = format!("NOT TESTED: {program} is missing; install the package {package}");
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("\n{missing}\n");
    false
}

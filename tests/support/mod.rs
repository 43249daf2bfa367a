//! Runs the command `allears` as a user would, and a fleet of simulated hosts for it.
#![allow(dead_code, reason = "each test file uses a part of it")]

#[cfg(feature = "dns")]
pub mod name_server;
pub mod qstat;
pub mod quake_data;
pub mod real_server;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// Returns a command for the program under test.
pub fn allears() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allears"));
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// Runs `allears` to its end.
pub fn run(args: &[&str]) -> Run {
    Run::from(allears().args(args).output().expect("allears starts"))
}

/// Runs `allears` with `input` on its standard input.
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

/// The exit code and the output of a run.
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
    /// Panics with the whole output unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Run {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Parses standard output as one JSON object per line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Parses the `--stats -` object, the last line of standard output.
    #[track_caller]
    pub fn stats(&self) -> Value {
        self.lines().pop().unwrap_or_else(|| panic!("no output\n{}", self.stderr))
    }
}

/// Returns a whole number from a JSON object.
#[track_caller]
pub fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} in {object}"))
}

/// An `allears fleet` in its own process, on free ports.
pub struct Fleet {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    /// Its opening line.
    pub opening: Value,
    /// The file with the targets, one `HOST:PORT` per line.
    pub targets: PathBuf,
    folder: tempfile::TempDir,
}

impl Fleet {
    /// Starts a fleet. Dropping it stops the process.
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
        stdout.read_line(&mut line).expect("the fleet's opening line");
        let opening = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Fleet { child, stdout, opening, targets, folder }
    }

    /// Returns the address of the master.
    #[track_caller]
    pub fn master(&self) -> String {
        self.opening["master"].as_str().expect("a master").to_owned()
    }

    /// Returns the path of the file with the targets.
    pub fn targets(&self) -> &str {
        self.targets.to_str().expect("UTF-8")
    }

    /// Returns the targets.
    pub fn hosts(&self) -> Vec<String> {
        let list = std::fs::read_to_string(&self.targets).expect("a list");
        list.lines().map(str::to_owned).collect()
    }

    /// Stops the fleet, and returns its closing line.
    pub fn stop(mut self) -> Value {
        interrupt(&self.child);
        let mut line = String::new();
        self.stdout.read_to_string(&mut line).expect("the fleet's closing line");
        serde_json::from_str(line.trim()).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGINT, like Ctrl-C.
pub fn interrupt(child: &Child) {
    signal(child, "INT");
}

/// Sends a signal with the shell's builtin, because not every system has kill(1).
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(status.expect("sh runs").success(), "the process exists");
}

/// Returns whether a program that a test needs is installed. If not, prints a warning, or panics if `CI` is set.
pub fn have(program: &str, package: &str) -> bool {
    if std::path::Path::new(program).exists() {
        return true;
    }
    not_tested(&format!("{program} is missing; install the package {package}"));
    false
}

/// Prints a warning that a test cannot run here, or panics if `CI` is set.
pub fn not_tested(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "NOT TESTED: {reason}");
    eprintln!("\nNOT TESTED: {reason}\n");
}

/// Runs the test `name`, which calls this, once more with network and mount namespaces of its own and loopback up. Returns
/// whether this is that second run: the test does its work in it, and otherwise returns. If there can be no namespaces,
/// prints a warning, or panics if `CI` is set.
pub fn is_isolated(name: &str) -> bool {
    const MARK: &str = "ALLEARS_TEST_IS_ISOLATED";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    if !have("/usr/bin/unshare", "util-linux") || !have("/usr/sbin/ip", "iproute2") {
        return false;
    }
    let unshare = |script: &str| {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--net", "--mount", "sh", "-e", "-c", script, name]);
        command.env(MARK, "1").arg(std::env::current_exe().expect("this test"));
        command.output().expect("unshare starts")
    };
    if !unshare("true").status.success() {
        not_tested("namespaces need root");
        return false;
    }
    let run = unshare("ip link set lo up; exec \"$1\" --exact \"$0\" --nocapture");
    let output = [run.stdout, run.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(run.status.success() && output.contains("1 passed"), "{output}");
    false
}

/// Runs a shell script that must succeed.
#[track_caller]
pub fn shell(script: &str) {
    let output = Command::new("sh").args(["-e", "-c", script]).output().expect("sh starts");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

//! Settings limit the memory of a sweep. By default they depend on the memory that the process may use: control groups
//! and `ulimit -v`.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Fleet, Run, count, is_isolated, not_tested, run, shell};

const HOSTS: u64 = 22_000;
/// The memory limit of the tests with control groups, and how a sweep reports it.
const LIMIT: u64 = 16 << 20;
const WARNING: &str = "16 MiB of memory: at most ";

/// Starts a fleet with few living hosts.
fn dead_hosts() -> Fleet {
    let hosts = HOSTS.to_string();
    Fleet::start(&["--protocol", "echo", "--hosts", &hosts, "--dead", "0.95", "--latency", "1ms,0"])
}

/// Returns the arguments of a sweep over dead hosts, with a short timeout.
fn sweep(targets: &str) -> Vec<&str> {
    let mut args = vec!["probe", "--text", "0000000000000000", "--token-at", "0", "-i", targets];
    args.extend(["--rate", "unlimited", "--prefix-rate", "unlimited", "--tries", "1", "--timeout", "200ms"]);
    args.extend(["-o", "json", "--stats", "-"]);
    args
}

/// Runs `allears` from a shell script that ends with `exec "$@"`.
fn run_from(script: &str, args: &[&str]) -> Run {
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script, "sh", env!("CARGO_BIN_EXE_allears")]).args(args);
    Run::from(command.output().expect("sh starts"))
}

/// Checks that a sweep over all hosts ended normally, and returns its ledger.
#[track_caller]
fn assert_complete(run: Run) -> Value {
    let run = run.expect_code(0);
    let mut lines = run.lines();
    let stats = lines.pop().expect("the ledger");
    assert_eq!((lines.len() as u64, count(&stats, "queries")), (HOSTS, HOSTS), "{stats}");
    assert!(count(&stats, "answered") > 0 && count(&stats, "silent") > HOSTS / 2, "{stats}");
    assert_eq!(count(&stats, "answered") + count(&stats, "silent"), HOSTS, "{stats}");
    stats
}

#[test]
fn a_sweep_over_dead_hosts_fits_into_its_control_group() {
    if !is_isolated("a_sweep_over_dead_hosts_fits_into_its_control_group") {
        return;
    }
    if !std::fs::read_to_string("/proc/self/mountinfo").expect("proc(5)").contains(" - cgroup") {
        return not_tested("no control groups are mounted");
    }
    // Replaces the real files, which belong to the system.
    shell(&format!(
        "mount -t tmpfs none /sys/fs/cgroup; mkdir /sys/fs/cgroup/memory /sys/fs/cgroup/unified
         for file in memory.max unified/memory.max memory/memory.limit_in_bytes; do
             echo {LIMIT} > /sys/fs/cgroup/$file
         done"
    ));
    let fleet = dead_hosts();
    let one = run(&["probe", "--text", "0000000000000000", "--stats", "-", "-q", &fleet.hosts()[0]]);
    let all = run(&sweep(fleet.targets()));
    assert!(all.stderr.contains(WARNING), "{}", all.stderr);
    let stats = assert_complete(all);
    let grown = count(&stats, "max_rss_bytes").saturating_sub(count(&one.stats(), "max_rss_bytes"));
    assert!(grown + count(&stats, "rcvbuf_bytes") <= LIMIT / 4, "{grown} {stats}");
}

/// A control group whose memory is limited. Dropping it removes it.
struct ControlGroup {
    path: PathBuf,
}

impl ControlGroup {
    /// Uses the group that `ALLEARS_TEST_CGROUP` names, or makes one, of either version. Returns `None` if that is not
    /// permitted.
    fn new() -> Option<ControlGroup> {
        let name = format!("allears-test-{}", std::process::id());
        let named = std::env::var_os("ALLEARS_TEST_CGROUP").map(PathBuf::from);
        let made = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].map(|root| Path::new(root).join(&name));
        named.into_iter().chain(made).find_map(|path| {
            let exists = path.exists() || fs::create_dir(&path).is_ok();
            let group = exists.then_some(ControlGroup { path })?;
            let limits = ["memory.max", "memory.limit_in_bytes"].map(|file| group.path.join(file));
            // Writing must not create a file.
            let set = |file: &PathBuf| file.exists() && fs::write(file, LIMIT.to_string()).is_ok();
            limits.iter().any(set).then_some(group)
        })
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

#[test]
fn a_sweep_over_dead_hosts_survives_in_a_real_control_group() {
    let Some(group) = ControlGroup::new() else {
        return eprintln!("\nNOT TESTED: no control group can be made, and ALLEARS_TEST_CGROUP names none\n");
    };
    let fleet = dead_hosts();
    let path = group.path.display();
    let run = run_from(&format!("echo $$ > {path}/cgroup.procs; exec \"$@\""), &sweep(fleet.targets()));
    assert!(run.stderr.contains(WARNING), "{}", run.stderr);
    assert_complete(run);
}

#[test]
fn a_sweep_over_dead_hosts_survives_a_limited_address_space() {
    let fleet = dead_hosts();
    let run = run_from("ulimit -v 49152; exec \"$@\"", &sweep(fleet.targets()));
    assert!(run.stderr.contains("48 MiB of memory: at most "), "{}", run.stderr);
    assert_complete(run);
}

#[test]
fn walks_end_as_incomplete_when_the_memory_is_used_up() {
    let fleet =
        Fleet::start(&["--protocol", "snmp", "--hosts", "10", "--interfaces", "300", "--latency", "0"]);
    let walk = |memory: &str, format: &str| {
        let pace = ["--rate", "unlimited", "--prefix-rate", "unlimited"];
        let args = ["snmp", "walk", "-i", fleet.targets(), "--memory", memory, "-o", format, "--stats", "-"];
        run(&[&args[..], &pace].concat()).expect_code(0)
    };
    let short = walk("1M", "json");
    let mut lines = short.lines();
    lines.pop();
    let ended: Vec<&Value> = lines.iter().filter(|line| line["answer"]["complete"] == false).collect();
    assert!(!ended.is_empty(), "{}", short.stderr);
    for line in ended {
        assert_eq!(line["answer"]["why_incomplete"], "the memory limit was reached");
        assert!(line["answer"]["varbinds"].as_array().is_some_and(|varbinds| !varbinds.is_empty()));
    }
    assert!(short.stderr.contains("the memory limit was reached"), "{}", short.stderr);
    let bytes = |run: &Run| -> usize { run.stdout.len() };
    let long = walk("64M", "json");
    assert!(long.lines().iter().take(10).all(|line| line["answer"]["complete"] == true), "{}", long.stderr);
    assert!(bytes(&short) < bytes(&long) / 2, "{} {}", bytes(&short), bytes(&long));
}

#[test]
fn too_little_memory_is_refused() {
    let refused = run(&["ntp", "--memory", "64K", "127.0.0.1"]).expect_code(2);
    assert!(refused.stderr.contains("--memory must be at least 1M"), "{}", refused.stderr);
}

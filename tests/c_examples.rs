//! The examples in C, compiled against the installed library, run against the fleet, and checked by valgrind and the
//! sanitizers.
#![cfg(all(feature = "cli", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use c::{command, compile, installed, succeed, text};
use support::{Fleet, have};

/// Returns the targets whose lines satisfy `is_answer`.
fn answering(output: &[u8], is_answer: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let text = text(output);
    let lines = text.lines().filter(|line| is_answer(line));
    lines
        .filter_map(|line| line.split_whitespace().next())
        .map(|who| who.trim_end_matches(':').into())
        .collect()
}

/// Starts echo hosts, a fifth of which are dead.
fn echoes() -> Fleet {
    Fleet::start(&["--protocol", "echo", "--hosts", "50", "--dead", "0.2", "--seed", "3"])
}

/// Returns a command that runs `program`, under `watcher` if there is one.
fn watched(prefix: &Path, watcher: &[&str], program: &Path) -> Command {
    match watcher {
        [] => command(prefix, program),
        [first, others @ ..] => {
            let mut command = command(prefix, first);
            command.args(others).arg(program);
            command
        }
    }
}

/// Runs all examples, and checks that they work and report their failures.
fn all_examples_work(watcher: &[&str], flags: &[&str]) {
    let Some(prefix) = installed() else { return };
    let run = |source: &str, args: &[&str], code: i32| {
        let program = compile(prefix, &format!("examples/c/{source}"), flags);
        let output = watched(prefix, watcher, &program).args(args).output().expect("it starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{source} {args:?}: {}{said}", text(&output.stdout));
        (output.stdout, said)
    };

    let fleet = echoes();
    let hosts = fleet.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let nobody = prefix.join("nobody");
    fs::write(&nobody, "nobody\n\n").expect("it can be written");
    let nobody = nobody.to_str().expect("UTF-8");
    for (source, hosts, nobody) in
        [("poll.c", &[fleet.targets()][..], nobody), ("libuv.c", &hosts[..], "nobody")]
    {
        let (out, _) = run(source, hosts, 0);
        assert_eq!(answering(&out, |line| line.contains("answered")).len(), 40, "{source}: {}", text(&out));
        assert_eq!(answering(&out, |line| line.contains("no answer to 3 attempts")).len(), 10, "{source}");
        // No host is queried, so none answers.
        let (_, said) = run(source, &[nobody], 1);
        assert!(said.contains("`nobody` is not an address"), "{said}");
    }

    let fleet = Fleet::start(&["--protocol", "et", "--hosts", "60", "--seed", "7", "--master-port", "0"]);
    let (out, said) = run("players.c", &["a", &fleet.master()], 0);
    assert!(text(&out).lines().all(|line| line.contains(" plays ")), "{}", text(&out));
    // All 60 servers and their master answer.
    assert!(said.ends_with(" found; 61 answers, 0 silent\n"), "{said}");
    run("players.c", &["nobody is called like this", &fleet.master()], 1);
    run("players.c", &[], 2);
    run("poll.c", &[], 2);
    // A host that is not a master.
    let (_, said) = run("players.c", &["a", hosts[0]], 1);
    assert!(said.starts_with("players: a master: no answer to 3 attempts\n"), "{said}");
    let (_, said) = run("players.c", &["a", "no.master"], 1);
    assert!(said.contains("`no.master` is not an address"), "{said}");

    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "20", "--interfaces", "3"]);
    let hosts = fleet.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let (out, _) = run("agents.cpp", &[&["public"], &hosts[..]].concat(), 0);
    let lines = text(&out);
    assert_eq!(lines.lines().count(), 20 * 7, "{lines}");
    assert_eq!(answering(&out, |line| line.contains("IF-MIB::ifDescr.3 = eth2")).len(), 20, "{lines}");
    let (out, said) = run("agents.cpp", &["public", hosts[0], "nobody", hosts[1]], 0);
    assert_eq!((text(&out).lines().count(), &said[..]), (2 * 7, "nobody: not an address\n"));
    // No agent accepts this community.
    let (_, said) = run("agents.cpp", &["wrong", hosts[0]], 1);
    assert!(said.contains("no answer to 3 attempts"), "{said}");

    names_are_resolved(run, prefix);
}

/// Checks the example that resolves names.
fn names_are_resolved(run: impl Fn(&str, &[&str], i32) -> (Vec<u8>, String), prefix: &Path) {
    let fleet = Fleet::start(&["--protocol", "dns", "--hosts", "3", "--latency", "0ms"]);
    let servers = fleet.hosts();
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    let list = prefix.join("names");
    let names: String = (0..200).map(|number| format!("n{number}.test\n")).collect();
    fs::write(&list, format!("{names}a..b\n\nnx.test\nnodata.test\nbig.test\n")).expect("it can be written");
    let list = list.to_str().expect("UTF-8");
    let (out, said) = run("names.c", &[&[list, "A"], &servers[..]].concat(), 0);
    let out = text(&out);
    for number in 0..200 {
        let name = format!("n{number}.test");
        let address = allears::sim::dns::a_record(&name).expect("it has an address");
        assert!(out.contains(&format!("{name}. A {address}\n")), "{name}: {out}");
    }
    assert!(out.contains("nx.test: NXDOMAIN\n") && out.contains("nodata.test: no such records\n"), "{out}");
    // This answer comes over TCP.
    let long = out.lines().filter(|line| line.starts_with("big.test. A ")).count();
    assert!(long > 50, "{out}");
    assert_eq!((out.lines().count() - long, &said[..]), (202, "names: `a..b`: a label is empty\n"));
    // No server is known, so no question is asked.
    let (_, said) = run("names.c", &[list, "A", "nobody"], 1);
    assert!(said.starts_with("names: `nobody` is not an address\nnames: no server was added\n"), "{said}");
    run("names.c", &[list, "A"], 2);
}

#[test]
fn all_examples_run_against_the_fleet() {
    if have("/usr/include/uv.h", "libuv1-dev") {
        all_examples_work(&[], &[]);
    }
}

#[test]
fn valgrind_finds_no_errors_in_the_examples() {
    if have("/usr/bin/valgrind", "valgrind") && have("/usr/include/uv.h", "libuv1-dev") {
        all_examples_work(&["valgrind", "-q", "--leak-check=full", "--error-exitcode=99"], &[]);
    }
}

#[test]
fn the_sanitizers_find_no_errors_in_the_examples() {
    if have("/usr/include/uv.h", "libuv1-dev") {
        all_examples_work(&[], &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
}

#[test]
fn ctrl_c_stops_the_loop_with_poll() {
    let Some(prefix) = installed() else { return };
    let fleet = echoes();
    let program = compile(prefix, "examples/c/poll.c", &[]);
    let mut child =
        command(prefix, program).arg(fleet.targets()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("UTF-8");
    assert!(first.contains(" answered after "), "{first}");
    support::interrupt(&child);
    let stopped = lines.filter(|line| line.as_ref().is_ok_and(|line| line.contains("interrupted")));
    // At least the ten silent hosts are interrupted before their last try.
    assert!(stopped.count() >= 10);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_players_example_fits_in_a_hundred_lines() {
    let lines = fs::read_to_string(c::source("examples/c/players.c")).expect("it exists").lines().count();
    assert!(lines <= 100, "{lines}");
}

#[test]
fn twenty_lines_of_python_can_use_the_library() {
    let Some(prefix) = installed().filter(|_| have("/usr/bin/python3", "python3")) else { return };
    let fleet = echoes();
    let mut python = Command::new("python3");
    python.arg(c::source("tests/c/ping.py")).arg(prefix.join("lib/liballears.so.1")).args(fleet.hosts());
    let output = succeed(&mut python);
    assert_eq!(
        answering(&output.stdout, |line| line.ends_with("b'ping'")).len(),
        40,
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_program_can_be_linked_with_the_static_library() {
    let Some(prefix) = installed() else { return };
    let program = prefix.join("static");
    let mut compiler = Command::new("cc");
    compiler.arg(c::source("examples/c/poll.c")).arg("-o").arg(&program);
    compiler.args(c::pkg_config(prefix, &["--cflags"])).arg(prefix.join("lib/liballears.a"));
    let private = c::pkg_config(prefix, &["--libs", "--static"]);
    compiler.args(private.iter().filter(|flag| *flag != "-lallears"));
    succeed(&mut compiler);
    let fleet = echoes();
    // Run without the folder of the shared library.
    let output = succeed(Command::new(&program).arg(fleet.targets()));
    assert_eq!(answering(&output.stdout, |line| line.contains("answered")).len(), 40);
}

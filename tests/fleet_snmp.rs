//! The simulated SNMP agents on a real socket, queried by the programs of net-snmp.

mod support;

use std::process::Command;

use support::{Fleet, Run, count};

fn fleet(args: &[&str]) -> Fleet {
    Fleet::start(&[&["--protocol", "snmp", "--hosts", "20", "--latency", "0"], args].concat())
}

/// Runs a program of net-snmp with numeric names, no retries, and a timeout of one second.
fn ask(program: &str, fleet: &Fleet, args: &[&str], names: &[&str]) -> Run {
    let target = fleet.opening["first"].as_str().expect("an address");
    let mut command = Command::new(format!("/usr/bin/{program}"));
    command.args(["-m", "", "-On", "-r0", "-t1"]).args(args).arg(target).args(names);
    Run::from(command.output().expect("it starts"))
}

/// Returns the number of objects that a walk listed, without the last line, which marks the end.
fn listed(run: &Run) -> usize {
    run.stdout.lines().filter(|line| line.contains(" = ") && !line.contains("No more variables")).count()
}

/// The options for the community `public` and the version.
const V1: [&str; 2] = ["-v1", "-cpublic"];
const V2C: [&str; 2] = ["-v2c", "-cpublic"];
const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";
const EVERYTHING: &str = ".1.3.6.1.2.1";

fn have_tools() -> bool {
    support::have("/usr/bin/snmpbulkwalk", "snmp")
}

#[test]
fn a_get_returns_values_and_exceptions() {
    if !have_tools() {
        return;
    }
    let fleet = fleet(&["--interfaces", "3"]);
    let names =
        [SYS_NAME, "1.3.6.1.2.1.2.1.0", "1.3.6.1.2.1.2.2.1.2.3", "1.3.6.1.2.1.2.2.1.2.4", "1.3.6.1.9.0"];
    let run = ask("snmpget", &fleet, &V2C, &names).expect_code(0);
    let expected = [
        ".1.3.6.1.2.1.1.5.0 = STRING: \"host-000000\"",
        ".1.3.6.1.2.1.2.1.0 = INTEGER: 3",
        ".1.3.6.1.2.1.2.2.1.2.3 = STRING: \"eth2\"",
        ".1.3.6.1.2.1.2.2.1.2.4 = No Such Instance currently exists at this OID",
        ".1.3.6.1.9.0 = No Such Object available on this agent at this OID",
    ];
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected);
    let run = ask("snmpget", &fleet, &["-v1", "-cpublic", "-Cf"], &["1.3.6.1.9.0"]);
    assert!(run.code != 0 && run.stderr.contains("noSuchName"), "{}", run.stderr);
}

#[test]
fn walks_return_every_object_once_in_order_and_end() {
    if !have_tools() {
        return;
    }
    for interfaces in [0, 2, 150] {
        let fleet = fleet(&["--interfaces", &interfaces.to_string()]);
        for (program, version, repetitions, objects) in [
            ("snmpbulkwalk", V2C, &["-Cr40"][..], 8 + 41 * interfaces),
            ("snmpwalk", V2C, &[], 8 + 41 * interfaces),
            ("snmpwalk", V1, &[], 8 + 33 * interfaces),
        ] {
            let args = [&version[..], repetitions].concat();
            let run = ask(program, &fleet, &args, &[EVERYTHING]).expect_code(0);
            assert_eq!(listed(&run), objects, "{program} {args:?}");
            assert_eq!(run.stdout.contains("Counter64"), version == V2C && interfaces > 0);
            assert!(!run.stderr.contains("not increasing"), "{}", run.stderr);
        }
        let closing = fleet.stop();
        assert_eq!(count(&closing, "received"), count(&closing, "answered"));
    }
}

#[test]
fn the_opening_line_has_no_master_and_the_closing_line_adds_up() {
    if !have_tools() {
        return;
    }
    let fleet = fleet(&[]);
    assert!(fleet.opening["master"].is_null() && fleet.opening["wanted_at"].is_null());
    assert_eq!(count(&fleet.opening, "alive"), 20);
    ask("snmpget", &fleet, &V2C, &[SYS_NAME]).expect_code(0);
    let run = ask("snmpget", &fleet, &["-v2c", "-cprivate"], &[SYS_NAME]);
    assert!(run.stderr.contains("No Response"), "another community gets no reply: {}", run.stderr);
    let closing = fleet.stop();
    let counted =
        ["received", "answered", "ignored", "duplicated", "waiting"].map(|key| count(&closing, key));
    assert_eq!(counted, [2, 1, 1, 0, 0], "{closing}");
}

#[test]
fn net_snmp_sees_the_faults_of_misbehaving_agents() {
    if !have_tools() {
        return;
    }
    let misbehaving = |fault| fleet(&["--misbehave", &format!("{fault}=1"), "--interfaces", "40"]);
    let walk =
        |fleet: &Fleet, args: &[&str]| ask("snmpbulkwalk", fleet, &[&V2C[..], args].concat(), &[EVERYTHING]);

    let run = walk(&misbehaving("non-increasing"), &[]);
    assert!(run.code != 0 && run.stderr.contains("OID not increasing"), "{}", run.stderr);

    for fault in ["too-big", "too-big-empty"] {
        let fleet = misbehaving(fault);
        let run = walk(&fleet, &["-Cr20"]);
        assert!(
            run.stdout.contains("tooBig") || run.stderr.contains("tooBig"),
            "{}{}",
            run.stdout,
            run.stderr
        );
        assert_eq!(listed(&walk(&fleet, &["-Cr8"]).expect_code(0)), 8 + 41 * 40);
    }

    let fleet = misbehaving("slow-bulk");
    assert!(walk(&fleet, &["-Cr50"]).stderr.contains("Timeout"));
    assert_eq!(listed(&walk(&fleet, &["-Cr10"]).expect_code(0)), 8 + 41 * 40);
    assert!(count(&fleet.stop(), "replies_lost_by_plan") >= 1);

    let fleet = misbehaving("stale-id");
    let names = [SYS_NAME; 2];
    assert_eq!(ask("snmpget", &fleet, &V2C, &names).expect_code(0).stdout.lines().count(), 2);
    let closing = fleet.stop();
    assert_eq!((count(&closing, "answered"), count(&closing, "duplicated")), (1, 1));
}

/// The options of net-snmp's programs for each of the fleet's users.
const U0: [&str; 3] = ["-v3", "-uu0", "-lnoAuthNoPriv"];
const U1: [&str; 7] = ["-v3", "-uu1", "-lauthPriv", "-aSHA-256", "-Aauthpass123", "-xAES", "-Xprivpass123"];
const U2: [&str; 5] = ["-v3", "-uu2", "-lauthNoPriv", "-aSHA", "-Aauthpass123"];

#[test]
fn users_of_v3_get_and_walk_the_same_objects_as_communities() {
    if !have_tools() {
        return;
    }
    let fleet = fleet(&["--interfaces", "40"]);
    for user in [&U0[..], &U1, &U2] {
        let run = ask("snmpget", &fleet, user, &[SYS_NAME, "1.3.6.1.9.0"]).expect_code(0);
        let expected = [
            ".1.3.6.1.2.1.1.5.0 = STRING: \"host-000000\"",
            ".1.3.6.1.9.0 = No Such Object available on this agent at this OID",
        ];
        assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected);
        let run = ask("snmpbulkwalk", &fleet, &[user, &["-Cr40"]].concat(), &[EVERYTHING]).expect_code(0);
        assert_eq!(listed(&run), 8 + 41 * 40, "{user:?}");
    }
    let closing = fleet.stop();
    assert_eq!((count(&closing, "received"), count(&closing, "ignored")), (count(&closing, "answered"), 0));
}

#[test]
fn unknown_users_get_a_report_with_the_reason() {
    if !have_tools() {
        return;
    }
    let fleet = fleet(&[]);
    let changed = |at: usize, to: &'static str| {
        let mut user = U1;
        user[at] = to;
        user.to_vec()
    };
    for (user, message) in [
        (changed(4, "-Anothispass"), "Authentication failure (incorrect password, community or key)"),
        (changed(6, "-Xnothispass"), "Decryption error"),
        (changed(1, "-uu3"), "Unknown user name"),
        (changed(2, "-lauthNoPriv"), "Unsupported security level"),
        ([&U0[..], &["-nelsewhere"]].concat(), "Bad context specified"),
    ] {
        let run = ask("snmpget", &fleet, &user, &[SYS_NAME]);
        assert!(run.code != 0 && run.stderr.contains(message), "{}", run.stderr);
    }
}

#[test]
fn net_snmp_sees_rebooting_and_cloned_engines() {
    if !have_tools() {
        return;
    }
    let rebooting = fleet(&["--misbehave", "reboot=1"]);
    let walk = ask("snmpwalk", &rebooting, &U1, &[EVERYTHING]).expect_code(0);
    assert_eq!(listed(&walk), 8 + 41 * 2);
    let closing = rebooting.stop();
    // 91 requests, 12 more after the reboot that follows every seventh, and a discovery.
    assert_eq!(count(&closing, "received"), 91 + 12 + 1, "{closing}");

    for fault in ["same-engine=1", "stale-id=1"] {
        let fleet = fleet(&["--misbehave", fault]);
        let run = ask("snmpget", &fleet, &U1, &[SYS_NAME]).expect_code(0);
        assert!(run.stdout.contains("host-000000"), "{}", run.stdout);
    }
}

#[test]
fn unknown_or_inapplicable_faults_are_refused() {
    for wrong in [
        &["fleet", "--protocol", "snmp", "--misbehave", "nosuch=0.1"][..],
        &["fleet", "--protocol", "snmp", "--misbehave", "too-big=0.7", "--misbehave", "restart=0.7"],
        &["fleet", "--protocol", "echo", "--misbehave", "too-big=0.7"],
        &["fleet", "--protocol", "snmp", "--interfaces", "10001"],
    ] {
        support::run(wrong).expect_code(2);
    }
}

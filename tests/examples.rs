//! The programs of `examples`: each checks its own result.

use std::path::PathBuf;
use std::process::Command;

/// Returns the path of an example. `cargo test` has built the examples; a test run of a single file has not.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.ancestors().nth(2).expect("it is in the folder `deps`").join("examples");
    let program = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    if !program.exists() {
        let built =
            Command::new(env!("CARGO")).args(["build", "--quiet", "--offline", "--example", name]).status();
        assert!(built.expect("cargo runs").success(), "{name} cannot be built");
    }
    program
}

fn assert_runs(name: &str, expected: &str) {
    let output = Command::new(program(name)).output().expect("it was built");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_sweep() {
    assert_runs("sweep", "3 of 3 answered");
}

#[test]
fn the_loop() {
    assert_runs("loop", "the tags add up to 5050");
}

#[test]
fn a_custom_protocol() {
    assert_runs("custom_protocol", "the second: Answered(42)");
}

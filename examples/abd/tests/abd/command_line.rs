//! The program as its users run it.

use harness::peer;
use harness::processes::Processes;
use harness::run::run;

const ABD: &str = env!("CARGO_BIN_EXE_abd");

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_script_runs_on_three_replicas_and_succeeds() {
    let script = "# a comment\nread k\nwrite k 'hello world'\nread k\nquorums\nexit\nread k\n";
    let output = run(ABD, &[], script).expect("it runs");
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines,
        [
            "k was never written",
            "written",
            "hello world",
            "reads   choose(2, [1, 2, 3])",
            "writes  choose(2, [1, 2, 3])",
        ]
    );
    assert!(output.status.success());
}

#[test]
fn a_script_with_a_command_that_fails_fails() {
    let output = run(ABD, &[], "reed k\nread\nwrite k 'v\n").expect("it runs");
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(
        errors,
        [
            "there is no command \"reed\"; help lists the commands",
            "usage: read KEY",
            "a quote is not closed",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn arguments_that_are_wrong_are_named() {
    for (arguments, word) in [
        (&["serve", "--id", "0"][..], "--id"),
        (&["client", "--peers", "127.0.0.1:4001"], "--peers"),
        (&["--replicas", "0"], "--replicas"),
    ] {
        let output = run(ABD, arguments, "").expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}");
    }
}

#[test]
fn help_tells_of_every_argument_and_subcommand() {
    for (arguments, names) in [
        (
            &["--help"][..],
            &["--replicas", "--timeout", "serve", "client"][..],
        ),
        (&["serve", "--help"], &["--id", "--peers", "--dir"]),
        (&["client", "--help"], &["--peers", "--timeout"]),
    ] {
        let output = run(ABD, arguments, "").expect("it runs");
        assert!(output.status.success());
        for name in names {
            assert!(text(&output.stdout).contains(name), "{arguments:?}: {name}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_value_outlives_all_processes_that_have_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut replicas = Processes::start(ABD, dir.path(), 3).expect("they serve");
    let peers = peer::argument(replicas.peers());
    let client = |script: &str| run(ABD, &["client", "--peers", &peers], script).expect("it runs");
    let written = client("write k v\n");
    assert_eq!(text(&written.stdout), "written\n");
    for at in 0..3 {
        replicas.kill(at).expect("it runs");
    }
    for at in 0..2 {
        replicas.restart(at).expect("it serves");
    }
    let read = client("read k\n");
    assert_eq!(text(&read.stdout), "v\n", "{}", text(&read.stderr));
}

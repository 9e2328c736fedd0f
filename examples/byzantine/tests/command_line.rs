//! The program as its users run it.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_byzantine"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn what_was_written_is_read_while_a_third_of_the_replicas_lie() {
    for (replicas, liars, quorum, told) in [
        (
            "4",
            "1",
            3,
            "4 replicas, quorums of 3; tolerates 1 liars, has 1\n",
        ),
        (
            "7",
            "2",
            5,
            "7 replicas, quorums of 5; tolerates 2 liars, has 2\n",
        ),
    ] {
        let output = run(&["--replicas", replicas, "--liars", liars, "a", "b"]);
        assert_eq!(text(&output.stderr), "");
        let printed = text(&output.stdout);
        let calls = printed.strip_prefix(told).expect(printed).lines();
        let (calls, replies): (Vec<_>, Vec<_>) = calls
            .map(|line| line.split_once(", after the replies of ").expect(line))
            .unzip();
        assert_eq!(
            calls,
            [
                r#"write "a""#,
                r#"read  "a""#,
                r#"write "b""#,
                r#"read  "b""#
            ]
        );
        for replies in replies {
            assert!(replies.split(", ").count() >= quorum, "{replies}");
        }
        assert!(output.status.success());
    }
}

#[test]
fn a_read_fails_rather_than_lies_when_too_many_replicas_do() {
    let output = run(&["--liars", "2"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stdout).contains("read"));
    assert_eq!(
        text(&output.stderr),
        "byzantine: cannot read: byzantine.Register/Read: incomplete call (replies: 4, errors: 0)\n"
    );
}

#[test]
fn three_replicas_are_too_few() {
    let output = run(&["--replicas", "3"]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("3 nodes, of which 1 may be Byzantine: 4 are needed"),
        "{error}"
    );
    assert_eq!(run(&["--replicas", "0"]).status.code(), Some(2));
}

#[test]
fn help_tells_of_every_argument() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    for argument in ["--replicas", "--liars", "--timeout", "[VALUE]"] {
        assert!(text(&output.stdout).contains(argument), "{argument}");
    }
}

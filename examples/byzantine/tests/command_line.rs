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

/// Runs with these arguments, writes two values, and checks the first line, and that each call needs a quorum.
fn check_two_values(arguments: &[&str], told: &str, quorum: usize) {
    let output = run(&[arguments, &["a", "b"]].concat());
    assert_eq!(text(&output.stderr), "");
    let printed = text(&output.stdout);
    let calls = printed.strip_prefix(told).expect(printed).lines();
    let (calls, replies): (Vec<_>, Vec<_>) = calls
        .map(|line| line.split_once(", after the replies of ").expect(line))
        .unzip();
    let expected = [
        r#"write "a""#,
        r#"read  "a""#,
        r#"write "b""#,
        r#"read  "b""#,
    ];
    assert_eq!(calls, expected);
    for replies in replies {
        assert!(replies.split(", ").count() >= quorum, "{replies}");
    }
    assert!(output.status.success());
}

#[test]
fn what_was_written_is_read_while_a_third_of_the_replicas_lie() {
    let told = "4 replicas, quorums of 3; tolerates 1 liars, has 1\n";
    check_two_values(&[], told, 3);
    let told = "7 replicas, quorums of 5; tolerates 2 liars, has 2\n";
    check_two_values(&["--replicas", "7", "--liars", "2"], told, 5);
}

#[test]
fn what_was_written_without_a_signature_is_read_while_a_quarter_of_the_replicas_lie() {
    let told = "5 replicas, quorums of 4; tolerates 1 liars, has 1\n";
    check_two_values(&["--masking"], told, 4);
    let told = "9 replicas, quorums of 7; tolerates 2 liars, has 2\n";
    check_two_values(&["--replicas", "9", "--masking", "--liars", "2"], told, 7);
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
fn without_signatures_too_many_liars_are_believed() {
    // All but one replica lie, so that at least two liars are among any four.
    let output = run(&["--masking", "--liars", "4", "the truth"]);
    assert!(output.status.success());
    let printed = text(&output.stdout);
    assert!(printed.contains(r#"read  "a lie""#), "{printed}");
}

#[test]
fn fewer_replicas_than_tolerate_a_liar_are_too_few() {
    for (arguments, expected) in [
        (
            ["--replicas=3"].as_slice(),
            "3 nodes, of which 1 may be Byzantine: 4 are needed",
        ),
        (
            &["--replicas=4", "--masking"],
            "4 nodes, of which 1 may be Byzantine: 5 are needed",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1));
        let error = text(&output.stderr);
        assert_eq!(error, format!("byzantine: {expected}\n"));
    }
    assert_eq!(run(&["--replicas", "0"]).status.code(), Some(2));
}

#[test]
fn help_tells_of_every_argument() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let arguments = [
        "--masking",
        "--replicas",
        "[default: 4, or 5 with --masking]",
        "--liars",
        "--timeout",
        "[VALUE]",
    ];
    for argument in arguments {
        assert!(text(&output.stdout).contains(argument), "{argument}");
    }
}

//! The program as its users run it.

use harness::peer;
use harness::run::run;

const RECONFIGURABLE: &str = env!("CARGO_BIN_EXE_reconfigurable");

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_script_replaces_replicas_with_each_algorithm() {
    let script = "read\nwrite 'hello world'\nchange +4 +5 -1\nread\ntolerate 1 0\nconfiguration\n";
    for algorithm in ["rambo", "dynastore", "spsnstore", "smartmerge"] {
        let arguments = ["--replicas", "5", "--algorithm", algorithm];
        let output = run(RECONFIGURABLE, &arguments, script).expect("it runs");
        assert_eq!(text(&output.stderr), "");
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        assert_eq!(
            lines,
            [
                "the register was never written",
                "written",
                "[2, 3, 4, 5] without [1]",
                "hello world",
                "[2, 3, 4, 5] without [1], 0 faults",
                "[2, 3, 4, 5] without [1], 0 faults",
                "reads   2 | 3 | 4 | 5",
                "writes  2 & 3 & 4 & 5",
            ]
        );
        assert!(output.status.success());
    }
}

#[test]
fn a_comparison_has_a_row_for_each_algorithm() {
    let output = run(RECONFIGURABLE, &[], "compare 1\n").expect("it runs");
    assert_eq!(text(&output.stderr), "");
    let names = text(&output.stdout).lines().skip(2);
    let names = names.filter_map(|line| line.split(' ').next());
    assert!(names.eq(["RAMBO", "DynaStore", "SpSnStore", "SmartMerge"]));
}

#[test]
fn a_script_with_a_command_that_fails_fails() {
    let script = "reed\nwrite\nchange 4\nchange -1 -2 -3\ntolerate 0 1\ncompare 0\nchange +9\n";
    let output = run(RECONFIGURABLE, &[], script).expect("it runs");
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(
        errors[..6],
        [
            "there is no command \"reed\"; help lists the commands",
            "usage: write VALUE",
            "\"4\" is no change; write +4 to add node 4, and -4 to remove it",
            "the changes that were proposed leave no replicas; add some, and remove fewer",
            "the change is not valid; make it with Blueprint::change, of ids from 1 on",
            "give from 1 to 32 concurrent changes",
        ]
    );
    assert!(
        errors[6].contains("give the client the addresses of all nodes"),
        "{}",
        errors[6]
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn arguments_that_are_wrong_are_named() {
    for (arguments, word) in [
        (&["serve", "--id", "0"][..], "--id"),
        (&["client", "--peers", "127.0.0.1:4001"], "--peers"),
        (&["--algorithm", "paxos"], "--algorithm"),
        (&["--initial", "0"], "--initial"),
    ] {
        let output = run(RECONFIGURABLE, arguments, "").expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_new_process_finds_the_replicas_of_now() {
    use harness::processes::Processes;

    let dir = tempfile::tempdir().expect("a directory");
    let mut nodes = Processes::start(RECONFIGURABLE, dir.path(), 6).expect("they serve");
    let peers = peer::argument(nodes.peers());
    let client = |script: &str| {
        let arguments = ["client", "--peers", &peers, "--algorithm", "dynastore"];
        run(RECONFIGURABLE, &arguments, script).expect("it runs")
    };
    let changed = client("write v\nchange +4 -1\nchange +5 -2\nchange +6 -3\n");
    assert!(text(&changed.stdout).ends_with("[4, 5, 6] without [1, 2, 3]\n"));
    // One of the old replicas is enough to tell.
    for at in [0, 2] {
        nodes.kill(at).expect("it runs");
    }
    for at in 3..6 {
        nodes.kill(at).expect("it runs");
        nodes.restart(at).expect("it serves");
    }
    let read = client("read\n");
    assert_eq!(text(&read.stdout), "v\n", "{}", text(&read.stderr));
}

//! The program as its users run it.

use harness::peer;
use harness::run::run;

const RAFT: &str = env!("CARGO_BIN_EXE_raft");

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_script_runs_on_three_servers_and_succeeds() {
    let script = "# a comment\nget k\nput k 'hello world'\nget k\ncas k no b\ncas k 'hello world' b\n\
                  cas new '' c\nget k\nremove new\nremove new\nmembers 1 2\nget k\nexit\nget k\n";
    let output = run(RAFT, &["--timeout", "10000"], script).expect("it runs");
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines,
        [
            "k has no value",
            "done",
            "hello world",
            "nothing changed",
            "done",
            "done",
            "b",
            "done",
            "nothing changed",
            "done",
            "b",
        ]
    );
    assert!(output.status.success());
}

#[test]
fn a_script_with_a_command_that_fails_fails() {
    let output = run(
        RAFT,
        &[],
        "gett k\nget\nmembers 9\nmembers 1=\nmembers 1 2 4=a\n",
    )
    .expect("it runs");
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(
        errors,
        [
            "there is no command \"gett\"; help lists the commands",
            "usage: get KEY",
            "\"9\" is not ID=HOST:PORT, or the ID of a server that the client knows",
            "\"1=\" is not ID=HOST:PORT, or the ID of a server that the client knows",
            "these cannot be the members: the address \"a\" of a node cannot be used: it has no port; give host:port, \
             or unix:PATH",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_value_outlives_all_processes_that_have_it() {
    use harness::processes::Processes;

    let dir = tempfile::tempdir().expect("a directory");
    let mut servers = Processes::start(RAFT, dir.path(), 3).expect("they serve");
    let peers = peer::argument(servers.peers());
    let arguments = ["client", "--peers", &peers, "--timeout", "10000"];
    let client = |script: &str| run(RAFT, &arguments, script).expect("it runs");
    let written = client("put k v\n");
    assert_eq!(text(&written.stdout), "done\n", "{}", text(&written.stderr));
    for at in 0..3 {
        servers.kill(at).expect("it runs");
    }
    for at in 0..2 {
        servers.restart(at).expect("it serves");
    }
    let read = client("get k\n");
    assert_eq!(text(&read.stdout), "v\n", "{}", text(&read.stderr));
}

#[cfg(unix)]
#[test]
fn a_process_that_joins_takes_the_place_of_one_that_is_gone() {
    use harness::processes::Processes;

    let dir = tempfile::tempdir().expect("a directory");
    let mut servers = Processes::start(RAFT, dir.path(), 3).expect("they serve");
    servers.kill(2).expect("it runs");
    let new = servers.add(&["--join"]).expect("it serves");
    let peers = peer::argument(servers.peers());
    let arguments = ["client", "--peers", &peers, "--timeout", "10000"];
    let client = |script: &str| run(RAFT, &arguments, script).expect("it runs");
    let id = servers.peers()[new].id;
    let changed = client(&format!("put k v\nmembers 1 2 {id}\n"));
    assert_eq!(
        text(&changed.stdout),
        "done\ndone\n",
        "{}",
        text(&changed.stderr)
    );
    // Of the first members one is left, and the new one.
    servers.kill(0).expect("it runs");
    let read = client("get k\n");
    assert_eq!(text(&read.stdout), "v\n", "{}", text(&read.stderr));
}

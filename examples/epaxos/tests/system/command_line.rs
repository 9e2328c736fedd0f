//! The program as its users run it.

use harness::peer;
use harness::run::run;

const EPAXOS: &str = env!("CARGO_BIN_EXE_epaxos");

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_script_runs_on_three_and_on_five_replicas_and_succeeds() {
    let script = "# a comment\nget k\nput k 'hello world'\nget k\nswap k x y\nswap k 'hello world' bye\n\
                  create k z\ncreate l z\nget k\nexit\nget k\n";
    for replicas in ["3", "5"] {
        let output = run(EPAXOS, &["--replicas", replicas], script).expect("it runs");
        assert_eq!(text(&output.stderr), "");
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        let expected = [
            "k has no value",
            "put",
            "hello world",
            "not swapped",
            "swapped",
            "not created",
            "created",
            "bye",
        ];
        assert_eq!(lines, expected);
        assert!(output.status.success());
    }
}

#[test]
fn a_script_with_a_command_that_fails_fails() {
    let output = run(EPAXOS, &[], "git k\nget\n").expect("it runs");
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    let expected = [
        "there is no command \"git\"; help lists the commands",
        "usage: get KEY",
    ];
    assert_eq!(errors, expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_even_number_of_replicas_is_refused() {
    let output = run(EPAXOS, &["--replicas", "4"], "").expect("it runs");
    let error = "EPaxos has an odd number of replicas, from 3 on; there are 4\n";
    assert!(text(&output.stderr).ends_with(error), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_value_outlives_all_processes_that_have_it() {
    use harness::processes::Processes;

    let dir = tempfile::tempdir().expect("a directory");
    let mut replicas = Processes::start(EPAXOS, dir.path(), 3).expect("they serve");
    let peers = peer::argument(replicas.peers());
    let client =
        |script: &str| run(EPAXOS, &["client", "--peers", &peers], script).expect("it runs");
    let put = client("put k v\n");
    assert_eq!(text(&put.stdout), "put\n", "{}", text(&put.stderr));
    for at in 0..3 {
        replicas.kill(at).expect("it runs");
    }
    for at in 1..3 {
        replicas.restart(at).expect("it serves");
    }
    let get = client("get k\n");
    assert_eq!(text(&get.stdout), "v\n", "{}", text(&get.stderr));
}

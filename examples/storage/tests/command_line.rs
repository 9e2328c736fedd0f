//! The program as its users run it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

/// The program with `arguments`, fed `script`.
fn run(arguments: &[&str], script: &str) -> Output {
    let mut storage = Command::new(env!("CARGO_BIN_EXE_storage"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = storage.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("an open pipe");
    drop(stdin);
    storage.wait_with_output().expect("the program ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A replica in its own process, which ends with the test.
struct Replica {
    process: Child,
    address: String,
}

impl Replica {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_storage"))
            .args(["serve", "--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = process.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the replica tells where it is");
        let address = line.trim_end().strip_prefix("serving on ");
        let address = address.expect("an address").to_string();
        Self { process, address }
    }

    fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // The test may have killed the replica already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_script_runs_on_four_replicas_and_succeeds() {
    let script = "# a comment\nqc read k\nqc write k 'hello world'\nqc read k\nexit\nqc read k\n";
    let output = run(&[], script);
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines,
        [
            "k was never written",
            "k = hello world (3 of 4 replicas)",
            "k = hello world",
        ]
    );
    assert!(output.status.success());
}

#[test]
fn every_call_type_can_be_made() {
    for transport in ["node-stream", "grpc"] {
        make_every_call(transport);
    }
}

fn make_every_call(transport: &str) {
    let mut replicas = [(); 3].map(|()| Replica::start());
    let addresses = replicas.each_ref().map(|replica| replica.address.as_str());
    let [first, ..] = addresses;
    let joined = addresses.join(",");
    let script = "rpc 0 write k 1\nrpc 0 read k\nrpc 1 read k\ncfg 1:3 read k\ncfg 0 read k\n\
        ucast 0 k 2\nmcast k 3\ncfg 0,2 write k 4\ncfg 0,2 cread k\nqc cread k\nhelp\n";
    let arguments = ["client", "--timeout", "5000", "--transport", transport];
    let arguments = [&arguments[..], &["--addrs", &joined]].concat();
    let output = run(&arguments, script);
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    let wrote_first = format!("k = 1 (at {first})");
    let sent_to_first = format!("sent to {first}: k = 2");
    assert_eq!(
        lines[..8],
        [
            &wrote_first,
            "k = 1",
            "k was never written",
            "k was never written",
            "k = 1",
            &sent_to_first,
            "sent to 3 replicas: k = 3",
            "k = 4 (2 of 2 replicas)",
        ]
    );
    // Of levels that rise together, only the last may be printed.
    let last: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("level 2"))
        .collect();
    assert_eq!(last, [&"level 2: k = 4"; 2]);
    assert!(lines.contains(&"ucast REPLICA KEY VALUE"), "{lines:?}");
    assert!(output.status.success());
    replicas.iter_mut().for_each(Replica::kill);
}

#[test]
fn nodes_are_listed_in_aligned_columns() {
    let output = run(&["--replicas", "12"], "qc write k v\nnodes\n");
    let lines: Vec<&str> = text(&output.stdout).lines().skip(1).collect();
    assert_eq!(lines.len(), 12);
    let columns: Vec<_> = lines.iter().map(|line| line.find("127.0.0.1")).collect();
    assert!(
        columns.iter().all(|column| *column == Some(16)),
        "{lines:?}"
    );
}

#[test]
fn a_script_goes_on_after_a_bad_command_and_fails_in_the_end() {
    let output = run(&[], "reed k\nmcast k\nrpc 4 read k\nqc write k v\n");
    assert_eq!(
        text(&output.stderr),
        "there is no command \"reed\"; help lists the commands\n\
         usage: mcast KEY VALUE\n\
         there is no replica 4; the 4 replicas count from 0\n"
    );
    assert_eq!(text(&output.stdout), "k = v (3 of 4 replicas)\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn with_one_of_three_replicas_killed_reads_and_writes_go_on_and_with_two_they_fail() {
    let mut replicas = [(); 3].map(|()| Replica::start());
    let addresses = replicas
        .each_ref()
        .map(|replica| replica.address.as_str())
        .join(",");
    let arguments = ["client", "--timeout", "5000", "--addrs", &addresses];

    let output = run(&arguments, "qc write k 1\n");
    assert!(output.status.success(), "{}", text(&output.stderr));

    replicas[0].kill();
    let output = run(&arguments, "qc read k\nqc write k 2\nqc read k\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "k = 1\nk = 2 (2 of 3 replicas)\nk = 2\n"
    );

    replicas[1].kill();
    let output = run(&arguments, "qc read k\nqc write k 3\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(errors.len(), 2);
    for error in errors {
        assert!(
            error.contains("incomplete call (replies: 1, errors: 2)"),
            "{error}"
        );
        for dead in &replicas[..2] {
            assert!(error.contains(&dead.address), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn with_two_of_three_replicas_hanging_calls_end_at_the_deadline() {
    let replicas = [(); 3].map(|()| Replica::start());
    let addresses = replicas
        .each_ref()
        .map(|replica| replica.address.as_str())
        .join(",");
    for hanging in &replicas[..2] {
        let process = hanging.process.id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &process]).status();
        assert!(stopped.expect("kill runs").success());
    }
    let output = run(
        &["client", "--timeout", "200", "--addrs", &addresses],
        "qc read k\n",
    );
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("deadline exceeded (replies: 1, errors: 2)"),
        "{error}"
    );
}

#[test]
fn bad_arguments_are_refused_with_the_reason() {
    let output = run(&["client", "--addrs", "127.0.0.1"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("\"127.0.0.1\""));

    let output = run(&["serve", "--addr", "nowhere"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot listen on \"nowhere\""));

    assert_eq!(run(&["client"], "").status.code(), Some(2));
    assert_eq!(run(&["--replicas", "0"], "").status.code(), Some(2));
}

//! Replicas that are members of a system, each in a process of its own.

#![cfg(unix)]

mod tls;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_storage");

/// How long a test waits for what it expects.
const PATIENCE: Duration = Duration::from_secs(60);

/// Members 1, 2 and 3, which end with the test.
struct Members {
    addresses: [String; 3],
    processes: [Option<Child>; 3],
    /// Where their certificates and what they print are, if they use TLS.
    directory: Option<TempDir>,
}

/// Three addresses that nobody listens on, and that no other test is given.
fn free_addresses() -> [String; 3] {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(3, Ordering::Relaxed);
        assert!(tried < 9_000, "there are no free ports");
        // Below the range from which the system takes free ports. Other runs of the tests begin elsewhere.
        let first = 20_000 + (std::process::id() % 3_000 + tried) % 12_000;
        let addresses = [0, 1, 2].map(|more| format!("127.0.0.1:{}", first + more));
        if addresses
            .iter()
            .all(|address| TcpListener::bind(address).is_ok())
        {
            return addresses;
        }
    }
}

fn client(addresses: &str, options: &[&OsStr]) -> Command {
    let mut client = Command::new(PROGRAM);
    client
        .args(["client", "--timeout", "1000", "--addrs", addresses])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    client
}

/// What a client of the replicas at `addresses` answers to the commands in `script`.
fn ask(addresses: &str, options: &[&OsStr], script: &str) -> Output {
    let client = client(addresses, options).stderr(Stdio::piped()).spawn();
    let mut client = client.expect("the program runs");
    let mut stdin = client.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("an open pipe");
    drop(stdin);
    client.wait_with_output().expect("the program ends")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

impl Members {
    /// Members that do not run yet.
    fn new() -> Self {
        Self {
            addresses: free_addresses(),
            processes: [const { None }; 3],
            directory: None,
        }
    }

    /// The arguments by which a process uses TLS, if it does.
    fn tls(&self) -> Vec<&OsStr> {
        let path = self.directory.as_ref().map(TempDir::path);
        let path = path.map(Path::as_os_str);
        path.map_or(Vec::new(), |path| vec![OsStr::new("--tls"), path])
    }

    fn start(&mut self, id: usize) {
        let named = |(at, address): (usize, &String)| format!("{}={address}", at + 1);
        let peers: Vec<String> = self.addresses.iter().enumerate().map(named).collect();
        let (stdout, stderr) = match &self.directory {
            Some(directory) => tls::outputs(directory, id),
            None => (Stdio::null(), Stdio::inherit()),
        };
        let process = Command::new(PROGRAM)
            .args([
                "serve",
                "--id",
                &id.to_string(),
                "--peers",
                &peers.join(","),
            ])
            .args(self.tls())
            .stdout(stdout)
            .stderr(stderr)
            .spawn();
        self.processes[id - 1] = Some(process.expect("the program runs"));
    }

    /// Sends a signal to a member.
    fn signal(&self, id: usize, signal: &str) {
        let process = self.processes[id - 1].as_ref().expect("it runs");
        let sent = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    fn kill(&mut self, id: usize) {
        let mut process = self.processes[id - 1].take().expect("it runs");
        process.kill().expect("it runs");
        process.wait().expect("it ends");
    }

    /// What a client answers to the commands in `script`.
    fn answers(&self, script: &str) -> Output {
        ask(&self.addresses.join(","), &self.tls(), script)
    }

    /// Whether the client succeeds with `script` and answers `expected`.
    fn answer(&self, script: &str, expected: &str) -> bool {
        let output = self.answers(script);
        output.status.success() && output.stdout == expected.as_bytes()
    }

    /// The states of the members 1, 2 and 3, as the member `id` sees them.
    fn states(&self, id: usize) -> Vec<String> {
        let table = text(self.answers("peers\n").stdout);
        let rows = table
            .lines()
            .map(|row| row.split_whitespace().collect::<Vec<_>>());
        let rows = rows.filter(|row| row[0] == self.addresses[id - 1]);
        rows.map(|row| row[3].to_owned()).collect()
    }

    /// Waits until the member `by` sees the members in these states.
    fn are_seen(&self, by: usize, expected: [&str; 3]) {
        eventually(
            || self.states(by) == expected,
            format!("{expected:?} as seen by {by}"),
        );
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            // It may have ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Waits until `condition` holds.
fn eventually(mut condition: impl FnMut() -> bool, what: impl std::fmt::Display) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
    }
}

const UP: &str = "connected";
const DOWN: &str = "disconnected";

#[test]
fn nested_calls_are_served_while_a_member_is_killed_started_again_and_stopped() {
    let mut members = Members::new();
    for id in [3, 1, 2] {
        members.start(id);
    }
    members.are_seen(1, [UP; 3]);
    members.are_seen(2, [UP; 3]);
    members.are_seen(3, [UP; 3]);
    assert!(members.answer(
        "nwrite k 1\nnread k\n",
        "k = 1 (sent by 2 of 3 replicas)\nk = 1\n"
    ));

    members.kill(3);
    assert!(members.answer(
        "nwrite k 2\nnread k\n",
        "k = 2 (sent by 2 of 3 replicas)\nk = 2\n"
    ));
    members.are_seen(1, [UP, UP, DOWN]);
    members.are_seen(2, [UP, UP, DOWN]);

    members.start(3);
    members.are_seen(1, [UP; 3]);
    members.are_seen(3, [UP; 3]);
    assert!(members.answer(
        "nwrite k 3\nnread k\n",
        "k = 3 (sent by 2 of 3 replicas)\nk = 3\n"
    ));

    members.signal(2, "-STOP");
    assert!(members.answer(
        "nwrite k 4\nnread k\n",
        "k = 4 (sent by 2 of 3 replicas)\nk = 4\n"
    ));
    members.are_seen(1, [UP, DOWN, UP]);
    members.are_seen(3, [UP, DOWN, UP]);
    members.signal(2, "-CONT");
    members.are_seen(1, [UP; 3]);
    members.are_seen(2, [UP; 3]);
    assert!(members.answer("nread k\n", "k = 4\n"));
}

#[test]
fn without_a_majority_nested_calls_fail_and_name_the_replicas_that_are_down() {
    let mut members = Members::new();
    members.start(2);
    members.are_seen(2, [DOWN, UP, DOWN]);
    let output = members.answers("nread k\n");
    assert_eq!(output.status.code(), Some(1));
    let error = text(output.stderr);
    for down in [0, 2] {
        assert!(error.contains(&members.addresses[down]), "{error}");
    }
}

/// A client whose output is read line by line.
struct Watching {
    process: Child,
    _stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Watching {
    fn start(members: &Members, script: &str) -> Self {
        let process = client(&members.addresses.join(","), &members.tls()).spawn();
        let mut process = process.expect("the program runs");
        let mut stdin = process.stdin.take().expect("a pipe");
        stdin.write_all(script.as_bytes()).expect("an open pipe");
        let stdout = process.stdout.take().expect("a pipe");
        Self {
            process,
            _stdin: stdin,
            stdout: BufReader::new(stdout),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("UTF-8");
        line
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn all_clients_that_watch_a_key_see_each_write_once_and_again_after_a_restart() {
    let mut members = Members::new();
    for id in [1, 2, 3] {
        members.start(id);
    }
    members.are_seen(1, [UP; 3]);
    let mut watching = [(); 2].map(|()| Watching::start(&members, "watch k\n"));
    for client in &mut watching {
        assert_eq!(client.line(), "watching k at 3 of 3 replicas\n");
    }
    for value in ["a", "b"] {
        let written = members.answers(&format!("qc write other {value}\nqc write k {value}\n"));
        assert!(written.status.success());
        for client in &mut watching {
            assert_eq!(client.line(), format!("k = {value} (watched)\n"));
        }
    }
    for id in [1, 2, 3] {
        members.kill(id);
    }
    for id in [1, 2, 3] {
        members.start(id);
    }
    members.are_seen(1, [UP; 3]);
    let mut writes = 0;
    for client in &mut watching {
        // The client asks again when it has connected again.
        let (send, seen) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| send.send(client.line()));
            eventually(
                || {
                    writes += 1;
                    members.answers(&format!("mcast k {writes}\n"));
                    seen.recv_timeout(Duration::from_millis(50)).is_ok()
                },
                "a report after the restart",
            );
        });
    }
}

#[test]
fn a_replica_without_peers_says_how_to_get_some() {
    let mut replica = Command::new(PROGRAM)
        .args(["serve", "--addr", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let stdout = replica.stdout.take().expect("a pipe");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("UTF-8");
    let address = line
        .trim_end()
        .strip_prefix("serving on ")
        .expect("an address");
    let output = ask(address, &[], "nread k\npeers\n");
    replica.kill().expect("it runs");
    replica.wait().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let (table, error) = (text(output.stdout), text(output.stderr));
    assert!(table.contains("no peers"), "{table}");
    assert!(
        error.contains("start it with `storage serve --id ID"),
        "{error}"
    );
}

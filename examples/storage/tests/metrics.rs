//! The metrics of the program, as Prometheus scrapes them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take until something shows.
const PATIENCE: Duration = Duration::from_secs(5);

/// The program in a process of its own, which ends with the test.
struct Process {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Where its metrics are.
    metrics: String,
}

impl Process {
    /// Starts it with these arguments, and metrics on a free port.
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_storage"))
            .args(arguments)
            .args(["--metrics", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let line = first_line(process.stderr.take().expect("a pipe"));
        let metrics = line
            .strip_prefix("metrics on http://")
            .and_then(|line| line.strip_suffix("/metrics"));
        let metrics = metrics.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self {
            stdin: process.stdin.take(),
            process,
            metrics: metrics.to_string(),
        }
    }

    /// Starts a replica, and returns its address, too.
    fn replica() -> (Self, String) {
        let mut replica = Self::start(&["serve", "--addr", "127.0.0.1:0"]);
        let line = first_line(replica.process.stdout.take().expect("a pipe"));
        let address = line.strip_prefix("serving on ");
        (replica, address.expect("an address").to_string())
    }

    /// Runs a command of the prompt.
    fn command(&mut self, command: &str) {
        let stdin = self.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{command}").expect("it reads");
    }

    /// What Prometheus would get.
    fn scrape(&self) -> String {
        let mut connection = TcpStream::connect(&self.metrics).expect("it listens");
        write!(connection, "GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
        let mut response = String::new();
        connection
            .read_to_string(&mut response)
            .expect("it answers");
        let (head, body) = response.split_once("\r\n\r\n").expect("a response");
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        assert!(head.contains("application/openmetrics-text"), "{head}");
        body.to_string()
    }

    /// The sum of the samples of a metric whose labels have all these texts.
    fn sum(&self, metric: &str, labels: &[&str]) -> f64 {
        let text = self.scrape();
        let samples = text
            .lines()
            .filter_map(|line| line.strip_prefix(metric))
            .filter(|rest| rest.starts_with(['{', ' ']))
            .filter(|rest| labels.iter().all(|label| rest.contains(label)));
        let values = samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }

    /// Waits until the sum is as expected.
    fn await_sum(&self, metric: &str, labels: &[&str], is: impl Fn(f64) -> bool) {
        let start = Instant::now();
        loop {
            let sum = self.sum(metric, labels);
            if is(sum) {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{metric} {labels:?} is {sum} in\n{}",
                self.scrape()
            );
        }
    }
}

fn first_line(pipe: impl Read) -> String {
    let mut line = String::new();
    let mut pipe = BufReader::new(pipe);
    pipe.read_line(&mut line).expect("a line");
    line.trim_end().to_string()
}

impl Drop for Process {
    fn drop(&mut self) {
        // The test may have killed it already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_killed_replica_shows_within_five_seconds_and_calls_go_on() {
    let (mut replicas, addresses): (Vec<_>, Vec<_>) = (0..3).map(|_| Process::replica()).unzip();
    let mut client = Process::start(&["client", "--addrs", &addresses.join(",")]);
    let connected = "gorums_client_node_connected";
    client.await_sum(connected, &[], |sum| sum == 3.0);

    let (_, port) = addresses[2].rsplit_once(':').expect("a port");
    let port = format!("server_port=\"{port}\"");
    let calls = "rpc_client_call_duration_seconds_count";
    let decided = [
        "rpc_method=\"proto.Storage/WriteQC\"",
        "gorums_outcome=\"decided\"",
    ];
    client.command("qc write k 1");
    client.await_sum(calls, &decided, |sum| sum == 1.0);
    for replica in &replicas {
        let served = "rpc_server_call_duration_seconds_count";
        let labels = [decided[0], "rpc_response_status_code=\"OK\""];
        replica.await_sum(served, &labels, |sum| sum == 1.0);
        replica.await_sum("gorums_server_streams", &[], |sum| sum == 1.0);
    }
    assert_eq!(client.sum(connected, &[&port]), 1.0);

    replicas.truncate(2);
    client.await_sum(connected, &[&port], |sum| sum == 0.0);
    client.command("qc write k 2");
    client.await_sum(calls, &decided, |sum| sum == 2.0);
    let errors = "gorums_client_node_errors_total";
    let unavailable = [&*port, "rpc_response_status_code=\"UNAVAILABLE\""];
    client.await_sum(errors, &unavailable, |sum| sum >= 1.0);
    assert_eq!(client.sum(connected, &[]), 2.0);
}

#[test]
fn the_program_without_a_subcommand_has_the_metrics_of_its_client_and_its_replicas() {
    let mut cluster = Process::start(&["--replicas", "3"]);
    cluster.command("qc write k 1");
    let calls = "rpc_client_call_duration_seconds_count";
    cluster.await_sum(calls, &["WriteQC", "decided"], |sum| sum == 1.0);
    let served = "rpc_server_call_duration_seconds_count";
    cluster.await_sum(served, &["WriteQC"], |sum| sum == 3.0);
    cluster.await_sum("gorums_client_node_connected", &[], |sum| sum == 3.0);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_storage"))
        .args(["--metrics", "nowhere"])
        .output()
        .expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("cannot serve metrics on \"nowhere\""),
        "{error}"
    );
}

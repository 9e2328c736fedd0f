//! The program, from the outside. The tests do not check the figures, only that there are some.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gorums-bench"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// The output of the program, which must succeed.
fn succeed(arguments: &[&str]) -> String {
    let output = bench(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// The errors of the program, which must fail.
fn fail(arguments: &[&str]) -> String {
    let output = bench(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).expect("it is text")
}

/// The shortest of measurements.
const SHORT: [&str; 4] = ["--duration", "50", "--warmup", "10"];

fn run(arguments: &[&str]) -> Value {
    let arguments = [&["run", "--json"], &SHORT[..], arguments].concat();
    serde_json::from_str(&succeed(&arguments)).expect("it is JSON")
}

/// A server that ends with the test.
struct Server(Child, String, String);

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gorums-bench"))
            .arg("server")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (grpc, tcp) = line.trim_end().split_once(' ').expect("two addresses");
        Self(process, grpc.to_string(), tcp.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_system_is_measured() {
    for system in ["streams", "grpc", "tonic", "tcp"] {
        for load in [["-c", "1"], ["-c", "8"], ["-r", "200"]] {
            let measured = run(&["--system", system, load[0], load[1]]);
            assert!(measured["calls"].as_u64() > Some(0), "{system} {load:?}");
            assert_eq!(measured["errors"], 0, "{system} {load:?}: {measured}");
            assert!(measured["p50"].as_f64() <= measured["p99"].as_f64());
            if cfg!(target_os = "linux") {
                assert!(measured["client_cpu"].is_number());
                assert!(measured["server_cpu"].is_number());
                assert!(measured["peak_memory"].is_number());
            }
        }
    }
}

#[test]
fn every_type_of_call_is_measured_over_both_transports() {
    let calls = [
        "quorum",
        "per-node",
        "future",
        "correctable",
        "rpc",
        "multicast",
        "unicast",
        "storage-read",
        "storage-write",
    ];
    for system in ["streams", "grpc"] {
        for call in calls {
            let measured = run(&["--system", system, "--call", call, "--threads", "0"]);
            assert!(measured["calls"].as_u64() > Some(0), "{system} {call}");
            assert_eq!(measured["errors"], 0, "{system} {call}: {measured}");
        }
    }
}

#[test]
fn a_measurement_is_shown_as_a_table() {
    let table = succeed(&[&["run"], &SHORT[..]].concat());
    for line in [
        "calls per second",
        "latency p99, us",
        "servers' CPU per call",
    ] {
        assert!(table.contains(line), "{table}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_calls_that_wait_is_measured() {
    for system in ["streams", "grpc", "tonic", "tcp"] {
        let text = succeed(&["memory", "--system", system, "--calls", "300", "--json"]);
        let waiting: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((&waiting["calls"], &waiting["n"]), (&300.into(), &3.into()));
        assert!(waiting["resident"].is_number(), "{waiting}");
    }
}

#[test]
fn calls_that_are_answered_do_not_wait() {
    let server = Server::start();
    let error = fail(&["memory", "-n", "1", "--calls", "10", "--remotes", &server.1]);
    assert!(
        error.contains("10 of 10 calls over node streams"),
        "{error}"
    );
    assert!(error.contains("--delay"), "{error}");
}

#[test]
fn a_comparison_is_shown_and_written() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (json, svg) = (path("c.json"), path("c.svg"));
    let small = [
        "compare", "-n", "3", "-p", "16", "-c", "1", "--rounds", "1", "--json", &json, "--svg",
        &svg,
    ];
    let output = bench(&[&small, &SHORT[..]].concat());
    let (table, progress) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{progress}");
    assert!(
        progress.starts_with("28 measurements, about 0:"),
        "{progress}"
    );
    assert!(progress.contains("\n28/28 "), "{progress}");
    for line in [
        "n = 3, q = 2, 16 B, 1 call in flight",
        "node streams / tonic by hand",
        "one replica of 3 slow by 10 ms",
        "10000 calls in flight to 3",
        "node streams: p50 / tonic by hand, n=3, 16 B, c=1",
    ] {
        assert!(table.contains(line), "no {line:?} in {table}");
    }
    let json = std::fs::read_to_string(json).expect("it is written");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["cells"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["slow"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["waiting"].as_array().map(Vec::len), Some(4));
    assert!(!json["targets"].as_array().expect("targets").is_empty());
    let svg = std::fs::read_to_string(svg).expect("it is written");
    assert!(svg.starts_with("<svg"));
}

#[test]
fn a_comparison_leaves_out_what_servers_elsewhere_do_not_speak() {
    let server = Server::start();
    let output = bench(
        &[
            &["compare", "-n", "1", "-p", "16", "-c", "1", "--rounds", "1"][..],
            &["--no-open-loop", "--remotes", &server.1],
            &SHORT[..],
        ]
        .concat(),
    );
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(table.contains("node streams / tonic by hand"), "{table}");
    assert!(table.contains("raw TCP is left out: "), "{table}");
    assert!(table.contains("--tcp-remotes"), "{table}");
}

#[test]
fn servers_elsewhere_are_measured_by_their_processes() {
    let server = Server::start();
    let pid = server.0.id().to_string();
    let elsewhere = [
        "-n",
        "1",
        "--remotes",
        &server.1,
        "--tcp-remotes",
        &server.2,
    ];
    let measured = run(&[&elsewhere, &["--system", "tcp", "--pids", &pid][..]].concat());
    assert_eq!(
        measured["server_cpu"].is_number(),
        cfg!(target_os = "linux")
    );
    let measured = run(&elsewhere);
    assert!(measured["server_cpu"].is_null());
}

#[test]
fn what_cannot_be_measured_is_told() {
    let server = Server::start();
    let one: &str = &server.1;
    let cases: [(&[&str], &str); 8] = [
        (
            &["run", "--remotes", one],
            "the calls need 3 servers, and --remotes names 1; name all, or lower -n",
        ),
        (
            &["run", "--remotes", one, "-n", "1", "--system", "tcp"],
            "raw TCP needs servers of this program: give their TCP addresses with --tcp-remotes",
        ),
        (
            &["run", "--remotes", one, "-n", "1", "--slow", "5"],
            "servers at --remotes cannot be slowed down; start one of them with --delay instead",
        ),
        (
            &["run", "-q", "4"],
            "3 servers have no quorum of 4; -q takes 1 to 3",
        ),
        (
            &["run", "--system", "tonic", "--call", "multicast"],
            "tonic by hand has no multicast, only quorum calls",
        ),
        (
            &["run", "--remotes", "nowhere", "-n", "1"],
            "the address \"nowhere\" of a node cannot be used",
        ),
        (
            &[
                "run",
                "--remotes",
                "127.0.0.1:1",
                "-n",
                "1",
                "--system",
                "tonic",
            ],
            "cannot connect to 127.0.0.1:1",
        ),
        (
            &["compare", "--rounds", "1", "--no-extras", "--remotes", one],
            "the calls need 3 servers, and --remotes names 1",
        ),
    ];
    for (arguments, expected) in cases {
        let error = fail(arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let error = fail(
        &[
            &["compare", "-n", "1", "-p", "16", "-c", "1", "--rounds", "1"][..],
            &["--no-extras", "--no-open-loop", "--json", "/no/such/file"],
            &SHORT[..],
        ]
        .concat(),
    );
    assert!(error.contains("cannot write /no/such/file"), "{error}");
}

#[test]
fn wrong_arguments_are_told() {
    for (arguments, expected) in [
        (&["run", "-c", "1", "-r", "1"][..], "cannot be used with"),
        (&["run", "-n", "0"], "0 is not in 1.."),
        (&["run", "--system", "other"], "[possible values: streams"),
        (&["thrifty", "--late-share", "1.5"], "1.5 is not in 0..=1"),
        (&["thrifty", "--late-share", "few"], "it is not a number"),
        (
            &["thrifty", "--hedge-at", "1"],
            "1 is not above 0 and below 1",
        ),
    ] {
        let error = fail(arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn the_calls_of_peers_are_measured() {
    let arguments = [&["peers", "--snapshot", "4"], &SHORT[..]].concat();
    let table = succeed(&arguments);
    for row in [
        "to another member",
        "to oneself",
        "nested: two hops",
        "a client to its server",
        "a server to its client",
        "3 processes, raw TCP",
        "5 systems, multicast to all",
        "while 4 MiB are on their way to the node",
        "the snapshot took",
    ] {
        assert!(table.contains(row), "{row} is missing in\n{table}");
    }
    assert!(fail(&["peers", "--snapshot", "0"]).contains("--snapshot"));
}

#[test]
fn thrifty_calls_are_measured_beside_calls_to_all_nodes() {
    for concurrency in ["1", "4"] {
        let arguments = ["thrifty", "--rounds", "2", "-c", concurrency];
        let table = succeed(&[&arguments, &SHORT[..]].concat());
        assert!(table.starts_with("n = 5, q = 3, 16 B, "), "{table}");
        let mut lines = table.lines().skip_while(|line| !line.starts_with("calls"));
        let header = lines.next().expect("a header");
        for kind in ["all nodes", "thrifty", "hedged", "fastest, hedged"] {
            let row = lines.next().expect("a row");
            let figures = row.strip_prefix(kind).map(|row| row.split_whitespace());
            let figures: Vec<f64> = figures
                .expect("it begins with the kind")
                .map(|figure| figure.parse().expect("a number"))
                .collect();
            assert_eq!((figures.len(), row.len()), (6, header.len()), "{table}");
            if kind == "thrifty" {
                // Nothing fails, so that the number of messages does not depend on the machine.
                assert_eq!(figures[0], 3.0, "{table}");
            }
        }
        for ratio in [
            "p99, hedged / thrifty",
            "p99, fastest and hedged / thrifty",
            "messages, thrifty / all",
            "messages, hedged over thrifty",
            "messages, fastest and hedged over thrifty",
        ] {
            assert!(table.contains(ratio), "{ratio:?} is missing in\n{table}");
        }
    }
}

#[test]
fn replicated_systems_are_measured_beside_their_floors() {
    let directory = tempfile::tempdir().expect("there is room");
    let dir = directory.path().display().to_string();
    let json = directory.path().join("systems.json");
    let json_path = json.display().to_string();
    let arguments = [
        &[
            "systems", "-n", "3", "-p", "16", "-c", "1,4", "--rounds", "1",
        ][..],
        &["--dir", &dir, "--json", &json_path],
        &SHORT,
    ];
    let table = succeed(&arguments.concat());
    for line in [
        "n = 3, 16 B, 1 client\n",
        "n = 3, 16 B, 4 clients\n",
        "floor of ABD write:\n    the client's query of a majority, and its store at a majority\n",
        "floor of EPaxos, 0 % conflicts; EPaxos, 2 % conflicts; EPaxos, 100 % conflicts:\n    ",
        "floor of Raft:\n    a call to the leader, its round to all others until 1 of them have answered\n",
        "ratio to the floor ",
    ] {
        assert!(table.contains(line), "no {line:?} in\n{table}");
    }
    let json = std::fs::read_to_string(json).expect("it is written");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    for cell in json["cells"].as_array().expect("cells") {
        let rows = cell["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 6, "two of ABD, three of EPaxos, one of Raft");
        for row in rows {
            let system = row["system"].as_str().expect("a name");
            let variants = row["variants"].as_array().expect("variants");
            assert_eq!(variants.len(), 2);
            let figures = variants.iter().map(|variant| &variant["figures"]);
            for figures in figures.chain([&row["floor"]]) {
                let median = &figures["summary"]["median"];
                assert!(median["calls"].as_u64() > Some(0), "{system}: {row}");
                assert_eq!(median["errors"], 0, "{system}: {row}");
                assert_eq!(figures["messages"].is_object(), cfg!(feature = "metrics"));
            }
            assert_eq!(variants[0]["state"], "memory");
            assert_eq!(variants[1]["state"], "disk");
            for variant in variants {
                let (figure, ratio) = (&variant["ratios"][0][0], &variant["ratios"][0][1]);
                assert_eq!(figure, "calls/s");
                assert!(ratio["median"].is_number(), "{system}: {row}");
            }
        }
    }
    // The replicas' files are gone.
    let left = std::fs::read_dir(directory.path()).expect("a directory");
    assert_eq!(left.count(), 1, "the results");
}

#[test]
fn systems_on_a_disk_that_is_not_there_are_not_measured() {
    let error = fail(&["systems", "--state", "disk", "--dir", "/no/such/directory"]);
    let expected = "cannot create a directory in /no/such/directory";
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("--dir"), "{error}");
}

#[test]
fn help_lists_the_commands_and_the_options_of_thrifty() {
    let commands = succeed(&["--help"]);
    for command in [
        "server", "run", "memory", "compare", "peers", "thrifty", "systems",
    ] {
        let start = format!("\n  {command} ");
        assert!(
            commands.contains(&start),
            "{command} is missing in\n{commands}"
        );
    }
    let options = succeed(&["thrifty", "--help"]);
    for option in [
        "--duration",
        "--warmup",
        "--rounds",
        "--n",
        "--payload",
        "--concurrency",
        "--late-share",
        "--late-by",
        "--hedge-at",
        "--hedge-budget",
        "--hedge-burst",
        "--seed",
        "--threads",
    ] {
        let start = format!("{option} <");
        assert!(
            options.contains(&start),
            "{option} is missing in\n{options}"
        );
    }
}

//! The command line: what it prints, and its exit codes.

use std::error::Error;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

fn run(args: &[&str]) -> Result<Output, std::io::Error> {
    Command::new(env!("CARGO_BIN_EXE_gorums-quorums"))
        .args(args)
        .output()
}

/// What is printed on success.
fn printed(args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = run(args)?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(
        (output.status.code(), errors.as_str()),
        (Some(0), ""),
        "{args:?}"
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The exit code and the error.
fn refused(args: &[&str]) -> Result<(Option<i32>, String), Box<dyn Error>> {
    let output = run(args)?;
    assert!(output.stdout.is_empty(), "{args:?}");
    Ok((output.status.code(), String::from_utf8(output.stderr)?))
}

#[test]
fn an_analysis_is_printed_as_aligned_tables() -> Outcome {
    let expected = "\
reads   a & b & c | d & e & f
writes  (a | b | c) & (d | e | f)

        quorums  nodes each  failures survived
reads         2           3                  1
writes        9           2                  2
both                                         1

least load at 25% reads
load        0.375  s per command
capacity  2.66667  commands per s
network      2.25  nodes per command
latency         1  s

probability  latency, s  read quorum
     0.5000           1  a b c
     0.5000           1  d e f

";
    let text = printed(&["analyze", "a*b*c + d*e*f", "--reads", "0.25"])?;
    assert!(text.starts_with(expected), "{text}");
    let busy =
        "a           1         1           1    0.375  16.7%            100.0%           1\n";
    assert!(text.contains(busy), "{text}");
    Ok(())
}

#[test]
fn nodes_are_described_by_name() -> Outcome {
    let grid = "a*b*c + d*e*f";
    let nodes = ["--node", "a,c,e:10000/1000", "--node", "b,d,f:5000/500"];
    for (reads, capacity) in [("1", "10000"), ("0.5", "3913.04"), ("0", "2000")] {
        let text = printed(&[&["analyze", grid, "--reads", reads], &nodes[..]].concat())?;
        assert!(
            text.contains(&format!("{capacity}  commands per s")),
            "{text}"
        );
    }
    let latencies = "a@1 b@2 c@3 d@4 e@5 f@6";
    let latencies = latencies.split(' ').flat_map(|latency| ["--node", latency]);
    let latency = [
        "analyze",
        grid,
        "--optimize",
        "latency",
        "--max-load",
        "1/1500",
    ];
    let args: Vec<&str> = latency.into_iter().chain(nodes).chain(latencies).collect();
    assert!(printed(&args)?.contains("3.66667  s\n"));
    Ok(())
}

#[test]
fn defaults_are_for_nodes_without_a_description() -> Outcome {
    let args = "analyze a*b+c*d --capacity 50 --latency 0.5 --node a,b:100 --reads 1";
    let text = printed(&args.split(' ').collect::<Vec<_>>())?;
    assert!(
        text.contains("capacity         150  commands per s\n"),
        "{text}"
    );
    assert!(text.contains("latency          0.5  s\n"), "{text}");
    Ok(())
}

#[test]
fn json_has_all_that_is_printed() -> Outcome {
    let json = printed(&["analyze", "a*b + b*c + a*c", "--reads", "1=1,0=0", "--json"])?;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    assert_eq!(
        json["strategy"]["capacity"]
            .as_f64()
            .map(|capacity| (capacity * 1e6).round()),
        Some(1.5e6)
    );
    assert_eq!(json["resilience"], 1);
    assert_eq!(json["reads"]["quorums"], 3);
    assert_eq!(json["units"]["capacity"], "commands per s");
    assert_eq!(json["nodes"][2]["name"], "c");
    assert_eq!(
        json["strategy"]["reads"][0]["quorum"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert!(json.get("search").is_none());
    Ok(())
}

#[test]
fn a_plot_shows_the_load_by_the_read_fraction() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("load.svg");
    let file = path.to_str().ok_or("a path that is no text")?;
    printed(&["analyze", "a*b + c*d", "--svg", file])?;
    let svg = std::fs::read_to_string(&path)?;
    for text in [
        "load by read fraction",
        "this strategy",
        "load, seconds per command",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    for color in ["#E69F00", "#0072B2"] {
        assert!(svg.contains(color), "{color}");
    }
    let missing = directory.path().join("none").join("load.svg");
    let (code, error) = refused(&["analyze", "a", "--svg", missing.to_str().ok_or("no text")?])?;
    assert_eq!(code, Some(1));
    assert!(
        error.starts_with("error: the plot was not written: "),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_bad_expression_is_pointed_at() -> Outcome {
    let expected = "\
error: the reads are no quorum system: expected a node, a function or `(`, and found `)`
  a & (b | )
           ^
";
    assert_eq!(
        refused(&["analyze", "a & (b | )"])?,
        (Some(2), expected.into())
    );
    let (code, error) = refused(&["analyze", "a", "--writes", "b c"])?;
    assert_eq!(code, Some(2));
    assert!(
        error.starts_with("error: the writes are no quorum system: "),
        "{error}"
    );
    Ok(())
}

#[test]
fn reads_and_writes_that_do_not_meet_are_refused() -> Outcome {
    let (code, error) = refused(&["analyze", "a+b", "--writes", "b+c"])?;
    assert_eq!(code, Some(2));
    assert!(
        error.contains("the quorums {a} and {c} have no node in common"),
        "{error}"
    );
    Ok(())
}

#[test]
fn input_that_cannot_be_is_refused_with_what_to_do() -> Outcome {
    for (args, expected) in [
        (
            "--capacity 0",
            "a read capacity of 0: give a number of commands per second from 1e-9 to 1e15",
        ),
        ("--capacity 1/-1", "a write capacity of -1: "),
        ("--node a:NaN", "node a: a read capacity of NaN: "),
        (
            "--node a@-1",
            "node a: a latency of -1: give a number of seconds from 0 to 1e9",
        ),
        ("--latency inf", "a latency of inf: "),
        ("--node c:1", "there is no node c: the nodes are a, b"),
        (
            "--node a:x",
            "`x` is no number; write NAME,NAME:CAPACITY@LATENCY",
        ),
        (
            "--reads 1.5",
            "a read fraction of 1.5: it has to be from 0 (only writes) to 1 (only reads)",
        ),
        ("--reads -0.5", "a read fraction of -0.5: "),
        ("--reads 0.5=-1", "a weight of -1: "),
        ("--reads 0.5=0", "no read fraction has a weight"),
        ("--reads a*b", "`a*b` is no read fraction: give one as 0.75"),
        ("--max-load 1/0", "it has to be finite and not negative"),
        ("--max-latency -1", "it has to be finite and not negative"),
        ("--limit 0", "it has to be from 1 to 100000"),
        ("--failures -1", "unexpected argument"),
        (
            "--optimize speed",
            "[possible values: load, latency, network]",
        ),
    ] {
        let args: Vec<&str> = ["analyze", "a+b"]
            .into_iter()
            .chain(args.split(' '))
            .collect();
        let (code, error) = refused(&args)?;
        assert_eq!(code, Some(2), "{args:?}: {error}");
        assert!(error.contains(expected), "{args:?}: {error}");
    }
    assert_eq!(refused(&["analyze"])?.0, Some(2));
    assert_eq!(refused(&["search"])?.0, Some(2));
    assert_eq!(refused(&["search", "a b"])?.0, Some(2));
    assert_eq!(refused(&["search", "a", "--time-limit", "-1"])?.0, Some(2));
    Ok(())
}

#[test]
fn a_question_without_an_answer_says_what_is_in_the_way() -> Outcome {
    for (args, expected) in [
        (
            "a+b --max-latency 0.5",
            "no strategy has a latency of at most 0.5 s: the least latency is 1 s",
        ),
        (
            "a*b+c*d --optimize network --max-load 0.1",
            "no strategy has a load of at most 0.1 s per command: the least load is 0.5 s per command",
        ),
        (
            "a*b -f 1",
            "no read quorum survives the failure of any 1 of its nodes: reads survive 0",
        ),
    ] {
        let args: Vec<&str> = std::iter::once("analyze").chain(args.split(' ')).collect();
        assert_eq!(refused(&args)?, (Some(1), format!("error: {expected}\n")));
    }
    let (code, error) = refused(&["search", "a", "b", "--resilience", "2"])?;
    let expected = "error: none of all 2 systems is an answer; none of them is resilient enough\n";
    assert_eq!((code, error.as_str()), (Some(1), expected));
    Ok(())
}

#[test]
fn a_search_says_whether_it_is_complete() -> Outcome {
    let nodes = [
        "a:10000/1000@1",
        "b:5000/500@2",
        "c:10000/1000@3",
        "d:5000/500@4",
    ];
    let text = printed(&[&["search"], &nodes[..], &["--resilience", "1"]].concat())?;
    assert!(
        text.starts_with("the best of all 74 systems in which each node has one place\n"),
        "{text}"
    );
    assert!(!text.contains("note:"), "{text}");

    let names: Vec<String> = (1..=12).map(|node| format!("n{node}:{node}")).collect();
    let mut args = vec!["search", "--time-limit", "0.5"];
    args.extend(names.iter().map(String::as_str));
    let start = Instant::now();
    let text = printed(&args)?;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(text.starts_with("the best of the first "), "{text}");
    assert!(
        text.contains("note: there are systems that were not looked at"),
        "{text}"
    );
    Ok(())
}

#[test]
fn what_is_cut_is_said() -> Outcome {
    let text = printed(&["analyze", "majority([a,b,c,d,e,f,g,h,i])", "--limit", "20"])?;
    assert!(
        text.contains("note: there are more than 20 read quorums; the others were not looked at"),
        "{text}"
    );
    assert!(
        text.contains("reads     >= 20           5               <= 4\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn huge_expressions_are_refused_or_answered_soon() -> Outcome {
    let start = Instant::now();
    let (code, error) = refused(&["analyze", &"a+".repeat(50_000)])?;
    assert_eq!(code, Some(2));
    let expected =
        "error: the expression of the reads has 100000 characters; at most 10000 are read\n";
    assert_eq!(error, expected);
    let (code, _) = refused(&["analyze", &"(".repeat(10_000)])?;
    assert_eq!(code, Some(2));
    let names: Vec<String> = (0..1_000).map(|node| format!("n{node}")).collect();
    let text = printed(&["analyze", &format!("majority([{}])", names.join(","))])?;
    assert!(
        text.contains("note: the strategy may not be optimal"),
        "{text}"
    );
    assert!(start.elapsed() < Duration::from_secs(60));
    Ok(())
}

#[test]
fn twelve_nodes_are_analysed_soon() -> Outcome {
    // In a release build, each takes less than a second.
    let most = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
    let majority = "majority([a, b, c, d, e, f, g, h, i, j, k, l])";
    let grid = "a*b*c*d + e*f*g*h + i*j*k*l";
    for expression in [majority, grid] {
        for f in ["0", "1"] {
            let start = Instant::now();
            let args = [
                "analyze",
                expression,
                "-f",
                f,
                "--node",
                "a:2@2",
                "--reads",
                "0.1=1,0.9=2",
            ];
            assert!(!printed(&args)?.contains("note:"));
            assert!(start.elapsed() < most, "{expression}, f = {f}");
        }
    }
    Ok(())
}

#[test]
fn the_help_tells_what_can_be_said() -> Outcome {
    let help = printed(&["analyze", "--help"])?;
    for text in [
        "choose(2, [a, b & c, d])",
        "--max-latency <SECONDS>",
        "in seconds per command",
        "Exit code: 0",
    ] {
        assert!(help.contains(text), "{text}");
    }
    assert!(printed(&["search", "--help"])?.contains("--time-limit <SECONDS>"));
    assert!(printed(&["--help"])?.contains("how many commands per second can be done"));
    Ok(())
}

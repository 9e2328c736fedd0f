//! The program as its users run it.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grid"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// The calls in the output, each with the marks of its grid, row by row.
fn calls(output: &Output) -> Vec<(&str, Vec<Vec<&str>>)> {
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
    let calls = text(&output.stdout).split("\n\n").skip(1);
    calls
        .map(|call| {
            let mut lines = call.lines();
            let title = lines.next().expect("what was called");
            let rows = lines.skip(1);
            let marks = rows.map(|row| row.split_whitespace().skip(1).collect());
            (title, marks.collect())
        })
        .collect()
}

/// The number of rows that are completely in the quorum.
fn whole_rows(marks: &[Vec<&str>]) -> usize {
    let whole = |row: &&Vec<&str>| row.iter().all(|mark| *mark == "Q");
    marks.iter().filter(whole).count()
}

/// The number of columns that are completely in the quorum.
fn whole_columns(marks: &[Vec<&str>]) -> usize {
    let whole = |column: &usize| marks.iter().all(|row| row[*column] == "Q");
    (0..marks[0].len()).filter(whole).count()
}

#[test]
fn each_value_is_written_to_a_column_and_read_from_a_row() {
    let output = run(&["--rows", "2", "--columns", "3", "a", "b"]);
    let calls = calls(&output);
    let titles: Vec<_> = calls.iter().map(|(title, _)| *title).collect();
    assert_eq!(
        titles,
        [r#"write "a""#, r#"read "a""#, r#"write "b""#, r#"read "b""#]
    );
    for written in [&calls[0].1, &calls[2].1] {
        assert_eq!((written.len(), written[0].len()), (2, 3));
        assert_eq!(whole_columns(written), 1, "{written:?}");
    }
    for read in [&calls[1].1, &calls[3].1] {
        assert_eq!(whole_rows(read), 1, "{read:?}");
    }
}

#[test]
fn any_row_and_any_column_will_do_while_replicas_are_down() {
    let output = run(&[
        "--rows",
        "2",
        "--columns",
        "3",
        "--down",
        "1,3",
        "--down",
        "1,1",
        "a",
    ]);
    let calls = calls(&output);
    let [(_, written), (title, read)] = &calls[..] else {
        panic!("a write and a read: {calls:?}");
    };
    for marks in [written, read] {
        assert_eq!((marks[0][0], marks[0][2]), ("x", "x"));
    }
    assert!(written.iter().all(|row| row[1] == "Q"), "{written:?}");
    assert!(read[1].iter().all(|mark| *mark == "Q"), "{read:?}");
    assert_eq!(*title, r#"read "a""#);
}

#[test]
fn a_replica_a_row_and_a_column_are_grids() {
    for (rows, columns) in [("1", "1"), ("1", "4"), ("4", "1")] {
        let output = run(&["--rows", rows, "--columns", columns, "a"]);
        assert_eq!(calls(&output).len(), 2);
    }
}

#[test]
fn without_a_whole_column_a_write_fails() {
    let arguments = [
        "--rows",
        "2",
        "--columns",
        "2",
        "--down",
        "1,1",
        "--down",
        "2,2",
    ];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    let told =
        r#"grid: cannot write "one": grid.Register/Write: incomplete call (replies: 2, errors: 2)"#;
    assert!(error.starts_with(told), "{error}");
}

#[test]
fn bad_arguments_are_refused_with_the_reason() {
    let output = run(&["--rows", "2", "--columns", "3", "--down", "3,1"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("error: there is no replica 3,1 in a grid of 2 x 3 replicas"),
        "{error}"
    );
    let output = run(&["--down", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("give a row and a column, as in 1,2"));
    for size in ["0", "17"] {
        assert_eq!(run(&["--rows", size]).status.code(), Some(2));
        assert_eq!(run(&["--columns", size]).status.code(), Some(2));
    }
}

#[test]
fn help_tells_of_every_argument() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for argument in ["--rows", "--columns", "--down", "--timeout", "[VALUE]"] {
        assert!(help.contains(argument), "{argument}: {help}");
    }
}

//! The commands in the documentation print what it shows.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

type Outcome = Result<(), Box<dyn Error>>;

/// The commands of a page, each with the output that is shown after it.
fn shown(page: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut shown = Vec::new();
    let mut rest = page;
    while let Some((_, block)) = rest.split_once("```sh\ngorums-quorums ") {
        let (command, after) = block.split_once("\n```\n").ok_or("a block has no end")?;
        let output = after.trim_start().strip_prefix("```text\n");
        let output = output.and_then(|output| output.split_once("```"));
        let (output, after) = output.ok_or_else(|| format!("no output of: {command}"))?;
        shown.push((command, output));
        rest = after;
    }
    Ok(shown)
}

/// The text without whitespace at the ends of its lines, and at its end.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_string()
}

/// Runs the commands of a page, of which there are at least `least`.
fn check(page: &str, least: usize) -> Outcome {
    let shown = shown(page)?;
    assert!(shown.len() >= least, "only {} commands", shown.len());
    for (command, output) in shown {
        let run = Command::new(env!("CARGO_BIN_EXE_gorums-quorums"))
            .args(shell_words::split(command)?)
            .output()?;
        let errors = String::from_utf8(run.stderr)?;
        let ended = (run.status.code(), errors.as_str());
        assert_eq!(ended, (Some(0), ""), "gorums-quorums {command}");
        let printed = String::from_utf8(run.stdout)?;
        let (printed, output) = (trimmed(&printed), trimmed(output));
        assert_eq!(printed, output, "gorums-quorums {command}");
    }
    Ok(())
}

#[test]
fn the_readme_shows_what_is_printed() -> Outcome {
    check(include_str!("../README.md"), 2)
}

/// The page is not in the crate's package.
#[test]
fn the_page_on_quorums_shows_what_is_printed() -> Outcome {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/quorums.md");
    if !page.exists() {
        return Ok(());
    }
    check(&fs::read_to_string(page)?, 12)
}

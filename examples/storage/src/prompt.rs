//! The client's loop: a command per line.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio::runtime::Runtime;

use crate::answer::{Failure, answer};
use crate::client::Client;
use crate::command::Line;
use crate::error::Error;
use crate::input::Input;

/// Runs the commands on standard input. Answers go to standard output, errors to standard error. Without a terminal,
/// the exit code says whether a command failed.
pub(crate) fn run(runtime: &Runtime, client: &Client) -> Result<ExitCode, Error> {
    let mut input = Input::new()?;
    // Not locked while the client waits for a command: watched keys are printed meanwhile.
    let mut out = io::stdout();
    let mut failed = false;
    if input.is_terminal() {
        let replicas = client.replicas().size();
        writeln!(out, "{replicas} replicas; help lists the commands")?;
    }
    while let Some(line) = input.next()? {
        let outcome = match Line::parse(&line) {
            Ok(Line::Nothing) => continue,
            Ok(Line::Exit) => break,
            Ok(Line::Command(command)) => runtime
                .block_on(answer(client, command, &mut out))
                .map_err(|failure| match failure {
                    Failure::Output(error) => Err(error),
                    failure => Ok(failure.to_string()),
                }),
            Err(error) => Err(Ok(error.to_string())),
        };
        out.flush()?;
        if let Err(error) = outcome {
            failed = true;
            eprintln!("{}", error?);
        }
    }
    Ok(match failed && !input.is_terminal() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

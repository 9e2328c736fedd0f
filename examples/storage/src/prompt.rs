//! The client's loop: a command per line, from a terminal or a script.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use gorums_runtime::Node;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::command::{COMMANDS, Command, Line};
use crate::error::Error;

/// Runs the commands on standard input. Results go to standard output, errors to standard error. Without a
/// terminal the exit code tells whether a command failed.
pub(crate) fn run(runtime: &Runtime, client: &Client) -> Result<ExitCode, Error> {
    let interactive = io::stdin().is_terminal();
    let mut out = io::stdout().lock();
    let mut failed = false;
    if interactive {
        let replicas = client.configuration().size();
        writeln!(out, "{replicas} replicas; say help to see the commands")
            .map_err(Error::Terminal)?;
    }
    let mut lines = io::stdin().lock().lines();
    loop {
        if interactive {
            write!(out, "> ").map_err(Error::Terminal)?;
        }
        out.flush().map_err(Error::Terminal)?;
        let Some(line) = lines.next().transpose().map_err(Error::Terminal)? else {
            break;
        };
        let answer = match Line::parse(&line) {
            Ok(Line::Nothing) => continue,
            Ok(Line::Exit) => break,
            Ok(Line::Command(command)) => runtime.block_on(answer(client, command)),
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(answer) => writeln!(out, "{answer}").map_err(Error::Terminal)?,
            Err(error) => {
                failed = true;
                eprintln!("{error}");
            }
        }
    }
    Ok(match failed && !interactive {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// What a command gives, as text.
async fn answer(client: &Client, command: Command) -> Result<String, String> {
    match command {
        Command::Read { key } => {
            let read = client.read(key.clone()).await.map_err(|e| e.to_string())?;
            Ok(if read.value.ok {
                format!("{key} = {}", read.value.value)
            } else {
                format!("{key} was never written")
            })
        }
        Command::Write { key, value } => {
            let text = format!("{key} = {value}");
            let written = client.write(key, value).await.map_err(|e| e.to_string())?;
            if !written.value.new {
                return Err(format!("not written: {text}: a newer value is there"));
            }
            let replicas = client.configuration().size();
            Ok(format!(
                "{text} ({} of {replicas} replicas)",
                written.nodes.len()
            ))
        }
        Command::Nodes => Ok(nodes(client)),
        Command::Help => Ok(help()),
    }
}

fn nodes(client: &Client) -> String {
    let line = |node: &Node| format!("{:>10}  {}", node.id().get(), node.address());
    let lines: Vec<String> = client.configuration().nodes().map(line).collect();
    lines.join("\n")
}

fn help() -> String {
    let lines: Vec<String> = COMMANDS
        .iter()
        .map(|(usage, does)| format!("{usage:<16}  {does}"))
        .collect();
    lines.join("\n")
}

//! The client's commands.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use abd::proto::registers_gorums::RegistersConfiguration;
use abd::{Client, ClientError};
use gorums_runtime::quorum::ReadWrite;
use gorums_runtime::{CallOptions, Manager};
use harness::prompt::{self, CommandError, PromptError};
use tokio::runtime::Runtime;

/// The commands and what they do.
const COMMANDS: [(&str, &str); 4] = [
    ("read KEY", "print the value of a register"),
    (
        "write KEY VALUE",
        "give a register a value; quote what contains spaces",
    ),
    ("quorums", "print the quorums of reads and writes"),
    ("help", "print this list"),
];

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Runs the commands on standard input, with the replicas of `manager`. Each phase of an operation takes at most `timeout`.
pub(crate) fn run(
    runtime: &Runtime,
    manager: &Manager,
    timeout: Duration,
) -> Result<ExitCode, PromptError> {
    let replicas = manager.configuration();
    let quorums = ReadWrite::of_writes(replicas.majority());
    let options = CallOptions::new().timeout(timeout);
    let replicas = RegistersConfiguration::new(replicas).with_options(options);
    // Clients with the same id would make the same tags. Of 2^64 ids, two are not drawn alike by chance.
    let client = Client::new(fastrand::u64(..), replicas, quorums);
    let welcome = format!("{} replicas", manager.configuration().size());
    prompt::run(&welcome, |words, out| {
        runtime.block_on(answer(&client, words, out))
    })
}

async fn answer(client: &Client, words: &[&str], out: &mut impl Write) -> Result<(), Failure> {
    match words {
        ["read", key] => match client.read(key).await? {
            Some(value) => writeln!(out, "{value}")?,
            None => writeln!(out, "{key} was never written")?,
        },
        ["write", key, value] => {
            client.write(key, value).await?;
            writeln!(out, "written")?;
        }
        ["quorums"] => {
            writeln!(out, "reads   {}", client.quorums().reads())?;
            writeln!(out, "writes  {}", client.quorums().writes())?;
        }
        ["help"] => prompt::help(&COMMANDS, out)?,
        words => return Err(CommandError::of(words, &COMMANDS).into()),
    }
    Ok(())
}

//! The client's commands.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use epaxos::proto::map_gorums::MapConfiguration;
use epaxos::{Client, ClientError};
use gorums_runtime::Manager;
use harness::prompt::{self, CommandError, PromptError};
use tokio::runtime::Runtime;

/// The commands and what they do.
const COMMANDS: [(&str, &str); 5] = [
    ("get KEY", "print the value of a key"),
    (
        "put KEY VALUE",
        "give a key a value; quote what contains spaces",
    ),
    (
        "swap KEY OLD NEW",
        "give a key a new value if it has the old one",
    ),
    ("create KEY VALUE", "give a key a value if it has none"),
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

/// Runs the commands on standard input, with the replicas of `manager`. Each replica is waited for `timeout`.
pub(crate) fn run(
    runtime: &Runtime,
    manager: &Manager,
    timeout: Duration,
) -> Result<ExitCode, PromptError> {
    let replicas = MapConfiguration::new(manager.configuration());
    // The commands of clients with one id would be taken for each other's. Of 2^64 ids, two are not drawn alike by
    // chance.
    let client = Client::new(fastrand::u64(..), replicas, timeout);
    let welcome = format!("{} replicas", manager.configuration().size());
    prompt::run(&welcome, |words, out| {
        runtime.block_on(answer(&client, words, out))
    })
}

async fn answer(client: &Client, words: &[&str], out: &mut impl Write) -> Result<(), Failure> {
    match words {
        ["get", key] => match client.get(key).await? {
            Some(value) => writeln!(out, "{value}")?,
            None => writeln!(out, "{key} has no value")?,
        },
        ["put", key, value] => {
            client.put(key, value).await?;
            writeln!(out, "put")?;
        }
        ["swap", key, old, new] => {
            let swapped = client.compare_and_swap(key, Some(old), new).await?;
            writeln!(out, "{}", if swapped { "swapped" } else { "not swapped" })?;
        }
        ["create", key, value] => {
            let created = client.compare_and_swap(key, None, value).await?;
            writeln!(out, "{}", if created { "created" } else { "not created" })?;
        }
        ["help"] => prompt::help(&COMMANDS, out)?,
        words => return Err(CommandError::of(words, &COMMANDS).into()),
    }
    Ok(())
}

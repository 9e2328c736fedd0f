//! The client's commands.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use gorums_runtime::{Manager, NodeId};
use harness::prompt::{self, CommandError, PromptError};
use raft::proto::clients_gorums::ClientsConfiguration;
use raft::{Client, ClientError, Members};
use tokio::runtime::Runtime;

/// The commands and what they do.
const COMMANDS: [(&str, &str); 7] = [
    ("get KEY", "print the value of a key"),
    (
        "put KEY VALUE",
        "give a key a value; quote what contains spaces",
    ),
    (
        "cas KEY OLD NEW",
        "replace a value if it is OLD; '' is no value",
    ),
    ("remove KEY", "remove a key"),
    (
        "members ID=HOST:PORT ...",
        "change the members; the address may be left out where the client knows it",
    ),
    ("status", "print what each server knows of itself"),
    ("help", "print this list"),
];

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0:?} is not ID=HOST:PORT, or the ID of a server that the client knows")]
    Member(String),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Runs the commands on standard input, with the servers of `manager`. Each operation takes at most `timeout`.
pub(crate) fn run(
    runtime: &Runtime,
    manager: &Manager,
    timeout: Duration,
) -> Result<ExitCode, PromptError> {
    let servers = ClientsConfiguration::new(manager.configuration());
    let client = Client::new(servers, timeout);
    let welcome = format!("{} servers", manager.configuration().size());
    prompt::run(&welcome, |words, out| {
        runtime.block_on(answer(&client, manager, words, out))
    })
}

async fn answer(
    client: &Client,
    manager: &Manager,
    words: &[&str],
    out: &mut impl Write,
) -> Result<(), Failure> {
    let done = |done: bool| if done { "done" } else { "nothing changed" };
    match words {
        ["get", key] => match client.get(key).await? {
            Some(value) => writeln!(out, "{value}")?,
            None => writeln!(out, "{key} has no value")?,
        },
        ["put", key, value] => {
            client.put(key, value).await?;
            writeln!(out, "{}", done(true))?;
        }
        ["cas", key, old, new] => {
            let old = Some(*old).filter(|old| !old.is_empty());
            let changed = client.compare_and_swap(key, old, new).await?;
            writeln!(out, "{}", done(changed))?;
        }
        ["remove", key] => writeln!(out, "{}", done(client.remove(key).await?))?,
        ["members", first, rest @ ..] => {
            let words = [first].into_iter().chain(rest);
            let members = words.map(|word| member(manager, word));
            let members = members.collect::<Result<Vec<_>, _>>()?;
            client.change_members(&Members::new(members)).await?;
            writeln!(out, "{}", done(true))?;
        }
        ["status"] => status(client, out).await?,
        ["help"] => prompt::help(&COMMANDS, out)?,
        words => return Err(CommandError::of(words, &COMMANDS).into()),
    }
    Ok(())
}

fn member(manager: &Manager, word: &str) -> Result<(NodeId, String), Failure> {
    let wrong = || Failure::Member(word.to_owned());
    match word.split_once('=') {
        Some((id, address)) if !address.is_empty() => {
            let id = id.parse().map_err(|_| wrong())?;
            Ok((id, address.to_owned()))
        }
        _ => {
            let id = word.parse().map_err(|_| wrong())?;
            let node = manager.node(id).map_err(|_| wrong())?;
            Ok((id, node.address().to_owned()))
        }
    }
}

async fn status(client: &Client, out: &mut impl Write) -> io::Result<()> {
    for (id, inspected) in client.inspect().await {
        match inspected {
            Ok(it) => {
                let role = if it.is_leader { "leader" } else { "follower" };
                let members = Members::from(it.configuration.unwrap_or_default());
                writeln!(
                    out,
                    "{id}: {role} of term {}, log {}, committed {}, snapshot {}, quorums {}",
                    it.term,
                    it.last_index,
                    it.commit_index,
                    it.snapshot_index,
                    members.quorums(),
                )?;
            }
            Err(error) => writeln!(out, "{id}: {error}")?,
        }
    }
    Ok(())
}

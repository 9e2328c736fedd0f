//! The client's commands.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use gorums_runtime::{CallOptions, Manager};
use harness::prompt::{self, CommandError, PromptError};
use reconfigurable::proto::{Algorithm, Blueprint};
use reconfigurable::{Client, Network, NetworkError, OperationError, Reconfigurable, Session};
use tokio::runtime::Runtime;

use crate::compare::{self, CompareError};

/// The commands and what they do.
const COMMANDS: [(&str, &str); 7] = [
    ("read", "print the value of the register"),
    (
        "write VALUE",
        "give the register a value; quote what contains spaces",
    ),
    (
        "change +ID -ID ...",
        "add and remove replicas; what is removed never comes back",
    ),
    (
        "tolerate EPOCH FAULTS",
        "let quorums tolerate some faults; the greatest epoch holds",
    ),
    (
        "configuration",
        "print the newest configuration that the client knows, and its quorums",
    ),
    (
        "compare K",
        "run K concurrent changes with each algorithm on nodes of their own, and print what they cost",
    ),
    ("help", "print this list"),
];

/// The algorithm of a client.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum Choice {
    /// Lynch, Shvartsman 2002
    Rambo,
    /// Aguilera, Keidar, Malkhi, Shraer 2011
    DynaStore,
    /// Gafni, Malkhi 2015
    SpSnStore,
    /// Jehl, Vitenberg, Meling 2015
    SmartMerge,
}

impl Choice {
    fn algorithm(self) -> Algorithm {
        match self {
            Self::Rambo => Algorithm::Rambo,
            Self::DynaStore => Algorithm::DynaStore,
            Self::SpSnStore => Algorithm::SpSnStore,
            Self::SmartMerge => Algorithm::SmartMerge,
        }
    }
}

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Operation(#[from] OperationError<NetworkError>),
    #[error("{0:?} is no change; write +4 to add node 4, and -4 to remove it")]
    Change(String),
    #[error("{0:?} is no number")]
    Number(String),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Runs the commands on standard input, with the nodes of `manager`. Each call takes at most `timeout`.
pub(crate) fn run(
    runtime: &Runtime,
    manager: &Manager,
    timeout: Duration,
    choice: Choice,
    initial: u32,
) -> Result<ExitCode, PromptError> {
    let ids = manager.configuration().sorted_by_id();
    let ids = ids.node_ids().map(|id| id.get());
    let initial = Blueprint::of(ids.take(initial as usize));
    let welcome = format!(
        "{} nodes, replicas {initial}",
        manager.configuration().size()
    );
    let network = Network::new(manager.clone(), CallOptions::new().timeout(timeout));
    // Clients with the same id would make the same tags. Of 2^64 ids, two are not drawn alike by chance.
    let session = Session::new(fastrand::u64(..), network, initial);
    let register = Client::new(choice.algorithm(), session);
    prompt::run(&welcome, |words, out| {
        runtime.block_on(answer(&register, words, out))
    })
}

async fn answer(
    register: &Client<Network>,
    words: &[&str],
    out: &mut impl Write,
) -> Result<(), Failure> {
    match words {
        ["read"] => match register.read().await? {
            Some(value) => writeln!(out, "{value}")?,
            None => writeln!(out, "the register was never written")?,
        },
        ["write", value] => {
            register.write(value).await?;
            writeln!(out, "written")?;
        }
        ["change", first, rest @ ..] => {
            let mut change = Blueprint::default();
            for word in [first].into_iter().chain(rest) {
                change = change.merge(&parse(word)?);
            }
            writeln!(out, "{}", register.reconfigure(change).await?)?;
        }
        ["tolerate", epoch, faults] => {
            let change = Blueprint::default().tolerating(number(epoch)?, number(faults)?);
            writeln!(out, "{}", register.reconfigure(change).await?)?;
        }
        ["configuration"] => {
            let configuration = register.configuration();
            let quorums = configuration
                .quorums()
                .map_err(OperationError::NoReplicas)?;
            writeln!(out, "{configuration}")?;
            writeln!(out, "reads   {}", quorums.reads())?;
            writeln!(out, "writes  {}", quorums.writes())?;
        }
        ["compare", changes] => compare::run(number(changes)?, out).await?,
        ["help"] => prompt::help(&COMMANDS, out)?,
        words => return Err(CommandError::of(words, &COMMANDS).into()),
    }
    Ok(())
}

/// A replica to add or to remove.
fn parse(word: &str) -> Result<Blueprint, Failure> {
    let id = |digits: &str| digits.parse().map_err(|_| Failure::Change(word.to_owned()));
    match word.split_at_checked(1) {
        Some(("+", added)) => Ok(Blueprint::of([id(added)?])),
        Some(("-", removed)) => Ok(Blueprint::change([], [id(removed)?])),
        _ => Err(Failure::Change(word.to_owned())),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, Failure> {
    word.parse().map_err(|_| Failure::Number(word.to_owned()))
}

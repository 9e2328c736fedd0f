//! Runs commands, and prints their answers.

use std::io::{self, Write};

use futures::future::join_all;
use futures::{StreamExt, pin_mut};
use gorums_runtime::Node;
use gorums_runtime::errors::{MulticastError, NodeError, QuorumCallError};
use gorums_runtime::prost_types::Timestamp;
use harness::prompt::EXIT;

use crate::client::{Client, Storage};
use crate::command::{COMMANDS, Command, CommandError, Entry, Quorum, Rpc};
use crate::peers;
use crate::proto::{ReadRequest, ReadResponse, WatchRequest, WriteRequest};
use crate::quorum::newest;
use crate::selection::SelectionError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error(transparent)]
    Quorum(#[from] QuorumCallError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Multicast(#[from] MulticastError),
    #[error("not written: {key} = {value}: the replicas have a newer value")]
    TooOld { key: String, value: String },
    /// The answer cannot be printed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Runs `command`, and writes the answer to `out`.
pub(crate) async fn answer(
    client: &Client,
    command: Command,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match command {
        Command::Quorum { call } => quorum(&client.all(), call, out).await,
        Command::Configuration { replicas, call } => {
            quorum(&client.some(&replicas)?, call, out).await
        }
        Command::Rpc { replica, call } => rpc(client, replica, call, out).await,
        Command::Unicast { replica, entry } => {
            let storage = client.one(replica)?;
            storage.write_unicast(entry.as_of_now()).await?;
            let address = storage.as_node().address();
            Ok(writeln!(out, "sent to {address}: {entry}")?)
        }
        Command::Multicast { entry } => {
            let storage = client.all();
            storage.write_multicast(entry.as_of_now()).await?;
            let replicas = storage.configuration().size();
            Ok(writeln!(out, "sent to {replicas} replicas: {entry}")?)
        }
        Command::NestedRead { key } => {
            let read = client
                .all()
                .read_nested_qc(ReadRequest { key: key.clone() });
            let newest = newest(&mut read.majority().await?).unwrap_or_default();
            Ok(writeln!(out, "{}", said(&key, &newest))?)
        }
        Command::NestedWrite { entry } => {
            let storage = client.all();
            let written = storage.write_nested_multicast(entry.as_of_now()).majority();
            let (some, all) = (written.await?.len(), storage.configuration().size());
            Ok(writeln!(out, "{entry} (sent by {some} of {all} replicas)")?)
        }
        Command::Watch { key } => watch(client, key, out).await,
        Command::Peers => {
            let answers = client
                .membership()
                .peers(())
                .responses()
                .collect::<Vec<_>>();
            Ok(peers::write(&client.replicas(), &answers.await, out)?)
        }
        Command::Nodes => Ok(nodes(client, out)?),
        Command::Help => Ok(help(out)?),
    }
}

/// A quorum call, on the replicas of `storage`.
async fn quorum(storage: &Storage, call: Quorum, out: &mut impl Write) -> Result<(), Failure> {
    match call {
        Quorum::Read { key } => {
            let read = storage.read_qc(ReadRequest { key: key.clone() }).await?;
            writeln!(out, "{}", said(&key, &read))?;
        }
        Quorum::CorrectableRead { key } => {
            let read = storage.read_correctable(ReadRequest { key: key.clone() });
            let updates = read.updates();
            pin_mut!(updates);
            while let Some((value, level)) = updates.next().await {
                writeln!(out, "level {level}: {}", said(&key, &value))?;
            }
            read.done().await?;
        }
        Quorum::Write(entry) => {
            let written = storage.write_qc(entry.as_of_now()).with_node_ids().await?;
            entry.check(written.value.new)?;
            let (some, all) = (written.node_ids.len(), storage.configuration().size());
            writeln!(out, "{entry} ({some} of {all} replicas)")?;
        }
    }
    Ok(())
}

/// Asks the replicas to report new values of a key.
async fn watch(client: &Client, key: String, out: &mut impl Write) -> Result<(), Failure> {
    client.watch(key.clone());
    let membership = client.membership();
    let calls = membership.nodes().map(|replica| {
        let request = WatchRequest { key: key.clone() };
        async move { replica.watch(request).await }
    });
    let mut watching = 0;
    let mut failure = None;
    for outcome in join_all(calls).await {
        match outcome {
            Ok(()) => watching += 1,
            Err(error) => failure = Some(error),
        }
    }
    if let (0, Some(error)) = (watching, failure) {
        return Err(error.into());
    }
    let replicas = membership.configuration().size();
    Ok(writeln!(
        out,
        "watching {key} at {watching} of {replicas} replicas"
    )?)
}

/// A call to one replica.
async fn rpc(
    client: &Client,
    replica: usize,
    call: Rpc,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let storage = client.one(replica)?;
    match call {
        Rpc::Read { key } => {
            let read = storage.read_rpc(ReadRequest { key: key.clone() }).await?;
            writeln!(out, "{}", said(&key, &read))?;
        }
        Rpc::Write(entry) => {
            let written = storage.write_rpc(entry.as_of_now()).await?;
            entry.check(written.new)?;
            writeln!(out, "{entry} (at {})", storage.as_node().address())?;
        }
    }
    Ok(())
}

/// The result of a read, as text.
fn said(key: &str, read: &ReadResponse) -> String {
    if read.ok {
        format!("{key} = {}", read.value)
    } else {
        format!("{key} was never written")
    }
}

impl Entry {
    /// The request that writes it, with the current time.
    fn as_of_now(&self) -> WriteRequest {
        WriteRequest {
            key: self.key.clone(),
            value: self.value.clone(),
            time: Some(Timestamp::from(std::time::SystemTime::now())),
        }
    }

    /// An error unless the replicas accepted it as `new`.
    fn check(&self, new: bool) -> Result<(), Failure> {
        if new {
            return Ok(());
        }
        let Self { key, value } = self.clone();
        Err(Failure::TooOld { key, value })
    }
}

/// `key = value`
impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

fn nodes(client: &Client, out: &mut impl Write) -> io::Result<()> {
    let replicas = client.replicas();
    let width = replicas.nodes().map(|node| node.address().len()).max();
    let width = width.unwrap_or_default();
    for (number, node) in replicas.nodes().enumerate() {
        let (id, address) = (node.id().get(), node.address());
        let latency = latency(node);
        let error = node.last_error();
        let error = error.map_or_else(String::new, |error| format!("  {:?}", error.status.code()));
        writeln!(
            out,
            "{number:>2}  {id:>10}  {address:<width$}  {latency:>10}{error}"
        )?;
    }
    Ok(())
}

fn latency(node: &Node) -> String {
    node.latency()
        .map_or_else(|| "-".to_string(), |latency| format!("{latency:.1?}"))
}

fn help(out: &mut impl Write) -> io::Result<()> {
    for (usage, does) in COMMANDS.iter().chain([&EXIT]) {
        writeln!(out, "{usage}\n    {does}")?;
    }
    Ok(())
}

//! The client's loop: a command per line.

use std::process::ExitCode;

use harness::prompt::{self, PromptError};
use tokio::runtime::Runtime;

use crate::answer::answer;
use crate::client::Client;
use crate::command::Command;

/// Runs the commands on standard input.
pub(crate) fn run(runtime: &Runtime, client: &Client) -> Result<ExitCode, PromptError> {
    let welcome = format!("{} replicas", client.replicas().size());
    prompt::run(&welcome, |words, out| {
        runtime.block_on(answer(client, Command::parse(words)?, out))
    })
}

//! A client: finds the leader, and tries again (section 8; dissertation, chapter 6).

use std::sync::Mutex as Locked;
use std::sync::PoisonError;
use std::time::Duration;

use gorums_runtime::errors::{ManagerError, NodeError};
use gorums_runtime::{CallOptions, Manager, NodeId};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::configuration::Members;
use crate::proto::client_request::Request;
use crate::proto::client_response::Outcome;
use crate::proto::clients_gorums::ClientsConfiguration;
use crate::proto::{ClientRequest, Command, Expected, Inspection, Refusal};

/// How long to wait before another server is asked, if nobody knows a leader.
const PAUSE: Duration = Duration::from_millis(20);

/// A client of the replicated map, with a session of its own.
///
/// It asks one server after another for the leader, and tries each operation again until its deadline. A command that is
/// tried again takes effect once.
#[derive(Debug)]
pub struct Client {
    servers: ClientsConfiguration,
    timeout: Duration,
    /// Whom to ask first.
    leader: Locked<Option<NodeId>>,
    /// Commands of a session run one after another.
    session: Mutex<Session>,
}

#[derive(Debug, Default)]
struct Session {
    /// `None` before the first command.
    client_id: Option<u64>,
    sequence: u64,
}

/// Why an operation fails.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No server answered in time. A command may take effect all the same, now or later.
    #[error("no leader answered within {timeout:?}{}", reason(.last))]
    TimedOut {
        /// The deadline of the operation.
        timeout: Duration,
        /// What went wrong last.
        last: Option<NodeError>,
    },
    /// The session has ended because there were too many others. The command may have taken effect. The next one begins
    /// a new session.
    #[error("the client's session has expired; whether the command took effect is not known")]
    SessionExpired,
    /// Another change of the members is not complete.
    #[error("another change of the members is under way; try again later")]
    ChangeUnderWay,
    /// The new members cannot be.
    #[error("these cannot be the members: {0}")]
    Members(#[from] ManagerError),
    /// The server does not accept the request.
    #[error("the server refused the request: {0:?}")]
    Refused(Outcome),
}

fn reason(last: &Option<NodeError>) -> String {
    let reason = last.as_ref().map(|error| format!("; last: {error}"));
    reason.unwrap_or_default()
}

impl Client {
    /// A client of servers, each of whose operations takes at most `timeout`.
    pub fn new(servers: ClientsConfiguration, timeout: Duration) -> Self {
        // A server that does not answer must not use up the time of all.
        let attempt = CallOptions::new().timeout(timeout / 3);
        Self {
            servers: servers.with_options(attempt),
            timeout,
            leader: Locked::default(),
            session: Mutex::default(),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn get(&self, key: &str) -> Result<Option<String>, ClientError> {
        match self.ask(Request::Query(key.to_owned())).await? {
            Outcome::Queried(queried) => Ok(queried.value),
            outcome => Err(ClientError::of(outcome)),
        }
    }

    /// Gives a key a value.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn put(&self, key: &str, value: &str) -> Result<(), ClientError> {
        self.command(key, Some(value), None).await?;
        Ok(())
    }

    /// Removes a key. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn remove(&self, key: &str) -> Result<bool, ClientError> {
        self.command(key, None, None).await
    }

    /// Gives a key a value if it has the `expected` one, where `None` is no value. Returns whether it had.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, ClientError> {
        let value_expected = expected.map(str::to_owned);
        let expected = Expected {
            value: value_expected,
        };
        self.command(key, Some(value), Some(expected)).await
    }

    /// Replaces the members.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn change_members(&self, members: &Members) -> Result<(), ClientError> {
        Manager::check_nodes(members.addresses())?;
        match self.ask(Request::ChangeMembers(members.into())).await? {
            Outcome::MembersChanged(()) => Ok(()),
            outcome => Err(ClientError::of(outcome)),
        }
    }

    /// What each server knows of itself, or why it does not answer.
    pub async fn inspect(&self) -> Vec<(NodeId, Result<Inspection, NodeError>)> {
        let nodes = self.servers.nodes();
        let inspections = nodes.map(async |node| (node.id(), node.inspect(()).await));
        futures::future::join_all(inspections).await
    }

    /// Runs a command in the session, which is opened first if there is none.
    async fn command(
        &self,
        key: &str,
        value: Option<&str>,
        expected: Option<Expected>,
    ) -> Result<bool, ClientError> {
        let mut session = self.session.lock().await;
        let client_id = match session.client_id {
            Some(client_id) => client_id,
            None => match self.ask(Request::RegisterClient(())).await? {
                Outcome::ClientId(client_id) => *session.client_id.insert(client_id),
                outcome => return Err(ClientError::of(outcome)),
            },
        };
        session.sequence += 1;
        let command = Command {
            client_id,
            sequence: session.sequence,
            key: key.to_owned(),
            value: value.map(str::to_owned),
            expected,
        };
        match self.ask(Request::Command(command)).await? {
            Outcome::Changed(changed) => Ok(changed),
            Outcome::Refusal(refusal) if refusal == i32::from(Refusal::SessionExpired) => {
                *session = Session::default();
                Err(ClientError::SessionExpired)
            }
            outcome => Err(ClientError::of(outcome)),
        }
    }

    /// Asks the leader, and others until there is one that answers.
    async fn ask(&self, request: Request) -> Result<Outcome, ClientError> {
        let deadline = Instant::now() + self.timeout;
        let mut last = None;
        let servers: Vec<_> = self.servers.nodes().collect();
        let mut others = servers.iter().cycle();
        while Instant::now() < deadline {
            let hint = *self.leader();
            let hinted = hint.and_then(|id| servers.iter().find(|node| node.id() == id));
            let Some(node) = hinted.or_else(|| others.next()) else {
                break;
            };
            let request = Some(request.clone());
            match node.serve(ClientRequest { request }).await {
                Ok(response) => match response.outcome {
                    Some(Outcome::NotLeaderHint(leader)) if leader > 0 && hint.is_none() => {
                        *self.leader() = Some(NodeId::new(leader));
                        continue;
                    }
                    Some(Outcome::NotLeaderHint(_)) => {}
                    Some(outcome) => {
                        *self.leader() = Some(node.id());
                        return Ok(outcome);
                    }
                    None => {}
                },
                Err(error) => last = Some(error),
            }
            *self.leader() = None;
            sleep(PAUSE).await;
        }
        let timeout = self.timeout;
        Err(ClientError::TimedOut { timeout, last })
    }

    fn leader(&self) -> std::sync::MutexGuard<'_, Option<NodeId>> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientError {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Refusal(refusal) if refusal == i32::from(Refusal::ChangeUnderWay) => {
                Self::ChangeUnderWay
            }
            outcome => Self::Refused(outcome),
        }
    }
}

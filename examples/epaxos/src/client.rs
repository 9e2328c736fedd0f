//! The client of the map.

use std::time::Duration;

use gorums_runtime::errors::NodeError;
use tokio::sync::Mutex;

use crate::command::{Command, Operation};
use crate::map::Outcome;
use crate::proto;
use crate::proto::map_gorums::MapConfiguration;
use crate::wire::Malformed;

/// A client of the replicated map. It sends each command to one replica, and to others if that does not answer;
/// whichever replicas get it, it is executed once.
///
/// ```no_run
/// use std::time::Duration;
///
/// use epaxos::Client;
/// use epaxos::proto::map_gorums::MapConfiguration;
/// use gorums_runtime::Manager;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::connect(["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]).await?;
/// let replicas = MapConfiguration::new(manager.configuration());
/// let client = Client::new(7, replicas, Duration::from_secs(1));
/// client.put("greeting", "hello").await?;
/// assert_eq!(client.get("greeting").await?.as_deref(), Some("hello"));
/// assert!(client.compare_and_swap("greeting", Some("hello"), "bye").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    id: u64,
    replicas: MapConfiguration,
    timeout: Duration,
    state: Mutex<Session>,
}

/// A client has one command at a time.
#[derive(Debug, Default)]
struct Session {
    /// The number of the last command.
    sequence: u64,
    /// The place of the replica that answered last.
    replica: usize,
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No replica has answered. The command may take effect all the same, now or later.
    #[error("no replica has answered; the last error: {0}")]
    NoAnswer(#[from] NodeError),
    /// There are no replicas.
    #[error("the configuration has no replicas")]
    NoReplicas,
    /// An answer has no meaning.
    #[error("a replica has answered what it cannot: {0}")]
    Answer(#[from] Malformed),
    /// An answer does not fit the command.
    #[error("a replica has answered {0:?}, which is no outcome of this command")]
    Outcome(Outcome),
}

impl Client {
    /// A client with an id that no other client has or had, which waits for each replica for `timeout`.
    pub fn new(id: u64, replicas: MapConfiguration, timeout: Duration) -> Self {
        // Not all clients begin with the same replica.
        let replica = usize::try_from(id % 1024).unwrap_or_default();
        let session = Session {
            sequence: 0,
            replica,
        };
        Self {
            id,
            replicas,
            timeout,
            state: Mutex::new(session),
        }
    }

    /// Reads a value. `None` if there is none.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn get(&self, key: &str) -> Result<Option<String>, ClientError> {
        match self.perform(key, Operation::Get).await? {
            Outcome::Value(value) => Ok(value),
            other => Err(ClientError::Outcome(other)),
        }
    }

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the command may take effect, now or later.
    pub async fn put(&self, key: &str, value: &str) -> Result<(), ClientError> {
        match self.perform(key, Operation::Put(value.to_owned())).await? {
            Outcome::Written => Ok(()),
            other => Err(ClientError::Outcome(other)),
        }
    }

    /// Writes a value if the one that is there is `expected`. Returns whether it was.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the command may take effect, now or later.
    pub async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: &str,
    ) -> Result<bool, ClientError> {
        let (expected, new) = (expected.map(str::to_owned), new.to_owned());
        let swap = Operation::CompareAndSwap { expected, new };
        match self.perform(key, swap).await? {
            Outcome::Swapped(swapped) => Ok(swapped),
            other => Err(ClientError::Outcome(other)),
        }
    }

    /// Has each replica lead the command in turn, until one answers.
    async fn perform(&self, key: &str, operation: Operation) -> Result<Outcome, ClientError> {
        let mut session = self.state.lock().await;
        session.sequence += 1;
        let command = proto::Command::from(&Command {
            client: self.id,
            sequence: session.sequence,
            key: key.to_owned(),
            operation,
        });
        let replicas = self.replicas.configuration().size();
        let mut last = ClientError::NoReplicas;
        for _ in 0..replicas {
            session.replica %= replicas;
            let Some(replica) = self.replicas.nodes().nth(session.replica) else {
                break;
            };
            match replica.propose(command.clone()).timeout(self.timeout).await {
                Ok(outcome) => return Ok(Outcome::try_from(outcome)?),
                Err(error) => last = error.into(),
            }
            session.replica += 1;
        }
        Err(last)
    }
}

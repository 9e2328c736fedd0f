//! What the four algorithms have in common for their users.

use gorums_runtime::quorum::QuorumError;

use crate::proto::{Blueprint, Stored};

/// An atomic register whose replicas can be replaced while it is used.
pub trait Reconfigurable: Send + Sync {
    /// Why a call to replicas fails.
    type Error: std::error::Error + Send;

    /// Performs an operation. Returns the value that the register had then, with its tag.
    ///
    /// # Errors
    ///
    /// See [`OperationError`]. A write or a reconfiguration may have taken effect, or may later.
    fn perform(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Stored, OperationError<Self::Error>>> + Send;

    /// The newest configuration that this client knows to be installed.
    fn configuration(&self) -> Blueprint;

    /// Reads the register. `None` if it was never written.
    ///
    /// # Errors
    ///
    /// See [`OperationError`].
    fn read(
        &self,
    ) -> impl Future<Output = Result<Option<String>, OperationError<Self::Error>>> + Send {
        async {
            let stored = self.perform(Operation::Read).await?;
            Ok(stored.tag.map(|_| stored.value))
        }
    }

    /// Writes the register.
    ///
    /// # Errors
    ///
    /// See [`OperationError`]. The write may have taken effect, or may later.
    fn write(
        &self,
        value: &str,
    ) -> impl Future<Output = Result<(), OperationError<Self::Error>>> + Send {
        let write = self.perform(Operation::Write(value.to_owned()));
        async { write.await.map(|_| ()) }
    }

    /// Adds and removes replicas. When it returns, a configuration with this change is installed, and replicas that only older
    /// configurations have are no longer needed.
    ///
    /// # Errors
    ///
    /// See [`OperationError`]. The change may have been made, or may be later.
    fn reconfigure(
        &self,
        change: Blueprint,
    ) -> impl Future<Output = Result<Blueprint, OperationError<Self::Error>>> + Send {
        async {
            self.perform(Operation::Reconfigure(change)).await?;
            Ok(self.configuration())
        }
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Returns the value.
    Read,
    /// Replaces the value.
    Write(String),
    /// Adds and removes replicas.
    Reconfigure(Blueprint),
}

/// Why an operation fails.
#[derive(Debug, thiserror::Error)]
pub enum OperationError<E> {
    /// The replicas could not be reached in time. If all replicas that the client knows of were removed and stopped, give it a
    /// newer configuration.
    #[error("{0}; the client knows the configuration {1}")]
    Access(E, Blueprint),
    /// With this change there would be no replicas, for all that has been proposed.
    #[error("the changes that were proposed leave no replicas; add some, and remove fewer")]
    NoReplicas(#[source] QuorumError),
    /// The change has ids that are repeated, unsorted or 0, or is too large.
    #[error("the change is not valid; make it with Blueprint::change, of ids from 1 on")]
    NotNormal,
    /// The greatest tag that there can be is in use.
    #[error("the register cannot be written any more: a replica has the greatest possible tag")]
    NoGreaterTag,
}

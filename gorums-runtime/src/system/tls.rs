//! Members that prove their ids by TLS.

use super::error::SystemError;
use crate::identity::NodeId;
use crate::manager::{Manager, ManagerBuilder};
use crate::server::accepting::Incoming;
use crate::tls::{Claimed, Credentials, CurrentCredentials, Dialled, Proof};

/// TLS among the members of a system.
pub(super) struct SystemTls(Dialled);

impl SystemTls {
    pub(super) fn new(credentials: Credentials, proof: Proof) -> Self {
        Self(Dialled {
            credentials: CurrentCredentials::new(credentials),
            proof,
        })
    }

    /// Makes connections in both directions use TLS.
    pub(super) fn encrypt(
        &self,
        options: ManagerBuilder,
        incoming: Incoming,
    ) -> (ManagerBuilder, Incoming) {
        let credentials = self.0.credentials.clone();
        (
            options.members_tls(self.0.clone()),
            incoming.with_tls(credentials),
        )
    }

    /// The credentials of new connections.
    pub(super) fn credentials(&self) -> Credentials {
        self.0.credentials.get()
    }

    /// Gives new connections other credentials.
    pub(super) fn replace(&self, credentials: Credentials) {
        self.0.credentials.replace(credentials);
    }

    /// How the members' certificates prove their ids.
    pub(super) fn proof(&self) -> Proof {
        self.0.proof.clone()
    }

    /// Checks that `credentials` prove that the process is member `id`, one of the nodes of `manager`.
    ///
    /// # Errors
    ///
    /// If they do not.
    pub(super) fn check(
        &self,
        credentials: &Credentials,
        manager: &Manager,
        id: NodeId,
    ) -> Result<(), SystemError> {
        // A process that is no longer a member has no id to prove.
        let Ok(node) = manager.node(id) else {
            return Ok(());
        };
        let address = node.info().address();
        let host = address.host();
        let outcome = self
            .0
            .proof
            .check(credentials.certificate(), Claimed { id, host });
        outcome.map_err(|unproved| SystemError::Unproved {
            node_id: id,
            why: unproved.to_string(),
        })
    }
}

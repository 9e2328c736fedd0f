//! Members that prove their ids by TLS.

use super::error::SystemError;
use crate::identity::NodeId;
use crate::manager::Manager;
use crate::tls::{
    Claimed, Credentials, CredentialsError, Dialled, Proof, Proves, RotatingCredentials,
};

/// TLS among the members of a system.
pub(super) struct SystemTls {
    credentials: RotatingCredentials,
    proof: Proof,
}

impl SystemTls {
    /// TLS with `credentials`, whose certificate is checked later, once the members are known.
    ///
    /// # Errors
    ///
    /// If they have no certificate or no authorities.
    pub(super) fn new(credentials: Credentials, proof: Proof) -> Result<Self, CredentialsError> {
        credentials.check_client()?;
        credentials.check_server()?;
        Ok(Self {
            credentials: RotatingCredentials::new(credentials),
            proof,
        })
    }

    /// How the process connects to other members.
    pub(super) fn dialled(&self) -> Dialled {
        Dialled {
            credentials: self.credentials.clone(),
            proves: Proves::Member(self.proof.clone()),
        }
    }

    /// The credentials of new connections, in both directions.
    pub(super) fn credentials(&self) -> &RotatingCredentials {
        &self.credentials
    }

    /// How the members' certificates prove their ids.
    pub(super) fn proof(&self) -> Proof {
        self.proof.clone()
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
        let certificate = credentials.certificate();
        let certificate = certificate.ok_or(CredentialsError::NoCertificate)?;
        // A process that is no longer a member has no id to prove.
        let Ok(node) = manager.node(id) else {
            return Ok(());
        };
        let address = node.info().address();
        let host = address.host();
        let outcome = self.proof.check(certificate, Claimed { id, host });
        outcome.map_err(|unproved| SystemError::Unproved {
            node_id: id,
            why: unproved.to_string(),
        })
    }
}

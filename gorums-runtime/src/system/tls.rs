//! Members that prove their ids by TLS.

use std::sync::Arc;

use super::System;
use super::builder::SystemBuilder;
use super::error::SystemError;
use crate::identity::NodeId;
use crate::manager::{Manager, ManagerBuilder};
use crate::server::accepting::Incoming;
use crate::tls::{Claimed, Credentials, CurrentCredentials, Dialled, PeerCertificate, Proof};

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
        let host = node.info().address.host();
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

impl SystemBuilder {
    /// Encrypts all connections, and makes members prove their ids: a process is a member only with a certificate that
    /// one of the authorities in `credentials` signed, and that proves its id.
    ///
    /// * A certificate with a URI `gorums://node/<id>` among its subject's alternative names proves that id, and no
    ///   other.
    /// * A certificate without such a URI proves the id of a member if the host of the member's address is among its
    ///   DNS names or IP addresses. Wildcards do not count. Members that share a host can pass for each other.
    /// * [`identify_by`](Self::identify_by) sets another rule.
    ///
    /// A client that claims the id of a member without proof is refused with `PermissionDenied`, which says what it
    /// claims and what its certificate proves; see the events of [`telemetry`](crate::telemetry). A member that answers
    /// without proof is not connected, and calls on it fail with `Unavailable`. Clients without an id need a
    /// certificate of one of the authorities, too, whatever it proves.
    ///
    /// This replaces the TLS of [`manager`](Self::manager) and of the [`Server`](crate::Server) that the system serves.
    /// Certificates are replaced while the system runs by
    /// [`System::replace_credentials`](crate::System::replace_credentials). Needs the crate's feature `tls-ring` or
    /// `tls-aws-lc`.
    pub fn tls(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Decides by `rule` which id a certificate proves, in place of the rules of [`tls`](Self::tls). `None` is none.
    ///
    /// The certificate is verified: only what its names mean is to be decided. The rule is called for each connection,
    /// and for each plain gRPC call of a member. If it panics, the certificate proves nothing.
    ///
    /// ```
    /// # fn example(builder: gorums_runtime::SystemBuilder) -> gorums_runtime::SystemBuilder {
    /// use gorums_runtime::NodeId;
    ///
    /// // SPIFFE ids such as spiffe://example.com/storage/3.
    /// builder.identify_by(|certificate| {
    ///     let mut uris = certificate.uris().iter();
    ///     let id = uris.find_map(|uri| uri.strip_prefix("spiffe://example.com/storage/"))?;
    ///     id.parse().ok().map(NodeId::new)
    /// })
    /// # }
    /// ```
    pub fn identify_by(
        mut self,
        rule: impl Fn(&PeerCertificate) -> Option<NodeId> + Send + Sync + 'static,
    ) -> Self {
        self.proof = Proof::Rule(Arc::new(rule));
        self
    }
}

impl System {
    /// Replaces the certificate, the private key and the authorities that were given to [`SystemBuilder::tls`], for all
    /// connections that are made from now on, in both directions. Connections that exist go on, so no call is lost.
    ///
    /// To change the authority, first give all members credentials that trust both, then certificates of the new one,
    /// then credentials that trust the new one alone.
    ///
    /// # Errors
    ///
    /// If the certificate does not prove this process's id, or the system does not use TLS. The credentials stay as they
    /// are then.
    pub fn replace_credentials(&self, credentials: Credentials) -> Result<(), SystemError> {
        let tls = self.0.tls.as_ref().ok_or(SystemError::NoTls)?;
        tls.check(&credentials, self.manager(), self.id())?;
        tls.0.credentials.replace(credentials);
        Ok(())
    }
}

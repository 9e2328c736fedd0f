//! Who of a server's clients is a member of its system.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::{Extensions, HeaderMap};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::claims::{Claim, Claims};
#[cfg(feature = "_tls-any")]
use super::peer::address;
use crate::configuration::Membership;
use crate::identity::{Introduction, NodeAddress, NodeId, claimed_id};
#[cfg(feature = "_tls-any")]
use crate::support::InProcess;
use crate::telemetry;
#[cfg(feature = "_tls-any")]
use crate::tls::{Claimed, PeerCertificates, Proof};

/// The members of the system that a server belongs to. A server of its own has none. Clones share the members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members(Option<Arc<SystemMembers>>);

#[derive(Debug)]
struct SystemMembers {
    introduction: Introduction,
    /// The members as nodes, this process included.
    membership: Membership,
    /// Each member's host, as its address has it.
    hosts: RwLock<HashMap<NodeId, String>>,
    claims: Claims,
    /// How the certificates of members prove their ids. Without TLS, what a client claims is believed.
    #[cfg(feature = "_tls-any")]
    proof: Option<Proof>,
}

/// The member that a request or a stream comes from, among the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member(pub(crate) NodeId);

/// The id of a process that is no member, but says what its id is, among the request's extensions. If members have to
/// prove their ids, it has proved this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger(pub(super) NodeId);

/// Who a request or a stream comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Member(NodeId),
    /// It says this id, which is no member's. It may become one.
    Stranger(NodeId),
    Client,
}

impl Members {
    /// The members of a system, of whom the server itself is one.
    pub(crate) fn of_system(
        introduction: Introduction,
        membership: Membership,
        nodes: impl IntoIterator<Item = Arc<NodeAddress>>,
        #[cfg(feature = "_tls-any")] proof: Option<Proof>,
    ) -> Self {
        let hosts = nodes
            .into_iter()
            .map(|node| (node.id, node.host().to_owned()));
        Self(Some(Arc::new(SystemMembers {
            introduction,
            membership,
            hosts: RwLock::new(hosts.collect()),
            claims: Claims::default(),
            #[cfg(feature = "_tls-any")]
            proof,
        })))
    }

    /// Adds a member. A stream that it opens from now on is that member's, and the one that it has as a stranger ends.
    pub(crate) fn add(&self, node: &NodeAddress) {
        self.change(|hosts| {
            hosts.insert(node.id, node.host().to_owned());
        });
        if let Some(system) = &self.0 {
            system.claims.end_stranger(node.id);
        }
    }

    /// Removes a member and ends its stream. A stream that claims its id from now on is a plain client's.
    pub(crate) fn remove(&self, id: NodeId) {
        self.change(|hosts| {
            hosts.remove(&id);
        });
        if let Some(system) = &self.0 {
            system.claims.end(id);
        }
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<NodeId, String>)) {
        if let Some(system) = &self.0 {
            let mut hosts = system.hosts.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut hosts);
        }
    }

    /// Finds out who sends a request with these headers. Notes the client, if it has an id, and the members among the
    /// request's extensions.
    ///
    /// # Errors
    ///
    /// If the client belongs to another cluster, its id is malformed, or it claims to be a member and its certificate does
    /// not prove it.
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Result<Identity, Status> {
        let Some(system) = &self.0 else {
            return Ok(Identity::Client);
        };
        system.introduction.check_cluster(headers)?;
        extensions.insert(system.membership.clone());
        let claimed = match claimed_id(headers)? {
            None | Some(0) => return Ok(Identity::Client),
            Some(claimed) => NodeId::new(claimed),
        };
        let hosts = system.hosts.read().unwrap_or_else(PoisonError::into_inner);
        let Some(host) = hosts.get(&claimed) else {
            if system.believes(claimed, extensions) {
                extensions.insert(Stranger(claimed));
            }
            return Ok(Identity::Stranger(claimed));
        };
        #[cfg(feature = "_tls-any")]
        if let Some(proof) = &system.proof {
            let claimed = Claimed { id: claimed, host };
            system.verify(proof, claimed, extensions)?;
        }
        #[cfg(not(feature = "_tls-any"))]
        let _ = host;
        extensions.insert(Member(claimed));
        Ok(Identity::Member(claimed))
    }

    /// Registers a stream of somebody who says an id, which the server may end through `end`. `process` is the name that
    /// the client gives itself.
    ///
    /// A member's stream ends the one of another process that claims the same id. A stranger's stream ends when it
    /// becomes a member, so that its next one is the member's.
    pub(crate) fn claim(
        &self,
        identity: Identity,
        process: Option<u128>,
        end: &CancellationToken,
    ) -> Option<Claim> {
        let system = self.0.as_ref()?;
        match identity {
            Identity::Member(member) => {
                let (claim, has_rival) = system.claims.enter(member, process, end);
                if has_rival {
                    telemetry::claimed_again(member);
                }
                Some(claim)
            }
            Identity::Stranger(stranger) => {
                let claim = system.claims.enter_stranger(stranger, end);
                // It may have become one since it was identified.
                let hosts = system.hosts.read().unwrap_or_else(PoisonError::into_inner);
                if hosts.contains_key(&stranger) {
                    system.claims.end_stranger(stranger);
                }
                Some(claim)
            }
            Identity::Client => None,
        }
    }

    /// Adds the headers by which the server introduces itself in its responses.
    pub(crate) fn introduce(&self, headers: &mut HeaderMap) {
        if let Some(system) = &self.0 {
            system.introduction.add_to(headers);
        }
    }
}

impl SystemMembers {
    /// Whether a client that is no member is believed to be `claimed`.
    #[cfg(feature = "_tls-any")]
    fn believes(&self, claimed: NodeId, extensions: &Extensions) -> bool {
        let Some(proof) = &self.proof else {
            return true;
        };
        let presented: Option<&PeerCertificates> = extensions.get();
        let certificate = presented.and_then(|presented| presented.0.first());
        certificate.is_some_and(|certificate| proof.proves(certificate, claimed))
    }

    /// Whether a client that is no member is believed to be `claimed`.
    #[cfg(not(feature = "_tls-any"))]
    fn believes(&self, _: NodeId, _: &Extensions) -> bool {
        true
    }
}

#[cfg(feature = "_tls-any")]
impl SystemMembers {
    /// Checks that the certificate of a request with these extensions proves that the client is `claimed`. The process
    /// itself needs no proof.
    fn verify(
        &self,
        proof: &Proof,
        claimed: Claimed<'_>,
        extensions: &Extensions,
    ) -> Result<(), Status> {
        if extensions.get::<InProcess>().is_some() && claimed.id == self.introduction.id() {
            return Ok(());
        }
        let presented: Option<&PeerCertificates> = extensions.get();
        let outcome = match presented.and_then(|presented| presented.0.first()) {
            Some(certificate) => proof
                .check(certificate, claimed)
                .map_err(|unproved| unproved.to_string()),
            None => Err("it has no certificate".to_owned()),
        };
        outcome.map_err(|why| {
            telemetry::claim_refused(claimed.id, &why, address(extensions));
            Status::permission_denied(format!(
                "the client claims to be node {}: {why}",
                claimed.id
            ))
        })
    }
}

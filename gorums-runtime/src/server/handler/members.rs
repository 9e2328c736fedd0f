//! Who of a server's clients is a member of its system.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use http::{Extensions, HeaderMap};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::claims::{Claim, Claims};
use crate::identity::{Introduction, NodeId, claimed_id};
use crate::telemetry;

/// The members of the system that a server belongs to. A server of its own has none. Clones share the members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members(Option<Arc<SystemMembers>>);

#[derive(Debug)]
struct SystemMembers {
    introduction: Introduction,
    ids: RwLock<HashSet<NodeId>>,
    claims: Claims,
}

/// The member that a request or a stream comes from, among the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member(pub(crate) NodeId);

impl Members {
    /// The members `ids` of a system, of whom the server itself is one.
    pub(crate) fn of_system(
        introduction: Introduction,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        Self(Some(Arc::new(SystemMembers {
            introduction,
            ids: RwLock::new(ids.into_iter().collect()),
            claims: Claims::default(),
        })))
    }

    /// Adds a member. A stream that it opens from now on is that member's.
    pub(crate) fn add(&self, id: NodeId) {
        self.change(|ids| {
            ids.insert(id);
        });
    }

    /// Removes a member and ends its stream. A stream that claims its id from now on is a plain client's.
    pub(crate) fn remove(&self, id: NodeId) {
        self.change(|ids| {
            ids.remove(&id);
        });
        if let Some(system) = &self.0 {
            system.claims.end(id);
        }
    }

    fn change(&self, change: impl FnOnce(&mut HashSet<NodeId>)) {
        if let Some(system) = &self.0 {
            change(&mut system.ids.write().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Finds out which member sends a request with these headers. Returns `None` for any other client, and notes a
    /// member among the request's extensions.
    ///
    /// # Errors
    ///
    /// If the client belongs to another cluster, or its id is malformed.
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Result<Option<NodeId>, Status> {
        let Some(system) = &self.0 else {
            return Ok(None);
        };
        system.introduction.check_cluster(headers)?;
        let Some(claimed) = claimed_id(headers)?.map(NodeId::new) else {
            return Ok(None);
        };
        let ids = system.ids.read().unwrap_or_else(PoisonError::into_inner);
        let member = ids.contains(&claimed).then_some(claimed);
        if let Some(member) = member {
            extensions.insert(Member(member));
        }
        Ok(member)
    }

    /// Registers a stream as that of `member`, which a newer stream of another process will end through `end`.
    /// `process` is the name that the client gives itself. Ends the stream of another process that claims the same id.
    pub(crate) fn claim(
        &self,
        member: NodeId,
        process: Option<u128>,
        end: &CancellationToken,
    ) -> Option<Claim> {
        let system = self.0.as_ref()?;
        let (claim, has_rival) = system.claims.enter(member, process, end);
        if has_rival {
            telemetry::claimed_again(member);
        }
        Some(claim)
    }

    /// Adds the headers by which the server introduces itself in its responses.
    pub(crate) fn introduce(&self, headers: &mut HeaderMap) {
        if let Some(system) = &self.0 {
            system.introduction.add_to(headers);
        }
    }
}

//! Lets only some peers call.

use std::collections::BTreeSet;

use tonic::Status;

use super::{AnyMessage, Next, ServerCall, ServerInterceptor};
use crate::identity::NodeId;

/// Lets only some members of the server's system call, for [`Router::intercept`](crate::server::Router::intercept). All
/// others get `PermissionDenied`.
///
/// Who calls is [`Context::peer`](crate::Context::peer): what a member says of itself is believed unless the members use
/// TLS.
///
/// ```
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # fn example(replica: impl register::register_gorums::RegisterReplica) -> gorums_runtime::Server {
/// use gorums_runtime::Server;
/// use gorums_runtime::interceptors::AllowedPeers;
/// use register::register_gorums::RegisterReplicaServer;
///
/// // Only members write. Everybody reads.
/// Server::new(RegisterReplicaServer::new(replica))
///     .intercept(AllowedPeers::members().of("register.Register/Write"))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AllowedPeers {
    /// `None`: all members.
    ids: Option<BTreeSet<NodeId>>,
    /// The methods that are guarded. Empty: all.
    names: Vec<String>,
}

impl AllowedPeers {
    /// Lets all members of the system call.
    pub fn members() -> Self {
        Self {
            ids: None,
            names: Vec::new(),
        }
    }

    /// Lets the members with these ids call.
    pub fn only<I: Into<NodeId>>(ids: impl IntoIterator<Item = I>) -> Self {
        Self {
            ids: Some(ids.into_iter().map(Into::into).collect()),
            names: Vec::new(),
        }
    }

    /// Guards the methods of `name` alone: a service, such as `register.Register`, or one method of it, such as
    /// `register.Register/Write`. May be repeated. By default all methods are guarded.
    pub fn of(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    fn guards(&self, called: &str) -> bool {
        let service = called
            .split_once('/')
            .map_or(called, |(service, _)| service);
        let mut names = self.names.iter();
        self.names.is_empty() || names.any(|name| *name == called || *name == service)
    }

    fn check(&self, call: &ServerCall) -> Result<(), Status> {
        let refused = |who: String| {
            let name = call.name();
            Err(Status::permission_denied(match &self.ids {
                None => format!("{who} may not call {name}; only members of the system may"),
                Some(ids) => {
                    let ids: Vec<String> = ids.iter().map(NodeId::to_string).collect();
                    let ids = ids.join(", ");
                    format!("{who} may not call {name}; only these nodes may: {ids}")
                }
            }))
        };
        match (call.context().peer(), &self.ids) {
            _ if !self.guards(call.name()) => Ok(()),
            (None, _) => refused("a client that is no member".to_owned()),
            (Some(id), Some(ids)) if !ids.contains(&id) => refused(format!("node {id}")),
            (Some(_), _) => Ok(()),
        }
    }
}

impl ServerInterceptor for AllowedPeers {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        self.check(&call)?;
        next.run(call).await
    }
}

//! How a client reaches replicas.
//!
//! The algorithms are written against this trait, so that tests can run them over a network that loses, repeats and reorders
//! messages as a seed says, without tasks and timers.

use std::time::Duration;

use gorums_runtime::errors::{ConfigurationError, QuorumCallError};
use gorums_runtime::quorum::Quorums;
use gorums_runtime::{CallOptions, Manager, NodeId};

use crate::proto::register_gorums::RegisterConfiguration;
use crate::request::Request;

/// How long a client waits at most before it tries again to decide.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Quorum calls to any set of replicas.
pub trait Access: Send + Sync {
    /// Why a call fails.
    type Error: std::error::Error + Send;

    /// Sends a request to replicas, as far as they can be reached. Returns their replies as soon as those form a quorum, or one of them
    /// [settles](Request::is_settled_by) the call.
    fn call<R: Request>(
        &self,
        replicas: Vec<NodeId>,
        request: R,
        quorums: &Quorums<NodeId>,
    ) -> impl Future<Output = Result<Vec<R::Reply>, Self::Error>> + Send;

    /// Waits for a short random time, so that others can go on.
    fn pause(&self) -> impl Future<Output = ()> + Send;
}

/// Calls to the nodes of a manager, which has to have all nodes that are replicas.
#[derive(Clone, Debug)]
pub struct Network {
    manager: Manager,
    options: CallOptions,
}

/// Why a call to replicas fails.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The manager does not have the nodes of the configuration.
    #[error("the configuration cannot be called: {0}; give the client the addresses of all nodes")]
    Nodes(#[from] ConfigurationError),
    /// There was no quorum in time.
    #[error(transparent)]
    Call(#[from] QuorumCallError),
}

impl Network {
    /// Calls with these options. They should have a timeout.
    pub fn new(manager: Manager, options: CallOptions) -> Self {
        Self { manager, options }
    }
}

impl Access for Network {
    type Error = NetworkError;

    async fn call<R: Request>(
        &self,
        mut replicas: Vec<NodeId>,
        request: R,
        quorums: &Quorums<NodeId>,
    ) -> Result<Vec<R::Reply>, NetworkError> {
        let is_there = |id: &NodeId| self.manager.node(*id).is_ok();
        replicas.retain(|id| quorums.nodes().contains(id) || is_there(id));
        let configuration = self.manager.configuration_of(replicas)?;
        let replicas = RegisterConfiguration::new(configuration).with_options(self.options.clone());
        let quorums = quorums.clone();
        let sent = request.clone();
        let call = request.call(&replicas).quorum(move |replies| {
            let is_settled = replies.messages().any(|reply| sent.is_settled_by(reply));
            (is_settled || replies.form(&quorums)).then(|| replies.take_all())
        });
        Ok(call.await?.into_iter().map(|(_, reply)| reply).collect())
    }

    async fn pause(&self) {
        tokio::time::sleep(LONGEST_PAUSE.mul_f64(fastrand::f64())).await;
    }
}

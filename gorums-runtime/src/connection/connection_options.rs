//! The options of connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Endpoint;

use super::backoff::Backoff;
use super::connector::Connector;
use super::dial::Dial;
use super::resolver::Resolver;
use crate::identity::{Address, Answerer, Introduction, NodeAddress, NodeId, NodeSpec};
#[cfg(feature = "_tls-any")]
use crate::tls::Dialled;

/// The options of all connections of one manager.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) connector: Connector,
    pub(crate) resolver: Resolver,
    pub(crate) backoff: Backoff,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) user_agent: Option<String>,
    /// `None` if the connections are not encrypted.
    #[cfg(feature = "_tls-any")]
    pub(crate) tls: Option<Dialled>,
    pub(crate) adjustment: Option<Adjustment>,
    /// How this process introduces itself, if it is a member of a system.
    pub(crate) introduction: Option<Introduction>,
    /// Whether nodes that answer with other ids than theirs are refused.
    pub(crate) check_node_ids: bool,
}

impl ConnectionOptions {
    /// TCP, with HTTP/2's defaults.
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            connector: Connector::tcp(),
            resolver: Resolver::system(),
            backoff: Backoff::default(),
            keep_alive: None,
            user_agent: None,
            #[cfg(feature = "_tls-any")]
            tls: None,
            adjustment: None,
            introduction: None,
            check_node_ids: false,
        }
    }

    /// The options of the connection of a process to itself, which `connector` makes: nobody else has access to it, so
    /// it is not encrypted, and it does not break.
    pub(crate) fn in_process(&self, connector: Connector) -> Self {
        Self {
            connector,
            resolver: Resolver::unneeded(),
            introduction: self.introduction.clone(),
            check_node_ids: self.check_node_ids,
            ..Self::new(self.connect_timeout)
        }
    }

    /// Who may answer for a node.
    pub(super) fn answerer(&self, id: NodeId) -> Answerer {
        Answerer {
            node_id: self.check_node_ids.then_some(id),
            introduction: self.introduction.clone(),
        }
    }

    /// The scheme of the nodes' URIs.
    pub(super) fn scheme(&self) -> &'static str {
        #[cfg(feature = "_tls-any")]
        if self.tls.is_some() {
            return "https";
        }
        "http"
    }

    /// Dials `node`.
    pub(super) fn dial(&self, node: &NodeAddress) -> Dial {
        let connector = match &node.address {
            #[cfg(unix)]
            Address::Unix(path) => Connector::unix(Arc::clone(path)),
            _ => self.connector.clone(),
        };
        let dial = Dial::new(
            node.address.clone(),
            self.connect_timeout,
            connector,
            self.resolver.clone(),
        );
        #[cfg(feature = "_tls-any")]
        if let Some(tls) = &self.tls {
            return dial.with_tls(tls.clone(), node.clone());
        }
        dial
    }
}

/// Pings on a connection, whether calls are in flight or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepAlive {
    /// How long a connection may be silent before a ping is sent.
    pub(crate) interval: Duration,
    /// How long the answer to a ping may take.
    pub(crate) timeout: Duration,
}

type Adjust = dyn Fn(&NodeSpec, Endpoint) -> Endpoint + Send + Sync;

/// The user's changes to a node's endpoint.
#[derive(Clone)]
pub(crate) struct Adjustment(pub(crate) Arc<Adjust>);

impl fmt::Debug for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adjustment").finish_non_exhaustive()
    }
}

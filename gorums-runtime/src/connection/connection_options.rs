//! How connections to nodes are made and kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Endpoint;

use super::backoff::Backoff;
use super::connector::Connector;
use crate::identity::NodeSpec;

/// What the connections of one manager have in common.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) connector: Connector,
    pub(crate) backoff: Backoff,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) user_agent: Option<String>,
    #[cfg(feature = "_tls-any")]
    pub(crate) tls: Option<tonic::transport::ClientTlsConfig>,
    pub(crate) adjustment: Option<Adjustment>,
}

impl ConnectionOptions {
    /// TCP, and what HTTP/2 has by default.
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            connector: Connector::tcp(),
            backoff: Backoff::default(),
            keep_alive: None,
            user_agent: None,
            #[cfg(feature = "_tls-any")]
            tls: None,
            adjustment: None,
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
}

/// Pings on a connection, whether calls are under way or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepAlive {
    /// How long nothing may arrive before a ping is sent.
    pub(crate) interval: Duration,
    /// How long its answer may take.
    pub(crate) timeout: Duration,
}

type Adjust = dyn Fn(&NodeSpec, Endpoint) -> Endpoint + Send + Sync;

/// What the user changes about a node's endpoint.
#[derive(Clone)]
pub(crate) struct Adjustment(pub(crate) Arc<Adjust>);

impl fmt::Debug for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adjustment").finish_non_exhaustive()
    }
}

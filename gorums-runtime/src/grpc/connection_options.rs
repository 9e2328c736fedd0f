//! How connections to nodes are made and kept.

use std::time::Duration;

use crate::connector::Connector;

/// What the connections of one manager have in common.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) connector: Connector,
}

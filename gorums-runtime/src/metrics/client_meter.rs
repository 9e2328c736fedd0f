//! What calls and nodes report to. Without the feature `metrics`, and without metrics, that costs nothing.

#[cfg(feature = "metrics")]
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;

#[cfg(feature = "metrics")]
use super::Metrics;
#[cfg(feature = "metrics")]
use super::client::{ActiveCall, NodeFigures};
#[cfg(feature = "metrics")]
use super::snapshot::{Labels, Samples};
#[cfg(feature = "metrics")]
use super::sources::Source;
use crate::identity::NodeAddress;

/// Measures the calls of one manager.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientMeter {
    #[cfg(feature = "metrics")]
    metrics: Option<Metrics>,
    /// Whether its nodes are clients of a server, which are not told apart.
    #[cfg(feature = "metrics")]
    has_clients: bool,
}

impl ClientMeter {
    #[cfg(feature = "metrics")]
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: Some(metrics.clone()),
            has_clients: false,
        }
    }

    /// The same for nodes that are clients of a server.
    #[cfg_attr(not(feature = "metrics"), expect(unused_mut))]
    pub(crate) fn of_clients(mut self) -> Self {
        #[cfg(feature = "metrics")]
        {
            self.has_clients = true;
        }
        self
    }

    /// Measures a call of the method of this name that began at the time that `started` returns.
    #[inline]
    pub(crate) fn begin(
        &self,
        method: &'static str,
        started: impl FnOnce() -> Instant,
    ) -> CallMeter {
        #[cfg(not(feature = "metrics"))]
        let _ = (method, started);
        CallMeter {
            #[cfg(feature = "metrics")]
            call: self
                .metrics
                .as_ref()
                .map(|metrics| (metrics.client().begin(method), started())),
        }
    }

    /// Measures the calls on the node at `address`.
    pub(crate) fn node(&self, address: &NodeAddress) -> NodeMeter {
        #[cfg(not(feature = "metrics"))]
        let _ = address;
        NodeMeter {
            #[cfg(feature = "metrics")]
            node: self.metrics.as_ref().map(|metrics| match self.has_clients {
                true => Arc::clone(metrics.client().clients()),
                false => Arc::new(NodeFigures::new(Arc::new(address.clone()))),
            }),
            #[cfg(feature = "metrics")]
            is_client: self.has_clients,
        }
    }

    /// Samples `node` while it lives.
    #[cfg(feature = "metrics")]
    pub(crate) fn watch(&self, node: &Arc<impl Source + 'static>) {
        if let Some(metrics) = &self.metrics {
            let node: Arc<dyn Source> = Arc::clone(node) as _;
            metrics.client().nodes.add(Arc::downgrade(&node));
        }
    }
}

/// Measures one call.
#[derive(Debug, Default)]
pub(crate) struct CallMeter {
    #[cfg(feature = "metrics")]
    call: Option<(ActiveCall, Instant)>,
}

impl CallMeter {
    /// Counts the call with this outcome, unless it has been counted.
    #[inline]
    pub(crate) fn end(&mut self, outcome: usize, name: &'static str) {
        #[cfg(feature = "metrics")]
        if let Some((call, started)) = self.call.take() {
            call.end(outcome, name, started.elapsed());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (outcome, name);
    }
}

/// Measures the calls on one node.
#[derive(Debug, Default)]
pub(crate) struct NodeMeter {
    #[cfg(feature = "metrics")]
    node: Option<Arc<NodeFigures>>,
    #[cfg(feature = "metrics")]
    is_client: bool,
}

impl NodeMeter {
    /// Counts a reply.
    #[inline]
    pub(crate) fn reply(&self, latency: Duration) {
        #[cfg(feature = "metrics")]
        if let Some(node) = &self.node {
            node.reply(latency);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = latency;
    }

    /// Counts a failure.
    pub(crate) fn fail(&self, status: &Status) {
        #[cfg(feature = "metrics")]
        if let Some(node) = &self.node {
            node.fail(status);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = status;
    }

    /// Counts a one-way call that was dropped for lack of room.
    pub(crate) fn drop_call(&self) {
        #[cfg(feature = "metrics")]
        if let Some(node) = &self.node {
            node.drop_call();
        }
    }

    /// Notes that the node has moved.
    pub(crate) fn move_to(&self, address: &NodeAddress) {
        #[cfg(feature = "metrics")]
        if let Some(node) = &self.node {
            node.move_to(Arc::new(address.clone()));
        }
        #[cfg(not(feature = "metrics"))]
        let _ = address;
    }

    /// Adds what was counted, and returns the labels that name the node. `None` if nothing is measured.
    #[cfg(feature = "metrics")]
    pub(crate) fn sample(&self, samples: &mut Samples) -> Option<Labels> {
        let node = self.node.as_ref()?;
        // The figures of all clients together are sampled once.
        if !self.is_client {
            node.sample(samples);
        }
        Some(node.labels())
    }
}

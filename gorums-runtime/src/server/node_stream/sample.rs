//! The values that are read of a server when metrics are.

use tokio_util::task::TaskTracker;

use crate::metrics::{SERVER_STREAMS, SERVER_UNREAD, Samples, Source};
use crate::server::handler::Peers;

/// The streams of a server.
#[derive(Debug)]
pub(super) struct StreamsSource(pub(super) TaskTracker);

impl Source for StreamsSource {
    fn sample(&self, samples: &mut Samples) {
        samples.gauge(&SERVER_STREAMS, Vec::new(), self.0.len());
    }
}

/// The peers of all servers that share their limits.
#[derive(Debug)]
pub(super) struct PeersSource(pub(super) Peers);

impl Source for PeersSource {
    fn sample(&self, samples: &mut Samples) {
        samples.gauge(&SERVER_UNREAD, Vec::new(), self.0.unread());
    }
}

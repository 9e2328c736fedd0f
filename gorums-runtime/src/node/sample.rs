//! The values that are read of a node when metrics are.

use super::NodeParts;
use crate::call::Transport;
use crate::metrics::{
    NODE_CONNECTED, NODE_CONNECTION_FAILURES, NODE_CONNECTIONS, NODE_QUEUE, NODE_QUEUE_LIMIT,
    NODE_QUEUE_SIZE, NODE_QUEUE_SIZE_LIMIT, NODE_STRAGGLERS, Samples, Source,
};

impl Source for NodeParts {
    fn sample(&self, samples: &mut Samples) {
        let Some(node) = self.info.observations.meter().sample(samples) else {
            return;
        };
        let labels = || node.clone();
        if self.info.transport == Transport::NodeStream || self.keep_connected {
            let tally = self.info.connection.tally();
            let is_connected = usize::from(tally.is_connected);
            samples.gauge(&NODE_CONNECTED, labels(), is_connected);
            samples.counter(&NODE_CONNECTIONS, labels(), tally.opened);
            samples.counter(&NODE_CONNECTION_FAILURES, labels(), tally.failed);
        }
        let (messages, bytes) = self.stream.depth();
        samples.gauge(&NODE_QUEUE, labels(), messages);
        samples.gauge(&NODE_QUEUE_LIMIT, labels(), self.limits.queue.messages);
        samples.gauge(&NODE_QUEUE_SIZE, labels(), bytes);
        samples.gauge(&NODE_QUEUE_SIZE_LIMIT, labels(), self.limits.queue.bytes);
        let stragglers = self.stragglers.len() + self.stream.stragglers();
        samples.gauge(&NODE_STRAGGLERS, labels(), stragglers);
    }
}

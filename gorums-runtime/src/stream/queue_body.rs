//! The request that a stream is.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use super::queue::Queue;

/// The messages of a queue, from when they are there.
#[derive(Debug)]
pub(crate) struct QueueBody {
    queue: Arc<Queue>,
    stream: u64,
}

impl QueueBody {
    /// The messages of `queue` for `stream`.
    pub(crate) fn new(queue: Arc<Queue>, stream: u64) -> Self {
        Self { queue, stream }
    }
}

impl http_body::Body for QueueBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let burst = self.queue.poll_burst(self.stream, cx);
        burst.map(|burst| burst.map(|burst| Ok(Frame::data(burst))))
    }
}

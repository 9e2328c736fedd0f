//! The body of a stream's request or response.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use super::pending::Burst;
use super::queue::Queue;
use super::stream_number::StreamNumber;

/// A body fed from a queue.
#[derive(Debug)]
pub(crate) struct QueueBody {
    queue: Arc<Queue>,
    stream: StreamNumber,
    /// Empty between bursts.
    burst: Burst,
}

impl QueueBody {
    /// The messages of `queue` for `stream`.
    pub(crate) fn new(queue: Arc<Queue>, stream: StreamNumber) -> Self {
        Self {
            queue,
            stream,
            burst: Burst::default(),
        }
    }
}

impl http_body::Body for QueueBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self {
            queue,
            stream,
            burst,
        } = &mut *self;
        let bytes = queue.poll_burst(*stream, burst, cx);
        bytes.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

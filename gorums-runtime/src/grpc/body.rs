//! The bodies of requests that are sent in one piece, and of streams of messages.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use super::message_queue::MessageQueue;
use crate::call::Receipt;

/// A body of one frame. It does not tell its size, which would be sent as a header that gRPC has no use for.
#[derive(Debug)]
pub(crate) struct FrameBody {
    frame: Option<Bytes>,
    receipt: Option<Receipt>,
}

impl FrameBody {
    /// The body that is `frame`. The transport's taking it is noted on `receipt`.
    pub(super) fn new(frame: Bytes, receipt: Option<Receipt>) -> Self {
        Self {
            frame: Some(frame),
            receipt,
        }
    }
}

impl http_body::Body for FrameBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frame.take();
        if let Some(receipt) = self.receipt.take() {
            receipt.sign(Ok(()));
        }
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.frame.is_none()
    }
}

/// A body of the messages that are put in a queue.
#[derive(Debug)]
pub(super) struct MessageBody {
    queue: MessageQueue,
}

impl MessageBody {
    pub(super) fn new(queue: MessageQueue) -> Self {
        Self { queue }
    }
}

impl http_body::Body for MessageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.queue.poll_next(cx);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.queue.is_drained()
    }
}

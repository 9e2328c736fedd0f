//! The bodies of requests: one frame, or a stream of messages.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use super::message_queue::MessageQueue;
use crate::call::Receipt;

/// A body of one frame. It does not report its size, because gRPC has no use for the header that would announce it.
#[derive(Debug)]
pub(crate) struct FrameBody {
    frame: Option<Bytes>,
    receipt: Option<Receipt>,
}

impl FrameBody {
    /// Creates the body of `frame`. Signs `receipt` when the transport takes the frame.
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

/// A body fed from a queue of messages.
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

//! Bodies whose frames are sent one by one.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;
use tonic::Status;
use tonic::body::Body;

/// Sends the frames of a body, which ends when this is dropped.
pub(crate) type Frames = mpsc::UnboundedSender<Result<Frame<Bytes>, Status>>;

struct Given(mpsc::UnboundedReceiver<Result<Frame<Bytes>, Status>>);

/// A body, and the sender of its frames.
pub(crate) fn body() -> (Frames, Body) {
    let (frames, given) = mpsc::unbounded_channel();
    (frames, Body::new(Given(given)))
}

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_recv(cx)
    }
}

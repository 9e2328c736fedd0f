//! Streams to clients, which have no connection of their own.

use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

use super::opener::OpenedStream;
use super::silence::Silence;
use crate::node_info::DISCONNECTED;
use crate::wire::{Messages, QueueBody};

/// A stream that a client has opened, which also carries calls to that client.
///
/// It takes one stream of requests. The replies do not come through it: whoever reads the client's messages
/// [delivers](super::NodeStream::deliver) them.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// Takes the requests. `None` once it has them.
    requests: Mutex<Option<oneshot::Sender<Body>>>,
    is_extended: bool,
    /// Cancelled when the client's stream has ended.
    gone: CancellationToken,
}

impl Carrier {
    /// The stream whose end cancels `gone`, and which sends the messages that it gets through `requests`.
    pub(crate) fn new(
        requests: oneshot::Sender<Body>,
        is_extended: bool,
        gone: CancellationToken,
    ) -> Self {
        Self {
            requests: Mutex::new(Some(requests)),
            is_extended,
            gone,
        }
    }

    /// The status of calls to a client whose stream has ended.
    fn gone() -> Status {
        Status::unavailable(DISCONNECTED)
    }

    /// Sends the messages of `body` on the client's stream.
    ///
    /// # Errors
    ///
    /// If that stream has ended.
    pub(super) fn open(&self, body: QueueBody) -> Result<OpenedStream, Status> {
        let requests = &mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = requests.take().ok_or_else(Self::gone)?;
        sender.send(Body::new(body)).map_err(|_| Self::gone())?;
        let until_gone = UntilGone(Box::pin(self.gone.clone().cancelled_owned()));
        Ok(OpenedStream {
            messages: Messages::new(Body::new(until_gone), 0),
            silence: Silence::agreed(&HeaderMap::new()),
            is_extended: self.is_extended,
        })
    }
}

/// A body without data that fails when the client has disconnected.
struct UntilGone(Pin<Box<WaitForCancellationFutureOwned>>);

impl http_body::Body for UntilGone {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        ready!(pin!(&mut self.0).poll(cx));
        Poll::Ready(Some(Err(Carrier::gone())))
    }
}

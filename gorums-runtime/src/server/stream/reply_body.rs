//! The body of the response that a stream is.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use super::keep_alive::KeepAlive;
use crate::stream::QueueBody;

/// The replies on a stream, and the status that it ends with.
#[derive(Debug)]
pub(super) struct ReplyBody {
    /// None once all replies are sent.
    replies: Option<QueueBody>,
    /// Of a client that asks for it.
    keep_alive: Option<KeepAlive>,
    end: End,
    ended: bool,
    /// Tells that the client is gone.
    _gone: DropGuard,
}

/// The status that a stream ends with, which is known when it does.
#[derive(Clone, Debug, Default)]
pub(super) struct End(Arc<Mutex<Option<Status>>>);

impl End {
    /// Sets the status, unless it is known.
    pub(super) fn set(&self, status: Status) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.get_or_insert(status);
    }

    fn trailers(&self) -> HeaderMap {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = end.take().unwrap_or_else(|| Status::ok(""));
        let mut trailers = HeaderMap::new();
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(Status::GRPC_STATUS, http::HeaderValue::from_static("13"));
        }
        trailers
    }
}

impl ReplyBody {
    pub(super) fn new(
        replies: QueueBody,
        keep_alive: Option<KeepAlive>,
        end: End,
        gone: CancellationToken,
    ) -> Self {
        Self {
            replies: Some(replies),
            keep_alive,
            end,
            ended: false,
            _gone: gone.drop_guard(),
        }
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self {
            replies,
            keep_alive,
            ..
        } = &mut *self;
        if let Some(queue) = replies {
            match (Pin::new(queue).poll_frame(cx), keep_alive) {
                (Poll::Ready(Some(frame)), keep_alive) => {
                    keep_alive.as_mut().map(KeepAlive::note_sent);
                    return Poll::Ready(Some(frame));
                }
                (Poll::Ready(None), _) => *replies = None,
                (Poll::Pending, Some(keep_alive)) => {
                    let message = ready!(keep_alive.poll_message(cx));
                    return Poll::Ready(Some(Ok(Frame::data(message))));
                }
                (Poll::Pending, None) => return Poll::Pending,
            }
        }
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::trailers(self.end.trailers()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

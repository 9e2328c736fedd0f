//! The response body of a node stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;

use super::keep_alive::KeepAlive;
use crate::server::handler::{Progress, Visit, next_piece};
use crate::wire::{CarryingBody, MAX_FRAME, Unread};

/// The most bytes that HTTP/2 gets at once. It keeps them until the client's window lets them through.
const PIECE: usize = MAX_FRAME as usize;

/// The replies on a stream, the server's own calls to the client, and the status that it ends with.
#[derive(Debug)]
pub(super) struct ReplyBody {
    /// `None` once all replies are sent.
    replies: Option<CarryingBody>,
    /// Present if the client asks for it.
    keep_alive: Option<KeepAlive>,
    outlet: Arc<Outlet>,
    /// Whether the outlet holds the rest of a large reply.
    has_rest: bool,
    end: End,
    ended: bool,
    /// Cancels the stream when HTTP/2 drops the body, as it does when the client disconnects.
    _gone: DropGuard,
    /// Count the stream for as long as HTTP/2 holds its response.
    _counted: (Visit, TaskTrackerToken),
}

/// Where the replies leave for HTTP/2.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) progress: Progress,
    unread: Arc<Unread>,
    /// The rest of a large reply that HTTP/2 has not got yet.
    rest: Mutex<Bytes>,
}

impl Outlet {
    pub(super) fn new(unread: Arc<Unread>) -> Self {
        Self {
            progress: Progress::default(),
            unread,
            rest: Mutex::default(),
        }
    }

    /// Drops the rest of a large reply.
    pub(super) fn clear(&self) {
        let rest = std::mem::take(&mut *self.lock());
        self.unread.subtract(rest.len());
    }

    /// Keeps the rest of a large reply, and returns its beginning.
    fn keep(&self, mut reply: Bytes) -> Bytes {
        let piece = next_piece(&mut reply, PIECE);
        self.unread.add(reply.len());
        *self.lock() = reply;
        piece
    }

    /// Returns the next piece of a large reply, and whether it is the last. `None` if the rest was dropped.
    fn next(&self) -> Option<(Bytes, bool)> {
        let mut rest = self.lock();
        let piece = next_piece(&mut rest, PIECE);
        self.unread.subtract(piece.len());
        (!piece.is_empty()).then(|| (piece, rest.is_empty()))
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The status that a stream ends with, once it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct End(Arc<Mutex<Option<Status>>>);

impl End {
    /// Sets the status, unless one is set already.
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
        replies: CarryingBody,
        keep_alive: Option<KeepAlive>,
        outlet: Arc<Outlet>,
        end: End,
        gone: CancellationToken,
        counted: (Visit, TaskTrackerToken),
    ) -> Self {
        Self {
            replies: Some(replies),
            keep_alive,
            outlet,
            has_rest: false,
            end,
            ended: false,
            _gone: gone.drop_guard(),
            _counted: counted,
        }
    }

    /// Returns the next bytes, of one or several replies; `None` at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.has_rest {
            let next = self.outlet.next();
            self.has_rest = next.as_ref().is_some_and(|(_, is_last)| !is_last);
            // If the rest was dropped, the stream ends: it cannot go on in the middle of a reply.
            return Poll::Ready(next.map(|(piece, _)| piece));
        }
        let Some(replies) = &mut self.replies else {
            return Poll::Ready(None);
        };
        let frame = match (Pin::new(replies).poll_frame(cx), &mut self.keep_alive) {
            (Poll::Pending, Some(keep_alive)) => {
                // Only between replies, never within one.
                return keep_alive.poll_message(cx).map(Some);
            }
            (frame, _) => ready!(frame),
        };
        let bytes = frame.and_then(|Ok(frame)| frame.into_data().ok());
        Poll::Ready(bytes.map(|bytes| match bytes.len() > PIECE {
            true => {
                self.has_rest = true;
                self.outlet.keep(bytes)
            }
            false => bytes,
        }))
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let bytes = self.poll_bytes(cx);
        self.outlet.progress.asked(bytes.is_ready());
        if let Some(bytes) = ready!(bytes) {
            if let Some(keep_alive) = &mut self.keep_alive {
                keep_alive.note_sent();
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        self.replies = None;
        self.ended = true;
        Poll::Ready(Some(Ok(Frame::trailers(self.end.trailers()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

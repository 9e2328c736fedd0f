//! The body of the response that a stream is.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use super::keep_alive::KeepAlive;
use crate::server::handler::{Progress, Visit, next_piece};
use crate::wire::{MAX_FRAME, QueueBody, Unread};

/// How many bytes HTTP/2 is given at once, at most. It keeps them until the client's window lets them through.
const PIECE: usize = MAX_FRAME as usize;

/// The replies on a stream, and the status that it ends with.
#[derive(Debug)]
pub(super) struct ReplyBody {
    /// None once all replies are sent.
    replies: Option<QueueBody>,
    /// Of a client that asks for it.
    keep_alive: Option<KeepAlive>,
    outlet: Arc<Outlet>,
    /// Whether the outlet has the rest of a large reply.
    has_rest: bool,
    end: End,
    ended: bool,
    /// Tells that the client is gone.
    _gone: DropGuard,
    /// A stream counts for as long as HTTP/2 has its response.
    _visit: Visit,
}

/// Where the replies leave for HTTP/2.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) progress: Progress,
    unread: Arc<Unread>,
    /// What HTTP/2 has not been given yet of a large reply.
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

    /// Keeps the rest of a large reply. Returns its beginning.
    fn keep(&self, mut reply: Bytes) -> Bytes {
        let piece = next_piece(&mut reply, PIECE);
        self.unread.add(reply.len());
        *self.lock() = reply;
        piece
    }

    /// The next piece of a large reply, and whether that leaves none. None if it was dropped.
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
        outlet: Arc<Outlet>,
        end: End,
        gone: CancellationToken,
        visit: Visit,
    ) -> Self {
        Self {
            replies: Some(replies),
            keep_alive,
            outlet,
            has_rest: false,
            end,
            ended: false,
            _gone: gone.drop_guard(),
            _visit: visit,
        }
    }

    /// The next bytes, of one reply or several; none when there are no more.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.has_rest {
            let next = self.outlet.next();
            self.has_rest = next.as_ref().is_some_and(|(_, is_last)| !is_last);
            // A stream in the middle of a reply cannot go on.
            return Poll::Ready(next.map(|(piece, _)| piece));
        }
        let Some(replies) = &mut self.replies else {
            return Poll::Ready(None);
        };
        let frame = match (Pin::new(replies).poll_frame(cx), &mut self.keep_alive) {
            (Poll::Pending, Some(keep_alive)) => {
                // Between replies, never within one.
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

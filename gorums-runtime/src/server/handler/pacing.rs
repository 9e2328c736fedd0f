//! Bounds how long, and how many, responses to plain gRPC calls wait for their clients.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::task::noop_waker_ref;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use smallvec::SmallVec;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic::body::Body;

use super::interceptor::Interceptors;
use super::limits::StreamLimits;
use super::members::Members;
use super::peers::{Peers, Visit};
use super::progress::{Progress, next_piece};
use crate::call::MessageSize;
use crate::metrics::ServerMeter;

/// Responses of up to this many bytes are not counted, because the number of calls in flight bounds them.
const SMALL: usize = 16 * 1024;

/// The most bytes that HTTP/2 gets at once. It keeps them until the client's window lets them through, even if the
/// response was dropped: 128 MiB for all calls that a connection may have in flight.
const PIECE: usize = 32 * 1024;

/// Ends responses to plain gRPC calls whose clients do not take them, and counts the unread bytes of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pacing {
    pub(crate) peers: Peers,
    pub(crate) limits: StreamLimits,
    pub(crate) max_message_size: MessageSize,
    pub(crate) members: Members,
    pub(crate) interceptors: Option<Interceptors>,
    pub(crate) meter: ServerMeter,
}

impl Pacing {
    /// Registers a call of a peer that has replies to read. Peers without an address are not told apart and not
    /// limited.
    pub(super) fn visit(&self, peer: Option<SocketAddr>) -> Option<Visit> {
        self.peers.answer(peer?.ip(), &self.limits)
    }

    /// Wraps the response so that it ends if its client does not take it.
    pub(crate) fn pace(
        &self,
        peer: Option<SocketAddr>,
        response: http::Response<Body>,
    ) -> http::Response<Body> {
        if response.body().is_end_stream() {
            return response;
        }
        let (head, mut body) = response.into_parts();
        // Most responses are small and ready. They are encoded here, before HTTP/2 asks for them; the others are polled
        // again.
        let mut cx = Context::from_waker(noop_waker_ref());
        let mut ahead = Ahead::new();
        while ahead.len() < 2
            && let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx)
        {
            ahead.push(frame);
        }
        let bytes = ahead.iter().map(data_len).sum();
        let is_whole = ahead
            .iter()
            .any(|frame| !matches!(frame, Ok(it) if it.is_data()));
        if is_whole && bytes <= SMALL {
            return http::Response::from_parts(head, Body::new(Whole(ahead)));
        }
        let visit = self.visit(peer);
        if let Some(visit) = &visit {
            if !visit.unread().has_room(bytes, false) {
                return too_much().into_http();
            }
            visit.unread().add(bytes);
        }
        let shared = Arc::new(Shared {
            progress: Progress::default(),
            state: Mutex::new(PacedState {
                body: Some(body),
                ahead,
                rest: Bytes::new(),
                counted: bytes,
                visit,
                failure: None,
            }),
        });
        shared.progress.asked(true);
        let gone = CancellationToken::new();
        let (ended, timeout) = (gone.clone(), self.limits.stall_timeout);
        let stalling = Arc::clone(&shared);
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = stalling.progress.stalled(timeout) => {
                    stalling.lock().fail(Status::resource_exhausted(format!(
                        "the client has not read the response for {timeout:?}"
                    )));
                }
            }
        });
        let body = Paced {
            shared,
            _gone: gone.drop_guard(),
        };
        http::Response::from_parts(head, Body::new(body))
    }
}

fn too_much() -> Status {
    Status::resource_exhausted(
        "the client's unread replies leave no room for this one; read them sooner, or make fewer calls at once",
    )
}

/// The frames that a body returned when it was first polled: its beginning, and perhaps its end.
type Ahead = SmallVec<[Result<Frame<Bytes>, Status>; 2]>;

fn pop(ahead: &mut Ahead) -> Option<Result<Frame<Bytes>, Status>> {
    (!ahead.is_empty()).then(|| ahead.remove(0))
}

fn data_len(frame: &Result<Frame<Bytes>, Status>) -> usize {
    match frame {
        Ok(frame) => frame.data_ref().map_or(0, Bytes::len),
        Err(_) => 0,
    }
}

/// A small response that is complete.
struct Whole(Ahead);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(pop(&mut self.0))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// A response that is large or incomplete.
struct Paced {
    shared: Arc<Shared>,
    /// Cancelled when HTTP/2 drops the response.
    _gone: DropGuard,
}

struct Shared {
    progress: Progress,
    state: Mutex<PacedState>,
}

struct PacedState {
    /// `None` once it has ended.
    body: Option<Body>,
    /// The frames that the body has already returned.
    ahead: Ahead,
    /// The rest of a large frame that HTTP/2 has not got yet.
    rest: Bytes,
    /// How many bytes the peer's account holds for this response.
    counted: usize,
    visit: Option<Visit>,
    /// Why the response ended early; taken when it is sent.
    failure: Option<Status>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PacedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PacedState {
    /// Drops the rest of the response, and ends it with `status`.
    fn fail(&mut self, status: Status) {
        self.body = None;
        self.ahead.clear();
        self.rest = Bytes::new();
        self.count(0);
        self.failure = Some(status);
    }

    /// Sets how many bytes the peer's account holds.
    fn count(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.counted, bytes);
        if let Some(visit) = &self.visit {
            match bytes.checked_sub(before) {
                Some(more) => visit.unread().add(more),
                None => visit.unread().subtract(before - bytes),
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            let next = match pop(&mut self.ahead) {
                Some(frame) => Some(frame),
                None => match &mut self.body {
                    Some(body) => ready!(Pin::new(body).poll_frame(cx)),
                    None => None,
                },
            };
            match next {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.len() <= PIECE => return self.give(data),
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(self.failure.take().map(|status| trailers(&status))),
            }
        }
        let piece = next_piece(&mut self.rest, PIECE);
        self.give(piece)
    }

    /// Returns `piece` to HTTP/2, if the peer's account has room for the bytes left here.
    fn give(&mut self, piece: Bytes) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let left = self.rest.len() + self.ahead.iter().map(data_len).sum::<usize>();
        if left > self.counted
            && let Some(visit) = &self.visit
            && !visit.unread().has_room(left - self.counted, false)
        {
            self.fail(too_much());
            return Poll::Ready(self.failure.take().map(|status| trailers(&status)));
        }
        self.count(left);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Drop for PacedState {
    fn drop(&mut self) {
        self.count(0);
    }
}

fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(Frame::trailers(trailers))
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = self.shared.lock().poll_frame(cx);
        self.shared.progress.asked(frame.is_ready());
        frame
    }
}

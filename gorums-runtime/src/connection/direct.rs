//! HTTP/2 connections without tonic's channel.
//!
//! In tonic's channel, each call wakes three tasks when it is sent (the channel's queue, hyper's dispatcher and the
//! connection), and a fourth waits for its response. Here the caller passes its call to HTTP/2 itself, and the
//! connection wakes it. The page on benchmarks says what that saves.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::header::USER_AGENT;
use http::{HeaderValue, Uri};
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tonic::{ConnectError, Status};

use crate::call::Receipt;
use crate::status;
use crate::support::Tasks;
use crate::wire::MAX_FRAME;

/// How many cancelled RPCs a connection remembers, in order to ignore their late replies.
///
/// A reply to a forgotten RPC counts as a protocol error of the server. The default of 50 is too low: one burst of
/// cancelled calls exceeds it.
pub(super) const REMEMBERED_RESETS: usize = 16_384;

/// How many calls may be sent before the server announces its limit. HTTP/2 recommends this value.
const STREAMS_AT_FIRST: usize = 100;

/// A connection that is made when it is first needed, and again after it was lost. Clones share it.
#[derive(Clone)]
pub(crate) struct Direct(Arc<DirectParts>);

struct DirectParts {
    origin: Uri,
    user_agent: HeaderValue,
    connect: Box<dyn Fn() -> BoxFuture<'static, Connected> + Send + Sync>,
    tasks: Tasks,
    state: Mutex<ConnectionState>,
}

enum ConnectionState {
    Idle,
    Connecting(Shared<BoxFuture<'static, Connected>>),
    Connected(SendRequest<Bytes>),
}

/// A connection, or why there is none.
pub(super) type Connected = Result<SendRequest<Bytes>, ConnectionError>;

/// Why there is no connection, for all calls that waited for it.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct ConnectionError(Arc<dyn std::error::Error + Send + Sync>);

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<h2::Error> for ConnectionError {
    fn from(error: h2::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl Direct {
    /// Creates a connection to `origin`, which `connect` makes on demand. Its calls run among `tasks`.
    pub(super) fn new(
        origin: Uri,
        user_agent: HeaderValue,
        connect: impl Fn() -> BoxFuture<'static, Connected> + Send + Sync + 'static,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(DirectParts {
            origin,
            user_agent,
            connect: Box::new(connect),
            tasks,
            state: Mutex::new(ConnectionState::Idle),
        }))
    }

    /// Sends `request` with `frame` as its body, and waits for the head of the response. Signs `receipt` when the
    /// connection has taken the request.
    pub(crate) async fn exchange(
        &self,
        request: http::Request<()>,
        frame: Bytes,
        receipt: Option<Receipt>,
    ) -> Result<http::Response<ResponseBody>, Status> {
        if let Some(connection) = self.connected() {
            return self.send(connection, request, frame, receipt).await;
        }
        // A task of its own sends the request once there is a connection, even if the caller does not poll in the
        // meantime.
        let direct = self.clone();
        let mut sending = JoinSet::new();
        let send = async move {
            let connection = direct.ready().await?;
            direct.send(connection, request, frame, receipt).await
        };
        sending.spawn_on(send, self.0.tasks.runtime());
        let sent = sending.join_next().await;
        sent.and_then(Result::ok)
            .unwrap_or_else(|| Err(Status::unavailable("the manager's runtime has ended")))
    }

    async fn send(
        &self,
        mut connection: SendRequest<Bytes>,
        mut request: http::Request<()>,
        frame: Bytes,
        receipt: Option<Receipt>,
    ) -> Result<http::Response<ResponseBody>, Status> {
        let mut uri = self.0.origin.clone().into_parts();
        uri.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() =
            Uri::from_parts(uri).map_err(|error| Status::internal(error.to_string()))?;
        request
            .headers_mut()
            .entry(USER_AGENT)
            .or_insert_with(|| self.0.user_agent.clone());
        let (mut response, mut body) = connection.send_request(request, false).map_err(failed)?;
        if let Some(receipt) = receipt {
            poll_fn(|cx| connection.poll_ready(cx))
                .await
                .map_err(failed)?;
            receipt.sign(Ok(()));
        }
        drop(connection);
        let response = match body.send_data(frame, true) {
            Ok(()) => response.await,
            // The node has already answered or reset the stream, which explains the error.
            Err(error) => (&mut response).now_or_never().unwrap_or(Err(error)),
        };
        let response = response.map_err(failed)?;
        Ok(response.map(ResponseBody))
    }

    /// Returns the connection, if there is one.
    fn connected(&self) -> Option<SendRequest<Bytes>> {
        let mut state = self.state();
        let ConnectionState::Connected(connection) = &*state else {
            return None;
        };
        let mut connection = connection.clone();
        // Never pending, because a new clone has sent nothing.
        if let Poll::Ready(Err(_)) = connection.poll_ready(&mut Context::from_waker(Waker::noop()))
        {
            *state = ConnectionState::Idle;
            return None;
        }
        Some(connection)
    }

    /// Waits for the connection, and makes it if necessary.
    pub(super) async fn ready(&self) -> Result<SendRequest<Bytes>, Status> {
        if let Some(connection) = self.connected() {
            return Ok(connection);
        }
        let attempt = {
            let mut state = self.state();
            match &*state {
                // Another call has just connected.
                ConnectionState::Connected(connection) => return Ok(connection.clone()),
                ConnectionState::Connecting(attempt) => attempt.clone(),
                ConnectionState::Idle => {
                    let attempt = (self.0.connect)().shared();
                    *state = ConnectionState::Connecting(attempt.clone());
                    attempt
                }
            }
        };
        let outcome = attempt.clone().await;
        let mut state = self.state();
        if matches!(&*state, ConnectionState::Connecting(current) if current.ptr_eq(&attempt)) {
            *state = match &outcome {
                Ok(connection) => ConnectionState::Connected(connection.clone()),
                Err(_) => ConnectionState::Idle,
            };
        }
        outcome.map_err(|error| status::unavailable(Box::new(ConnectError(Box::new(error)))))
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Direct").field(&self.0.origin).finish()
    }
}

/// Begins HTTP/2 on `connection`, which one of `tasks` drives. Windows and limits are those of a channel.
pub(super) async fn shake_hands(
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    tasks: &Tasks,
) -> Connected {
    let (requests, connection) = h2::client::Builder::new()
        .initial_window_size(2 << 20)
        .initial_connection_window_size(5 << 20)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(16 << 10)
        .max_send_buffer_size(1 << 20)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(None)
        .enable_push(false)
        .handshake(connection)
        .await?;
    // The connection's calls report how it ends.
    tasks.spawn(async move { drop(connection.await) });
    Ok(requests)
}

fn failed(error: h2::Error) -> Status {
    Status::from_error(Box::new(error))
}

/// The body of a response.
pub(crate) struct ResponseBody(RecvStream);

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match ready!(self.0.poll_data(cx)) {
            Some(Ok(data)) => {
                // Fails only if the stream has ended and has no window left.
                let _ = self.0.flow_control().release_capacity(data.len());
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            // The response is complete, and the server does not need the rest of the request.
            Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => {
                return Poll::Ready(None);
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(failed(error)))),
            None => {}
        }
        let trailers = ready!(self.0.poll_trailers(cx)).map_err(failed);
        Poll::Ready(
            trailers
                .transpose()
                .map(|trailers| trailers.map(Frame::trailers)),
        )
    }
}

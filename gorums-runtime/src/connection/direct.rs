//! Connections without a channel.
//!
//! In tonic's channel each call wakes three tasks on its way out, those of its queue, of hyper's dispatcher and of the
//! connection, and has a fourth to wait for the response. Here its caller hands it to HTTP/2 itself, and is woken by the
//! connection: a call to three nodes takes 123,000 instructions, and one by tonic's generated client 178,000 (64 under
//! way, user space, by callgrind).

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

/// How many withdrawn RPCs a connection remembers, so that their late replies are ignored.
///
/// A reply to an RPC that is forgotten counts as a protocol error of the server. HTTP/2's default is 50, which a
/// burst of withdrawn calls exceeds at once.
pub(super) const REMEMBERED_RESETS: usize = 16_384;

/// How many calls may be sent before the server has said how many it takes, as HTTP/2 recommends it.
const STREAMS_AT_FIRST: usize = 100;

/// A connection that is made when it is needed, and anew after it was lost. Clones are the same.
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
    /// A connection to `origin` that `connect` makes, for calls among `tasks`.
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

    /// Sends `request` with `frame` as its body, and waits for the head of the response. `receipt` tells when the
    /// connection has taken it.
    pub(crate) async fn exchange(
        &self,
        request: http::Request<()>,
        frame: Bytes,
        receipt: Option<Receipt>,
    ) -> Result<http::Response<ResponseBody>, Status> {
        if let Some(connection) = self.connected() {
            return self.send(connection, request, frame, receipt).await;
        }
        // It is sent once there is a connection, also when its caller does not look at it in the meantime.
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
            // The node has answered or reset the stream already, and that is why.
            Err(error) => (&mut response).now_or_never().unwrap_or(Err(error)),
        };
        let response = response.map_err(failed)?;
        Ok(response.map(ResponseBody))
    }

    /// The connection, if there is one.
    fn connected(&self) -> Option<SendRequest<Bytes>> {
        let mut state = self.state();
        let ConnectionState::Connected(connection) = &*state else {
            return None;
        };
        let mut connection = connection.clone();
        // It is never pending: a clone has sent nothing.
        if let Poll::Ready(Err(_)) = connection.poll_ready(&mut Context::from_waker(Waker::noop()))
        {
            *state = ConnectionState::Idle;
            return None;
        }
        Some(connection)
    }

    /// The connection, once there is one.
    pub(super) async fn ready(&self) -> Result<SendRequest<Bytes>, Status> {
        if let Some(connection) = self.connected() {
            return Ok(connection);
        }
        let attempt = {
            let mut state = self.state();
            match &*state {
                // Another call was faster.
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

/// Begins HTTP/2 on `connection`, which is driven by one of `tasks`. The windows and limits are those that a channel has.
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
    // How it ends is for its calls to tell.
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
                // The stream may have ended, and has no window then.
                let _ = self.0.flow_control().release_capacity(data.len());
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            // The response is complete, and the request of no more interest.
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

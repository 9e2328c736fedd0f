//! Receives the messages of a node stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::Body as _;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::deframer::{Deframer, Received};
use crate::status;

/// The messages that a peer sends on a stream. After an error there are none.
#[derive(Debug)]
pub(crate) struct Messages {
    /// `None` once it has ended.
    body: Option<Body>,
    deframer: Deframer,
    /// When the bytes arrived that are being split. Many messages arrive at once.
    came: Instant,
}

impl Messages {
    /// Reads the messages in `body`, of at most `most` bytes each.
    pub(crate) fn new(body: Body, most: usize) -> Self {
        Self {
            body: Some(body),
            deframer: Deframer::new(most),
            came: Instant::now(),
        }
    }

    /// When the last message arrived.
    pub(crate) fn came(&self) -> Instant {
        self.came
    }

    /// Returns the next message of those that have arrived.
    ///
    /// # Errors
    ///
    /// If the stream cannot go on.
    pub(crate) fn next(&mut self) -> Result<Option<Received<'_>>, Status> {
        let Self { body, deframer, .. } = self;
        deframer.next().inspect_err(|_| *body = None)
    }

    /// The last message that [`next`](Self::next) returned whole, encoded.
    pub(crate) fn last(&self) -> &[u8] {
        self.deframer.last()
    }

    /// Waits for more bytes. Returns false at the end of the stream. Call it only after [`next`](Self::next) has
    /// returned `None`.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Status>> {
        let more = ready!(self.poll_bytes(cx));
        if !matches!(more, Ok(true)) {
            self.body = None;
        }
        Poll::Ready(more)
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Status>> {
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(false));
            };
            let Some(frame) = ready!(Pin::new(body).poll_frame(cx)?) else {
                return Poll::Ready(match self.deframer.is_between_messages() {
                    true => Ok(false),
                    false => Err(Status::internal(
                        "the stream ended in the middle of a message",
                    )),
                });
            };
            match frame.into_data() {
                Ok(bytes) => {
                    self.came = Instant::now();
                    self.deframer.push(bytes);
                    return Poll::Ready(Ok(true));
                }
                Err(frame) => {
                    if let Some(status) = frame.trailers_ref().and_then(status::failure) {
                        return Poll::Ready(Err(status));
                    }
                }
            }
        }
    }
}

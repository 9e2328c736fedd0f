//! The messages of a node stream, as they are received.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::Body as _;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::deframer::{Deframer, Received};
use crate::status;

/// The messages that a peer sends on a stream, out of the body that they come in. After an error there are none.
#[derive(Debug)]
pub(crate) struct Messages {
    /// None once it is over.
    body: Option<Body>,
    deframer: Deframer,
    /// When the bytes came that are taken apart: many messages come at once.
    came: Instant,
}

impl Messages {
    /// The messages in `body`, of `most` bytes at most.
    pub(crate) fn new(body: Body, most: usize) -> Self {
        Self {
            body: Some(body),
            deframer: Deframer::new(most),
            came: Instant::now(),
        }
    }

    /// When the last message came.
    pub(crate) fn came(&self) -> Instant {
        self.came
    }

    /// The next message of those that have come.
    ///
    /// # Errors
    ///
    /// When the stream cannot go on.
    pub(crate) fn next(&mut self) -> Result<Option<Received<'_>>, Status> {
        let Self { body, deframer, .. } = self;
        deframer.next().inspect_err(|_| *body = None)
    }

    /// Ready once more has come: false if there is no more. Only once [`next`](Self::next) has none.
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

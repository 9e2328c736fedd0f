//! The messages of a node stream, as they are received.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use http_body::Body as _;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::deframer::{Deframer, Received};
use crate::grpc::status;

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

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Received>, Status>> {
        loop {
            if let Some(received) = self.deframer.next()? {
                return Poll::Ready(Ok(Some(received)));
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(None));
            };
            let Some(frame) = ready!(Pin::new(body).poll_frame(cx)?) else {
                self.body = None;
                return Poll::Ready(match self.deframer.is_between_messages() {
                    true => Ok(None),
                    false => Err(Status::internal(
                        "the stream ended in the middle of a message",
                    )),
                });
            };
            match frame.into_data() {
                Ok(bytes) => {
                    self.came = Instant::now();
                    self.deframer.push(bytes);
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

impl Stream for Messages {
    type Item = Result<Received, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.body.is_none() {
            return Poll::Ready(None);
        }
        let received = ready!(self.poll(cx));
        if received.is_err() {
            self.body = None;
        }
        Poll::Ready(received.transpose())
    }
}

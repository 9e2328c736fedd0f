//! Opens node streams.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::carrier::Carrier;
use super::ending::{Ending, Lesson, broken};
use super::silence::{self, Silence};
use crate::call::{Deadline, MessageOptions, MessageSize};
use crate::connection::Link;
use crate::status;
use crate::wire::{
    CLIENT, CarryingBody, ClientId, EXTENSIONS, KEEP_ALIVE, Messages, PATH, QueueBody, ReverseBody,
    STREAM, StreamNumber,
};

/// Opens the streams to one node, one after the other.
#[derive(Debug)]
pub(super) struct Opener {
    link: Link,
    /// What carries the stream in place of the link's connection, if the node is a client of this process.
    carrier: Option<Carrier>,
    options: Arc<MessageOptions>,
    /// The client's name for the node. `None` if there are no random numbers.
    client: Option<ClientId>,
    /// How long the node may be silent, as agreed on the latest stream.
    patience: Mutex<Option<Duration>>,
}

/// A stream that the node has opened.
pub(super) struct OpenedStream {
    pub(super) messages: Messages,
    pub(super) silence: Silence,
    /// Whether the node supports the extensions of the protocol.
    pub(super) is_extended: bool,
}

impl Opener {
    pub(super) fn new(link: Link, carrier: Option<Carrier>, options: Arc<MessageOptions>) -> Self {
        Self {
            link,
            carrier,
            options,
            client: ClientId::random(),
            patience: Mutex::default(),
        }
    }

    /// Opens the stream number `stream`, which sends the messages of `body`, and with them the `replies` to the node's
    /// own calls if it may make any.
    pub(super) async fn open(
        &self,
        body: QueueBody,
        replies: Option<ReverseBody>,
        stream: StreamNumber,
    ) -> Result<OpenedStream, Ending> {
        if let Some(carrier) = &self.carrier {
            return carrier.open(body).map_err(|status| Ending {
                status,
                lesson: Lesson::Fails,
            });
        }
        let body = Body::new(CarryingBody::new(body, replies));
        let mut channel = self.link.channel();
        let channel = channel.ready().await.map_err(|error| Ending {
            status: status::unavailable(error.into()),
            lesson: Lesson::None,
        })?;
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from_static(PATH);
        *request.headers_mut() = self.headers(stream);
        let response = self
            .within_patience(channel.call(request))
            .await
            .and_then(|response| response.map_err(|error| Status::from_error(error.into())))
            .map_err(|status| self.refused(status))?;
        let (head, body) = response.into_parts();
        let failure = status::failure(&head.headers).or_else(|| status::of_http(head.status));
        if let Some(status) = failure {
            return Err(self.refused(status));
        }
        if let Err(status) = self.link.check_answer(&head.headers) {
            return Err(self.refused(status));
        }
        let silence = Silence::agreed(&head.headers);
        *self.patience() = silence.longest();
        Ok(OpenedStream {
            messages: Messages::new(body, self.options.max_message_size.most_on_stream()),
            silence,
            is_extended: head.headers.contains_key(EXTENSIONS),
        })
    }

    /// The status of the calls on a stream that broke with `status`.
    pub(super) fn broken(&self, status: Status) -> Status {
        broken(self.link.normalise(status, Deadline::none()))
    }

    /// Waits until a connection may be attempted again.
    pub(super) async fn until_next_attempt(&self) {
        self.link.until_next_attempt().await;
    }

    /// Gives up the connection, because another stream on it would be as silent.
    pub(super) fn give_up_connection(&self) {
        self.link.give_up();
    }

    /// The largest size of a reply.
    pub(super) fn max_message_size(&self) -> MessageSize {
        self.options.max_message_size
    }

    fn headers(&self, stream: StreamNumber) -> HeaderMap {
        let mut headers = self.options.metadata.clone();
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(EXTENSIONS, HeaderValue::from_static("1"));
        if let Some(client) = &self.client {
            headers.insert(CLIENT, client.header());
            headers.insert(STREAM, HeaderValue::from(stream.get()));
        }
        if let Some(keep_alive) = self.options.stream_keep_alive.and_then(silence::ask) {
            headers.insert(KEEP_ALIVE, keep_alive);
        }
        headers
    }

    /// Waits for the node to open a stream. If it agreed to a keep-alive before, waits no longer than it may be silent.
    /// Other servers may send nothing until their first reply.
    async fn within_patience<T>(&self, opened: impl Future<Output = T>) -> Result<T, Status> {
        let longest = *self.patience();
        let Some(longest) = longest else {
            return Ok(opened.await);
        };
        tokio::time::timeout(longest, opened).await.map_err(|_| {
            self.give_up_connection();
            Status::unavailable(format!("the node did not open a stream within {longest:?}"))
        })
    }

    fn patience(&self) -> MutexGuard<'_, Option<Duration>> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a stream that was not opened.
    fn refused(&self, status: Status) -> Ending {
        Ending {
            // Failed connections have a back-off of their own.
            lesson: match status::could_not_connect(&status) {
                true => Lesson::None,
                false => Lesson::Fails,
            },
            status: self.broken(status),
        }
    }
}

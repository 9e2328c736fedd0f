//! The path and headers of a call's requests.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, TE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::framed::Framed;
use crate::call::{Deadline, Envelope, MessageOptions, MessageSize};
use crate::connection::Link;
use crate::status;

pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Headers of responses, which mean nothing in requests.
const NOT_IN_REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-message-type"),
];

/// The path and headers of a call's requests, made once for all nodes.
#[derive(Debug)]
pub(crate) struct RequestHead {
    path: PathAndQuery,
    headers: HeaderMap,
    deadline: Deadline,
    options: Arc<MessageOptions>,
}

impl RequestHead {
    pub(super) fn new(envelope: &Envelope, options: Arc<MessageOptions>) -> Self {
        let mut headers = options.metadata.clone();
        if let Some(metadata) = envelope.metadata() {
            headers.extend(metadata.clone().into_headers());
        }
        for name in NOT_IN_REQUESTS {
            headers.remove(name);
        }
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        if let Some(encoding) = options.send_compressed {
            insert(&mut headers, ENCODING, encoding.to_string());
        }
        if !options.accept_compressed.is_empty() {
            let accepted = options.accept_compressed.iter();
            let accepted: String = accepted.map(|encoding| format!("{encoding},")).collect();
            insert(&mut headers, ACCEPT_ENCODING, accepted + "identity");
        }
        Self {
            path: PathAndQuery::from_static(envelope.method.path()),
            headers,
            deadline: envelope.deadline,
            options,
        }
    }

    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The largest size of a reply.
    pub(super) fn max_message_size(&self) -> MessageSize {
        self.options.max_message_size
    }

    /// Creates a request with `body`. The connection adds the origin.
    pub(super) fn request<B>(&self, body: B) -> http::Request<B> {
        let mut request = http::Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(self.path.clone());
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Waits until the channel is ready, and returns a client that sends `body`, with the arguments of its call. In
    /// place of the message from which tonic would make the body, the request has `unsent`.
    pub(super) async fn open<T>(
        &self,
        link: &Link,
        body: Body,
        unsent: T,
    ) -> Result<(Grpc<Framed>, Request<T>, PathAndQuery), Status> {
        let mut client = self.client(Framed::new(link.clone(), body, self.deadline));
        client
            .ready()
            .await
            .map_err(|error| status::unavailable(error.into()))?;
        let metadata = MetadataMap::from_headers(self.headers.clone());
        let request = Request::from_parts(metadata, Default::default(), unsent);
        Ok((client, request, self.path.clone()))
    }

    /// Returns a client that reads the responses of `service` as tonic does.
    pub(super) fn client<S>(&self, service: S) -> Grpc<S> {
        let most = self.options.max_message_size.most();
        let mut client = Grpc::new(service).max_decoding_message_size(most);
        if let Some(encoding) = self.options.send_compressed {
            // This only announces the encoding, because the frame is already compressed.
            client = client.send_compressed(encoding);
        }
        for encoding in &self.options.accept_compressed {
            client = client.accept_compressed(*encoding);
        }
        client
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    // Cannot fail: the names of encodings are valid header values.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

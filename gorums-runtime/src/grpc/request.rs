//! One request, sent to any number of nodes.

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::codec::{ReplyCodec, frame};
use super::framed::Framed;
use super::status;
use crate::Method;
use crate::deadline::Deadline;

/// A request in the form in which it is sent to every node: its message is encoded once.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRequest {
    path: PathAndQuery,
    metadata: MetadataMap,
    frame: Result<Bytes, Status>,
    deadline: Deadline,
}

impl EncodedRequest {
    pub(crate) fn new<M: Method>(
        message: &M::Request,
        metadata: MetadataMap,
        deadline: Deadline,
    ) -> Self {
        let mut envelope = Request::new(());
        *envelope.metadata_mut() = metadata;
        if let Some(timeout) = deadline.grpc_timeout() {
            envelope.set_timeout(timeout);
        }
        let (metadata, ..) = envelope.into_parts();
        Self {
            path: PathAndQuery::from_static(M::DESCRIPTOR.path()),
            metadata,
            frame: frame(message),
            deadline,
        }
    }

    /// The same request with another message.
    pub(crate) fn with_message(&self, message: &impl Message) -> Self {
        Self {
            frame: frame(message),
            ..self.clone()
        }
    }

    /// Sends the request to one node and waits for its reply. Dropping the future withdraws the request: the
    /// server sees the cancellation.
    pub(crate) async fn send<R>(self, channel: Channel) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        let mut client = tonic::client::Grpc::new(Framed::new(channel, self.frame?));
        client
            .ready()
            .await
            .map_err(|error| status::unavailable(error.into()))?;
        let request = Request::from_parts(self.metadata, Default::default(), ());
        client
            .unary(request, self.path, ReplyCodec::<R>::default())
            .await
            .map(tonic::Response::into_inner)
            .map_err(|status| status::normalise(status, self.deadline))
    }
}

//! One request, sent to any number of nodes.

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::codec::EncodedCodec;
use super::status;
use crate::Method;
use crate::deadline::Deadline;

/// A request in the form in which it is sent to every node: its message is encoded once.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRequest {
    path: PathAndQuery,
    metadata: MetadataMap,
    message: Bytes,
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
            message: message.encode_to_vec().into(),
            deadline,
        }
    }

    /// The same request with another message.
    pub(crate) fn with_message(&self, message: &impl Message) -> Self {
        Self {
            message: message.encode_to_vec().into(),
            ..self.clone()
        }
    }

    /// Sends the request to one node and waits for its reply. Dropping the future withdraws the request: the
    /// server sees the cancellation.
    pub(crate) async fn send<R>(self, channel: Channel) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        let deadline = self.deadline;
        let mut client = tonic::client::Grpc::new(channel);
        client
            .ready()
            .await
            .map_err(|error| status::unavailable(error.into()))?;
        let codec = EncodedCodec::<R>::new(&self.message);
        let request = Request::from_parts(self.metadata, Default::default(), self.message);
        client
            .unary(request, self.path, codec)
            .await
            .map(tonic::Response::into_inner)
            .map_err(|error| status::normalise(error, deadline))
    }
}

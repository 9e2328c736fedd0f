//! The requests of one call.

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

/// What the requests of one call have in common.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    path: PathAndQuery,
    metadata: MetadataMap,
    deadline: Deadline,
}

impl Envelope {
    /// The envelope of a call of `M`.
    pub(crate) fn new<M: Method>(metadata: MetadataMap, deadline: Deadline) -> Self {
        let mut request = Request::new(());
        *request.metadata_mut() = metadata;
        if let Some(timeout) = deadline.grpc_timeout() {
            request.set_timeout(timeout);
        }
        let (metadata, ..) = request.into_parts();
        Self {
            path: PathAndQuery::from_static(M::DESCRIPTOR.path()),
            metadata,
            deadline,
        }
    }

    /// A request with `message` in it, which is encoded here and not again.
    pub(crate) fn seal(&self, message: &impl Message) -> EncodedRequest {
        EncodedRequest {
            envelope: self.clone(),
            frame: frame(message),
        }
    }
}

/// A request in the form in which it is sent, to any number of nodes.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRequest {
    envelope: Envelope,
    frame: Result<Bytes, Status>,
}

impl EncodedRequest {
    /// Sends the request to one node and waits for its reply. Dropping the future withdraws the request: the
    /// server sees the cancellation.
    pub(crate) async fn send<R>(self, channel: Channel) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        let Envelope {
            path,
            metadata,
            deadline,
        } = self.envelope;
        let mut client = tonic::client::Grpc::new(Framed::new(channel, self.frame?));
        client
            .ready()
            .await
            .map_err(|error| status::unavailable(error.into()))?;
        let request = Request::from_parts(metadata, Default::default(), ());
        client
            .unary(request, path, ReplyCodec::<R>::default())
            .await
            .map(tonic::Response::into_inner)
            .map_err(|status| status::normalise(status, deadline))
    }
}

//! Sends the requests of one call.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryFutureExt, TryStreamExt};
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::body::FrameBody;
use super::codec::{ReplyCodec, frame};
use super::message_streams::{MessageStreams, SentMessage};
use super::request_head::RequestHead;
use super::unary;
use crate::call::{Envelope, MessageOptions, Receipt};
use crate::connection::Link;
use crate::status;

/// An encoded request, to send to any number of nodes.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRequest {
    head: Arc<RequestHead>,
    frame: Result<Bytes, Status>,
}

impl EncodedRequest {
    /// Encodes `message` in `envelope` once, for all nodes whose manager has these `options`.
    pub(crate) fn new(
        envelope: &Envelope,
        message: &impl Message,
        options: &Arc<MessageOptions>,
    ) -> Self {
        Self {
            frame: frame(message, options),
            head: Arc::new(RequestHead::new(envelope, Arc::clone(options))),
        }
    }

    /// Sends the request to one node and waits for its reply. Dropping the future cancels the request at the server.
    pub(crate) async fn send<R>(self, link: Link) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        self.exchange(link, None).await
    }

    /// Sends the request to one node, which answers with a stream of replies. Dropping the stream cancels the request.
    pub(crate) fn send_for_stream<R>(
        self,
        link: Link,
    ) -> impl Stream<Item = Result<R, Status>> + Send + 'static
    where
        R: Message + Default + 'static,
    {
        let (deadline, limit) = (self.head.deadline(), self.head.max_message_size());
        let opening = link.clone();
        let replies = async move {
            let body = Body::new(FrameBody::new(self.frame?, None));
            let (mut client, request, path) = self.head.open(&opening, body, ()).await?;
            client
                .server_streaming(request, path, ReplyCodec::<R>::default())
                .await
                .map(tonic::Response::into_inner)
        };
        replies
            .try_flatten_stream()
            .map_err(move |status| link.normalise(limit.name(status, "reply"), deadline))
    }

    /// Sends the request to one node and discards its reply. Signs `receipt` when a connection has taken the request.
    /// An error may come from before or after that.
    pub(crate) async fn send_one_way(self, link: Link, receipt: Receipt) -> Result<(), Status> {
        self.exchange(link, Some(receipt)).await
    }

    /// Sends the request as a message on the node's stream of its method.
    pub(crate) fn send_message(self, streams: &MessageStreams) -> Result<SentMessage, Status> {
        Ok(streams.send(self.head, self.frame?))
    }

    async fn exchange<R>(self, link: Link, receipt: Option<Receipt>) -> Result<R, Status>
    where
        R: Message + Default + 'static,
    {
        let reply = exchange(&link, &self.head, self.frame?, receipt).await;
        reply.map_err(|status| link.normalise(status, self.head.deadline()))
    }
}

/// Waits for a connection, sends a request, and waits for the reply.
async fn exchange<R>(
    link: &Link,
    head: &RequestHead,
    frame: Bytes,
    receipt: Option<Receipt>,
) -> Result<R, Status>
where
    R: Message + Default + 'static,
{
    if let Some(direct) = link.direct() {
        let response = direct.exchange(head.request(()), frame, receipt).await?;
        link.check_answer(response.headers())?;
        return unary::reply(response, head).await;
    }
    let body = Body::new(FrameBody::new(frame, receipt));
    let mut channel = link.channel();
    let channel = channel.ready().await;
    let channel = channel.map_err(|error| status::unavailable(error.into()))?;
    let response = channel.call(head.request(body)).await;
    let response = response.map_err(|error| Status::from_error(error.into()))?;
    link.check_answer(response.headers())?;
    unary::reply(response, head).await
}

//! One-way messages on the streams to nodes.

use prost::Message;
use tonic::Status;

use super::call_number::CallNumber;
use super::frame::Frame;
use super::head::{Head, MethodName};
use super::pending::Owner;
use crate::configuration::Configuration;
use crate::fan_out::PerNode;
use crate::grpc::{Envelope, HandedOver, Receipt};
use crate::method::Method;
use crate::node::Node;

/// A one-way message in the form in which it is sent, to any number of nodes.
#[derive(Clone, Debug)]
pub(crate) struct OneWayMessage {
    number: CallNumber,
    frame: Result<Frame, Status>,
}

impl OneWayMessage {
    /// The message for `node`, and all others of its manager.
    pub(crate) fn to<M: Method>(node: &Node, request: &M::Request, envelope: &Envelope) -> Self {
        let number = node.stream().calls().one_way();
        let head = Head {
            number: number.get(),
            method: Some(MethodName::Of(&M::DESCRIPTOR)),
            metadata: envelope.metadata(),
            ..Head::default()
        };
        let checked = node
            .message_options()
            .check_request_size(request.encoded_len());
        Self {
            number,
            frame: checked.and_then(|()| head.with(request)),
        }
    }

    /// The messages for the nodes of `configuration`, in its order: `request` for all, encoded once, or what
    /// `per_node` makes of it for each, if it makes one.
    pub(crate) fn address<M: Method>(
        configuration: &Configuration,
        request: &M::Request,
        mut per_node: Option<PerNode<M::Request>>,
        envelope: &Envelope,
    ) -> Vec<(Node, Self)> {
        let mut shared: Option<Self> = None;
        let mut address = |node: &Node| {
            let message = match &mut per_node {
                None => shared
                    .get_or_insert_with(|| Self::to::<M>(node, request, envelope))
                    .clone(),
                Some(per_node) => Self::to::<M>(node, &per_node(request, node.id())?, envelope),
            };
            Some((node.clone(), message))
        };
        configuration.nodes().filter_map(&mut address).collect()
    }

    /// Whether the queue to `node` has room for the message.
    pub(crate) fn has_room(&self, node: &Node) -> bool {
        let bytes = self
            .frame
            .as_ref()
            .map_or(0, |frame| frame.as_slice().len());
        node.stream().has_room(bytes)
    }

    /// Sends the message to `node` once there is room in its queue, and waits until the transport has taken it.
    /// Dropping the future withdraws it before.
    pub(crate) async fn send(self, node: Node) -> HandedOver {
        let (receipt, taken) = Receipt::new();
        let owner = Owner::OneWay(self.number, receipt);
        let mut withdraw = WithdrawOnDrop {
            node: &node,
            number: Some(self.number),
        };
        node.stream().send_when_room(self.frame?, owner).await?;
        let given_up = |_| Err(Status::unavailable("the stream to the node has ended"));
        let handed_over = taken.await.unwrap_or_else(given_up);
        withdraw.number = None;
        handed_over
    }
}

/// Withdraws a message when it is dropped.
struct WithdrawOnDrop<'a> {
    node: &'a Node,
    /// None once the message is no longer in the queue.
    number: Option<CallNumber>,
}

impl Drop for WithdrawOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.node.stream().withdraw(number);
        }
    }
}

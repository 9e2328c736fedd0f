//! One-way messages on node streams.

use prost::Message;
use tonic::Status;

use super::stream::NodeStream;
use crate::call::{Envelope, HandedOver, MessageOptions, Receipt};
use crate::wire::{CallNumber, Frame, Head, MethodName, Owner};

/// An encoded one-way message, for any number of nodes.
#[derive(Clone, Debug)]
pub(crate) struct OneWayMessage {
    number: CallNumber,
    frame: Result<Frame, Status>,
}

impl OneWayMessage {
    /// The message of `request` in `envelope`, encoded once for all nodes whose manager has these `options`.
    pub(crate) fn new(
        number: CallNumber,
        envelope: &Envelope,
        request: &impl Message,
        options: &MessageOptions,
    ) -> Self {
        let head = Head {
            number: number.get(),
            method: Some(MethodName::Of(envelope.method)),
            metadata: envelope.metadata(),
            ..Head::default()
        };
        let limit = options.max_message_size;
        let checked = limit.check("request", request.encoded_len());
        Self {
            number,
            frame: checked.and_then(|()| head.with(request)),
        }
    }

    /// Whether the queue of `stream` has room for the message.
    pub(crate) fn has_room(&self, stream: &NodeStream) -> bool {
        let frame = self.frame.as_ref();
        stream.has_room(frame.map_or(0, |frame| frame.as_slice().len()))
    }

    /// The number by which the message can be withdrawn.
    pub(crate) fn number(&self) -> CallNumber {
        self.number
    }

    /// Enqueues the message on `stream` if there is room for it and the stream can be opened. The receipt tells when the
    /// transport has taken it, or the stream has ended.
    pub(crate) fn push(&self, stream: &NodeStream, receipt: Receipt) -> bool {
        let Ok(frame) = &self.frame else {
            return false;
        };
        stream
            .send(frame, Owner::OneWay(self.number, receipt))
            .is_ok()
    }

    /// Sends the message on `stream` once there is room in its queue, and waits until the transport has taken it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the message if the transport has not taken it.
    pub(crate) async fn send(self, stream: &NodeStream) -> HandedOver {
        let (receipt, taken) = Receipt::new();
        let owner = Owner::OneWay(self.number, receipt);
        let mut withdraw = WithdrawOnDrop {
            stream,
            number: Some(self.number),
        };
        stream.send_when_room(self.frame?, owner).await?;
        let given_up = |_| Err(Status::unavailable("the stream to the node has ended"));
        let handed_over = taken.await.unwrap_or_else(given_up);
        withdraw.number = None;
        handed_over
    }
}

/// Withdraws a message when it is dropped.
struct WithdrawOnDrop<'a> {
    stream: &'a NodeStream,
    /// `None` once the message has left the queue.
    number: Option<CallNumber>,
}

impl Drop for WithdrawOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.stream.withdraw(number);
        }
    }
}

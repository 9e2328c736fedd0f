//! Sends the replies to a call on a node stream.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::Status;

use super::attended;
use crate::call::{MessageSize, MethodDescriptor};
use crate::support::guard;
use crate::wire::{END, Frame, Head, MethodName, Owner, Queue, RpcStatus};

/// The destination of the replies to a call.
#[derive(Clone, Debug)]
pub(crate) struct ReplyTo {
    pub(crate) queue: Arc<Queue>,
    /// Whether the client understands the extensions of the protocol.
    pub(crate) extended: bool,
    /// How long the handler may take. `None`: no limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) framing: Framing,
}

/// What all replies to a call share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) number: u64,
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) max_message_size: MessageSize,
}

impl Framing {
    /// Encodes a reply into a frame.
    pub(super) fn frame(self, reply: &impl Message) -> Result<Frame, Status> {
        let frame = self.head().with(reply)?;
        if frame.as_slice().len() > self.max_message_size.most() {
            self.max_message_size.check("reply", reply.encoded_len())?;
        }
        Ok(frame)
    }

    fn head(self) -> Head<'static> {
        Head {
            number: self.number,
            method: Some(MethodName::Of(self.method)),
            ..Head::default()
        }
    }
}

impl ReplyTo {
    /// Sends the only reply, or the call's failure. A reply that cannot be sent counts as a failure.
    pub(super) fn answer(&self, outcome: Result<Frame, Status>) -> Result<(), Status> {
        outcome
            .and_then(|frame| reply(&self.queue, &frame))
            .or_else(|status| self.fail(&status))
    }

    /// Reports that the call failed.
    pub(super) fn fail(&self, status: &Status) -> Result<(), Status> {
        let status = RpcStatus::of(status);
        self.tell(Head {
            status: Some(&status),
            ..self.framing.head()
        })
    }

    /// Reports the end of the replies, if the client understands that. Other clients learn of failures only.
    pub(super) fn end(&self, outcome: Result<(), Status>) -> Result<(), Status> {
        if self.extended {
            let status = outcome.err().map(|status| RpcStatus::of(&status));
            self.tell(Head {
                status: status.as_ref(),
                entry: Some((END, "")),
                ..self.framing.head()
            })
        } else {
            outcome.or_else(|status| self.fail(&status))
        }
    }

    /// Reports that the call failed before its handler began.
    pub(crate) fn refuse(&self, status: Status) -> Result<(), Status> {
        match self.framing.method.streams_replies() {
            true => self.end(Err(status)),
            false => self.fail(&status),
        }
    }

    /// Waits until there is room, and sends one of several replies.
    pub(crate) async fn send(&self, reply: &impl Message) -> Result<(), Status> {
        // A task that the handler spawned may send the reply. The call has to hear of a panic even then.
        let frame = guard(|| self.framing.frame(reply))
            .unwrap_or_else(|it| Err(attended::panicked(self.framing.method, &it)))?;
        self.queue.push_with_patience(frame, Owner::Nobody).await;
        Ok(())
    }

    fn tell(&self, head: Head<'_>) -> Result<(), Status> {
        match head.alone() {
            Ok(frame) => reply(&self.queue, &frame),
            // The handler's status is too large to send, and so would be any report of that.
            Err(_) => Ok(()),
        }
    }
}

/// Sends the reply of a call that was admitted while there was room.
///
/// # Errors
///
/// If the client's unread replies leave no room for it.
pub(crate) fn reply(queue: &Queue, frame: &Frame) -> Result<(), Status> {
    match queue.push_reply(frame) {
        true => Ok(()),
        false => Err(Status::resource_exhausted(
            "the client's unread replies leave no room for this one; read them sooner, or make fewer calls at once",
        )),
    }
}

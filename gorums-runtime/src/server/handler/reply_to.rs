//! Where the replies to a call on a node stream go.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::Status;

use super::attended;
use super::call_limits::check_size;
use crate::call::MethodDescriptor;
use crate::support::guard;
use crate::wire::{END, Frame, Head, MethodName, Owner, Queue, RpcStatus};

/// Where the replies to a call go.
#[derive(Clone, Debug)]
pub(crate) struct ReplyTo {
    pub(crate) queue: Arc<Queue>,
    /// Whether the client knows the extensions of the protocol.
    pub(crate) extended: bool,
    /// How long the handler may take. None is for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) framing: Framing,
}

/// What the replies to a call have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) number: u64,
    pub(crate) method: &'static MethodDescriptor,
    /// How many bytes a reply may have. None is any number.
    pub(crate) max_reply_size: Option<usize>,
}

impl Framing {
    /// A reply, as it is sent.
    pub(super) fn frame(self, reply: &impl Message) -> Result<Frame, Status> {
        if self.max_reply_size.is_some() {
            check_size("reply", reply.encoded_len(), self.max_reply_size)?;
        }
        self.head().with(reply)
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
    /// Sends the only reply, or how the call failed. A reply that cannot be sent is an error instead.
    pub(super) fn answer(&self, outcome: Result<Frame, Status>) -> Result<(), Status> {
        outcome
            .and_then(|frame| reply(&self.queue, &frame))
            .or_else(|status| self.fail(&status))
    }

    /// Tells that the call failed.
    pub(super) fn fail(&self, status: &Status) -> Result<(), Status> {
        let status = RpcStatus::of(status);
        self.tell(Head {
            status: Some(&status),
            ..self.framing.head()
        })
    }

    /// Tells that there are no more replies, if the client understands it. Others learn of failures only.
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

    /// Tells that the call failed before its handler began.
    pub(crate) fn refuse(&self, status: Status) -> Result<(), Status> {
        match self.framing.method.streams_replies() {
            true => self.end(Err(status)),
            false => self.fail(&status),
        }
    }

    /// Sends one of several replies, once there is room for it.
    pub(crate) async fn send(&self, reply: &impl Message) -> Result<(), Status> {
        // Whoever sends it, and be it a task of the handler's that nobody guards, the call is to hear of a panic.
        let frame = guard(|| self.framing.frame(reply))
            .unwrap_or_else(|it| Err(attended::panicked(self.framing.method, &it)))?;
        self.queue.push_with_patience(frame, Owner::Nobody).await;
        Ok(())
    }

    fn tell(&self, head: Head<'_>) -> Result<(), Status> {
        match head.alone() {
            Ok(frame) => reply(&self.queue, &frame),
            // What a handler says in its status is too large, and there is nothing to tell it by.
            Err(_) => Ok(()),
        }
    }
}

/// Sends the reply of a call that was let in while there was room.
///
/// # Errors
///
/// When what the client has not read leaves no room for it.
pub(crate) fn reply(queue: &Queue, frame: &Frame) -> Result<(), Status> {
    match queue.push_reply(frame) {
        true => Ok(()),
        false => Err(Status::resource_exhausted(
            "the client has too many replies to read, and there is no room for this one; read them, or make fewer calls at once",
        )),
    }
}

//! Parts of the hot path, one by one, for this repository's benchmarks. Not for use: it changes with what it measures.

use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use prost::Message;
use tokio::time::Instant;
use tonic::Status;

use crate::stream::{Calls, Frame, Head, Inbox, MethodName, StreamMessage};
use crate::{MethodDescriptor, NodeId};

/// How many bytes gRPC puts before a message.
const PREFIX: usize = 5;

/// A request as it is sent on node streams.
///
/// # Errors
///
/// When it is larger than what gRPC carries.
pub fn encode(
    number: u64,
    method: &MethodDescriptor,
    request: &impl Message,
) -> Result<Encoded, Status> {
    let head = Head {
        number,
        method: Some(MethodName::Of(method)),
        ..Head::default()
    };
    head.with(request).map(Encoded)
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct Encoded(Frame);

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// The payload of a message that [`encode`] made, as it is taken out of what is received; none if it is not such a
/// message.
pub fn decode(message: Bytes) -> Option<Bytes> {
    let message = message.get(PREFIX..).map(|body| message.slice_ref(body))?;
    let message = StreamMessage::decode(message);
    message.ok().map(StreamMessage::into_payload)
}

/// The calls of a manager that wait for replies.
#[derive(Debug, Default)]
pub struct Routing(Calls);

impl Routing {
    /// Has a call of `method` wait for the replies of the nodes 1 to `n`, reads and delivers one with `payload` from each
    /// of them, and hands them to the call. Returns how many it got; it is none if there are too many calls.
    pub fn route(
        &self,
        method: &'static MethodDescriptor,
        n: u32,
        payload: &impl Message,
    ) -> usize {
        let nodes = (1..=n).map(NodeId::new);
        let inbox = Arc::new(Inbox::new(method, nodes.clone()));
        let Ok(call) = self.0.register(Arc::clone(&inbox)) else {
            return 0;
        };
        let Ok(reply) = encode(call.number(), method, payload) else {
            return 0;
        };
        let reply = Bytes::copy_from_slice(&reply.as_ref()[PREFIX..]);
        let came = Instant::now();
        for (index, _) in nodes.clone().enumerate() {
            inbox.sent(index, 1);
        }
        for node in nodes {
            if let Ok(message) = StreamMessage::decode(reply.clone())
                && let Some(inbox) = self.0.get(message.number())
            {
                inbox.deliver(node, message, came);
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        std::iter::from_fn(|| inbox.poll_next(&mut cx).is_ready().then_some(())).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static READ: MethodDescriptor = MethodDescriptor::new("p.S", "M", "/p.S/M");

    #[test]
    fn what_is_measured_is_done() {
        let request = "request".to_string();
        let message = encode(1, &READ, &request).expect("it is small");
        let message = Bytes::copy_from_slice(message.as_ref());
        assert_eq!(decode(message), Some(request.encode_to_vec().into()));
        assert_eq!(decode(Bytes::from_static(b"less")), None);
        let routing = Routing::default();
        assert_eq!(routing.route(&READ, 9, &request), 9);
        assert_eq!(routing.0.len(), 0);
    }
}

//! Parts of the hot path, one by one, for this repository's benchmarks. Not a public interface: it changes with the
//! code that it measures.

use std::task::{Context, Waker};

use bytes::Bytes;
use prost::Message;
use tokio::time::Instant;
use tonic::Status;

use crate::call::MethodDescriptor;
use crate::metrics::NodeMeter;
use crate::node_info::Observations;
use crate::node_stream::{Arrival, Calls};
use crate::wire::{Frame, Head, MethodName, StreamMessage, StreamNumbers};

/// The length of gRPC's prefix of a message.
const PREFIX: usize = 5;

/// Encodes a request as node streams carry it.
///
/// # Errors
///
/// If it is larger than gRPC's limit.
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

/// An encoded request.
#[derive(Clone, Debug)]
pub struct Encoded(Frame);

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// Returns the payload of a message that [`encode`] made, as a receiver extracts it. `None` if it is not such a
/// message.
pub fn decode(message: &Bytes) -> Option<Bytes> {
    let message = StreamMessage::decode(message.get(PREFIX..)?, message);
    message.ok().map(|message| message.payload().share())
}

/// The calls of a manager that wait for replies.
#[derive(Debug)]
pub struct Routing {
    calls: Calls,
    streams: StreamNumbers,
    observations: Observations,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            calls: Calls::default(),
            streams: StreamNumbers::default(),
            observations: Observations::new(NodeMeter::default()),
        }
    }
}

impl Routing {
    /// Registers a call of `method` to the nodes 1 to `n`, decodes and delivers a reply with `payload` from each of
    /// them, and takes them from the inbox. Returns how many there were; `None` if there are too many calls.
    pub fn route(
        &self,
        method: &'static MethodDescriptor,
        n: u32,
        payload: &impl Message,
    ) -> usize {
        let at = Instant::now();
        let Ok(call) = self.calls.register(method, n as usize, at) else {
            return 0;
        };
        let number = call.number();
        let streams: Vec<_> = (0..n).map(|_| self.streams.next()).collect();
        let got = encode(number.get(), method, payload).map_or(0, |reply| {
            let reply = Bytes::copy_from_slice(&reply.as_ref()[PREFIX..]);
            for (index, stream) in streams.iter().enumerate() {
                if let Some(mut inbox) = self.calls.open(number) {
                    inbox.sent(index, *stream);
                }
            }
            for stream in streams {
                let opened = at;
                let arrival = Arrival { stream, opened, at };
                if let Ok(message) = StreamMessage::decode(&reply, &reply) {
                    self.calls.deliver(message, &arrival, &self.observations);
                }
            }
            let mut cx = Context::from_waker(Waker::noop());
            let mut next = || {
                let polled = self.calls.open(number)?.poll_next(&mut cx);
                polled.is_ready().then_some(())
            };
            std::iter::from_fn(&mut next).count()
        });
        self.calls.release(call);
        got
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static READ: MethodDescriptor = MethodDescriptor::new("/p.S/M");

    #[test]
    fn what_is_measured_is_done() {
        let request = "request".to_string();
        let message = encode(1, &READ, &request).expect("it is small");
        let message = Bytes::copy_from_slice(message.as_ref());
        assert_eq!(decode(&message), Some(request.encode_to_vec().into()));
        assert_eq!(decode(&Bytes::from_static(b"less")), None);
        let routing = Routing::default();
        assert_eq!(routing.route(&READ, 9, &request), 9);
        assert_eq!(routing.calls.len(), 0);
    }
}

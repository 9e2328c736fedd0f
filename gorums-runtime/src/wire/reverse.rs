//! Calls that a server makes to its client, on the stream that the client has opened.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt;
use http_body::Frame as BodyFrame;
use prost::encoding::{self, DecodeContext};
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;

use super::deframer::Received;
use super::frame::Frame;
use super::head::{Head, key};
use super::messages::Messages;
use super::queue_body::QueueBody;

/// The bit that is set in the numbers of a server's calls to its client, and of the replies to them.
pub(crate) const FROM_SERVER: u64 = 1 << 63;

/// The tag of the number in a message.
const NUMBER_TAG: u32 = (key::NUMBER >> 3) as u32;

/// About how many bytes are gathered before they are sent.
const BURST: usize = 64 * 1024;

/// The outgoing messages of the calls in the reverse direction, marked as such, for the stream that carries them.
#[derive(Debug)]
pub(crate) struct ReverseBody(Source);

#[derive(Debug)]
enum Source {
    /// There has been no call yet.
    Unopened(oneshot::Receiver<Body>),
    Open(Box<Messages>),
    Ended,
}

impl ReverseBody {
    /// Creates a body, and what gives it its messages once there is a first call.
    pub(crate) fn new() -> (oneshot::Sender<Body>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Source::Unopened(receiver)))
    }

    /// Returns the next messages. Pending for ever after the last one: the stream goes on without them.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        loop {
            self.0 = match &mut self.0 {
                Source::Unopened(receiver) => match ready!(receiver.poll_unpin(cx)) {
                    // They are this side's own, and within its limits.
                    Ok(body) => Source::Open(Box::new(Messages::new(body, usize::MAX))),
                    Err(_) => Source::Ended,
                },
                Source::Open(messages) => {
                    let marked = take_marked(messages);
                    if !marked.is_empty() {
                        return Poll::Ready(marked);
                    }
                    match ready!(messages.poll_more(cx)) {
                        Ok(true) => continue,
                        Ok(false) | Err(_) => Source::Ended,
                    }
                }
                Source::Ended => return Poll::Pending,
            };
        }
    }
}

/// Takes a burst of messages that have arrived, and marks their numbers.
fn take_marked(messages: &mut Messages) -> Bytes {
    let mut marked = Vec::new();
    while marked.len() < BURST
        && let Ok(Some(received)) = messages.next()
    {
        let Received::Message(message) = received else {
            continue;
        };
        let number = message.number() | FROM_SERVER;
        // They were encoded before, so that a few more bytes do not make them too large.
        if let Ok(frame) = renumbered(messages.last(), number) {
            marked.extend_from_slice(frame.as_slice());
        }
    }
    marked.into()
}

/// Encodes the `message`, which is encoded and can be read, with another number.
pub(crate) fn renumbered(message: &[u8], number: u64) -> Result<Frame, Status> {
    let mut fields = Vec::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let field = rest;
        let skipped = encoding::decode_key(&mut rest).and_then(|(tag, wire_type)| {
            encoding::skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
            Ok(tag)
        });
        let tag = skipped.map_err(|error| Status::internal(error.to_string()))?;
        if tag != NUMBER_TAG {
            fields.extend_from_slice(&field[..field.len() - rest.len()]);
        }
    }
    let head = Head {
        number,
        ..Head::default()
    };
    head.before(&fields)
}

/// The body of a stream's request or response, which may also carry the messages of calls in the reverse direction.
#[derive(Debug)]
pub(crate) struct CarryingBody {
    own: QueueBody,
    /// `None` if there are no such calls.
    reverse: Option<ReverseBody>,
    /// Which of the two is asked first. They take turns, so that neither starves.
    is_reverse_first: bool,
}

impl CarryingBody {
    pub(crate) fn new(own: QueueBody, reverse: Option<ReverseBody>) -> Self {
        Self {
            own,
            reverse,
            is_reverse_first: false,
        }
    }
}

impl http_body::Body for CarryingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let Self {
            own,
            reverse,
            is_reverse_first,
        } = &mut *self;
        let Some(reverse) = reverse else {
            return Pin::new(own).poll_frame(cx);
        };
        if *is_reverse_first && let Poll::Ready(bytes) = reverse.poll_bytes(cx) {
            *is_reverse_first = false;
            return Poll::Ready(Some(Ok(BodyFrame::data(bytes))));
        }
        if let Poll::Ready(frame) = Pin::new(own).poll_frame(cx) {
            *is_reverse_first = true;
            return Poll::Ready(frame);
        }
        let bytes = ready!(reverse.poll_bytes(cx));
        *is_reverse_first = false;
        Poll::Ready(Some(Ok(BodyFrame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;
    use crate::wire::deframer::Deframer;
    use crate::wire::{Capacity, Head, Owner, Queue};

    const ROOM: Capacity = Capacity {
        messages: 1000,
        bytes: 1_000_000,
    };

    fn queue() -> (Arc<Queue>, QueueBody) {
        let queue = Arc::new(Queue::new(ROOM));
        let body = QueueBody::new(Arc::clone(&queue), queue.stream());
        (queue, body)
    }

    fn push(queue: &Queue, number: u64) {
        let head = Head {
            number,
            ..Head::default()
        };
        let frame = head.alone().expect("it is small");
        assert!(queue.push(&frame, Owner::Nobody).is_ok());
    }

    /// The numbers of the messages in `bytes`.
    fn numbers(bytes: Bytes) -> Vec<u64> {
        let mut deframer = Deframer::new(1000);
        deframer.push(bytes);
        let mut numbers = Vec::new();
        while let Some(received) = deframer.next().expect("they are messages") {
            match received {
                Received::Message(message) => numbers.push(message.number()),
                other => panic!("{other:?}"),
            }
        }
        numbers
    }

    fn next(body: &mut CarryingBody) -> Poll<Option<Vec<u64>>> {
        let mut cx = Context::from_waker(Waker::noop());
        let frame = Pin::new(body).poll_frame(&mut cx);
        frame.map(|frame| {
            let frame = frame?.expect("it cannot fail");
            Some(numbers(frame.into_data().expect("data")))
        })
    }

    #[test]
    fn messages_of_the_reverse_direction_are_marked_and_take_turns_with_the_others() {
        let (own, own_body) = queue();
        let (reverse, reverse_queue_body) = queue();
        let (sender, reverse_body) = ReverseBody::new();
        let mut body = CarryingBody::new(own_body, Some(reverse_body));
        push(&own, 1);
        assert_eq!(next(&mut body), Poll::Ready(Some(vec![1])));
        assert_eq!(next(&mut body), Poll::Pending);
        sender
            .send(Body::new(reverse_queue_body))
            .expect("it waits");
        push(&own, 2);
        push(&reverse, 5);
        push(&reverse, 0);
        let marked = vec![FROM_SERVER | 5, FROM_SERVER];
        assert_eq!(next(&mut body), Poll::Ready(Some(marked)));
        push(&reverse, 6);
        assert_eq!(next(&mut body), Poll::Ready(Some(vec![2])));
        assert_eq!(next(&mut body), Poll::Ready(Some(vec![FROM_SERVER | 6])));
    }

    #[test]
    fn the_end_of_the_reverse_direction_is_not_that_of_the_stream() {
        let (own, own_body) = queue();
        let (reverse, reverse_queue_body) = queue();
        let (sender, reverse_body) = ReverseBody::new();
        let mut body = CarryingBody::new(own_body, Some(reverse_body));
        sender
            .send(Body::new(reverse_queue_body))
            .expect("it waits");
        push(&reverse, 5);
        reverse.close();
        assert_eq!(next(&mut body), Poll::Ready(Some(vec![FROM_SERVER | 5])));
        assert_eq!(next(&mut body), Poll::Pending);
        push(&own, 1);
        assert_eq!(next(&mut body), Poll::Ready(Some(vec![1])));
        own.close();
        assert_eq!(next(&mut body), Poll::Ready(None));
    }
}

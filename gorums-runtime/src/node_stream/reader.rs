//! Reads one stream.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use tokio::time::Instant;
use tonic::Status;

use super::arrival::Arrival;
use super::driver::Driver;
use super::ending::Ending;
use super::reverse::ReverseCalls;
use super::silence::Silence;
use crate::wire::{
    CallNumber, FROM_SERVER, Head, Messages, MethodName, Received, RpcStatus, StreamMessage,
    StreamNumber,
};

/// The number of reads after which the task yields.
const READS: u32 = 64;

/// Delivers the messages that arrive on one stream.
pub(super) struct Reader<'a> {
    pub(super) driver: &'a Driver,
    pub(super) messages: Messages,
    pub(super) silence: Silence,
    pub(super) stream: StreamNumber,
    /// When the stream began to take requests.
    pub(super) opened: Instant,
    /// The node's own calls, if it may make any.
    pub(super) reverse: Option<ReverseCalls>,
    /// Whether a message has arrived.
    pub(super) replied: bool,
}

impl Reader<'_> {
    /// Delivers messages until the stream ends, and returns how it did.
    pub(super) async fn read(mut self) -> Ending {
        let status = self.until_end().await;
        Ending {
            status: self.driver.opener.broken(status),
            lesson: self.driver.failures.lesson(self.opened, self.replied),
        }
    }

    async fn until_end(&mut self) -> Status {
        let mut reads = 0;
        loop {
            let Self {
                messages, silence, ..
            } = self;
            let more = poll_fn(|cx| match messages.poll_more(cx) {
                Poll::Pending => silence.poll(messages.came(), cx).map(|status| {
                    self.driver.opener.give_up_connection();
                    Err(status)
                }),
                more => more,
            });
            match more.await {
                Ok(true) => {}
                Ok(false) => return Status::unavailable("the node ended the stream"),
                Err(status) => return status,
            }
            if let Err(status) = self.deliver_all() {
                return status;
            }
            reads += 1;
            if reads % READS == 0 {
                // A node that sends without end must not monopolise a thread.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Delivers the messages that have arrived.
    fn deliver_all(&mut self) -> Result<(), Status> {
        let Self {
            driver,
            messages,
            reverse,
            ..
        } = self;
        let arrival = Arrival {
            stream: self.stream,
            opened: self.opened,
            at: messages.came(),
        };
        while let Some(received) = messages.next()? {
            match received {
                Received::Message(message) => {
                    self.replied = true;
                    match reverse {
                        Some(reverse) if is_call(&message) => {
                            let number = message.number();
                            if let Err(status) = reverse.take(number, messages.last()) {
                                refuse_last(driver, arrival.stream, messages, &status);
                            }
                        }
                        _ => driver.deliver(message, &arrival),
                    }
                }
                Received::TooLarge(message, bytes) => {
                    let limit = driver.opener.max_message_size();
                    match reverse.is_some() && is_call(&message) {
                        true => {
                            let status = limit.exceeded("request", bytes);
                            refuse(driver, arrival.stream, &message, &status);
                        }
                        false => {
                            let status = limit.exceeded("reply", bytes);
                            fail(driver, message, &status, &arrival);
                        }
                    }
                }
                Received::Malformed(_) => driver.calls.ignore(),
            }
        }
        Ok(())
    }
}

/// Whether a message belongs to a call of the node.
fn is_call(message: &StreamMessage<'_>) -> bool {
    message.number() & FROM_SERVER != 0
}

/// Fails the call whose reply is too large.
#[cold]
fn fail(driver: &Driver, reply: StreamMessage<'_>, status: &Status, arrival: &Arrival) {
    let number = CallNumber::received(reply.number());
    driver.deliver(reply.failed(status), arrival);
    // A node that streams its replies would go on otherwise.
    if let Some(number) = number {
        driver.cancel(number);
    }
}

/// Answers the call of the node that was received last with an error.
#[cold]
fn refuse_last(driver: &Driver, stream: StreamNumber, messages: &Messages, status: &Status) {
    let call = Bytes::copy_from_slice(messages.last());
    if let Ok(call) = StreamMessage::decode(&call, &call) {
        refuse(driver, stream, &call, status);
    }
}

/// Answers a call of the node with an error, unless the node does not read.
fn refuse(driver: &Driver, stream: StreamNumber, request: &StreamMessage<'_>, status: &Status) {
    let status = RpcStatus::of(status);
    let head = Head {
        number: request.number(),
        method: Some(MethodName::Received(request.method())),
        status: Some(&status),
        ..Head::default()
    };
    if let Ok(frame) = head.alone() {
        driver.queue.push_notice(stream, &frame);
    }
}

//! The client's end of the node stream to one node.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::calls::Calls;
use super::carrier::Carrier;
use super::driver::Driver;
use super::stragglers::Straggler;
use super::stream_options::StreamOptions;
use crate::connection::Link;
use crate::node_info::NodeInfo;
use crate::wire::{CallNumber, Frame, Owner, StreamMessage};

/// The node stream to one node.
///
/// The first message opens it, and it stays open. After it broke, the next message opens another one.
pub(crate) struct NodeStream(Arc<Driver>);

impl NodeStream {
    /// The stream to the node of `info`, for the requests of `calls`: over `link`, or on the `carrier` if the node is a
    /// client of this process.
    pub(crate) fn new(
        info: Arc<NodeInfo>,
        link: Link,
        carrier: Option<Carrier>,
        calls: Calls,
        options: StreamOptions,
    ) -> Self {
        Self(Arc::new(Driver::new(info, link, carrier, calls, options)))
    }

    /// Delivers a reply that arrived on the carrier.
    pub(crate) fn deliver(&self, reply: StreamMessage<'_>) {
        self.0.deliver_carried(reply);
    }

    /// The calls that wait for replies from this node or another of its manager.
    pub(crate) fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// Opens the stream, and opens it again whenever it has ended, until the node's background work ends.
    pub(crate) fn keep_open(&self) {
        let driver = Arc::clone(&self.0);
        let tasks = &self.0.info.tasks;
        tasks.spawn(async move { driver.keep_open().await });
    }

    /// Enqueues a message.
    ///
    /// # Errors
    ///
    /// When the queue is full, or the stream could not be opened and the back-off has not passed.
    pub(crate) fn send(&self, frame: &Frame, owner: Owner<'_>) -> Result<(), Status> {
        self.0.failures.check()?;
        let is_first = self.0.queue.push(frame, owner).map_err(|_| {
            Status::resource_exhausted(
                "the queue of the node's stream is full; the node does not read, or not fast enough",
            )
        })?;
        self.0.run_if(is_first);
        Ok(())
    }

    /// Whether the queue has room for a message of `bytes` bytes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.0.queue.has_room(bytes)
    }

    /// How many messages wait to be sent, and how many bytes these have.
    #[cfg(feature = "metrics")]
    pub(crate) fn depth(&self) -> (usize, usize) {
        self.0.queue.depth()
    }

    /// How many decided calls go on at the node.
    #[cfg(feature = "metrics")]
    pub(crate) fn stragglers(&self) -> usize {
        self.0.stragglers.len()
    }

    /// Enqueues a message once the queue has room for it.
    ///
    /// # Errors
    ///
    /// When the stream could not be opened and the back-off has not passed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the message unless it is enqueued.
    pub(crate) async fn send_when_room(
        &self,
        frame: Frame,
        owner: Owner<'_>,
    ) -> Result<(), Status> {
        self.0.failures.check()?;
        let is_first = self.0.queue.push_when_room(frame, owner).await;
        self.0.run_if(is_first);
        Ok(())
    }

    /// Removes the message with this number from the queue, if it is there.
    pub(crate) fn withdraw(&self, number: CallNumber) {
        self.0.queue.withdraw(number);
    }

    /// The status of the call `number`, sent at `sent`, which the node has not answered by its deadline.
    pub(crate) fn late(&self, number: CallNumber, sent: Instant) -> Status {
        self.0.late(number, sent)
    }

    /// Ends the stream, because the node has moved. The next one leads to where it is now.
    pub(crate) fn move_on(&self) {
        self.0.move_on();
    }

    /// Observes a decided call until it ends on this node. If there are too many such calls now, returns the oldest,
    /// which the caller has to cancel.
    pub(crate) fn let_go(&self, call: Straggler) -> Option<CallNumber> {
        let pushed = self.0.stragglers.push(call);
        if pushed.wait {
            let driver = Arc::clone(&self.0);
            let tasks = &self.0.info.tasks;
            tasks.spawn(async move { driver.fail_late_stragglers().await });
        }
        pushed.withdrawn
    }

    /// Cancels a call on the node, and removes its request from the queue if it is still there.
    pub(crate) fn cancel(&self, number: CallNumber) {
        self.0.cancel(number);
    }
}

impl Drop for NodeStream {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

impl fmt::Debug for NodeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.info.id;
        f.debug_tuple("NodeStream").field(&id).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::thread;
    use std::time::Duration;

    use tokio::runtime::Runtime;

    use crate::manager::Manager;

    #[test]
    fn keeping_a_stream_open_does_not_keep_a_runtime_from_ending() {
        let own = Runtime::new().expect("a runtime");
        let manager = Manager::builder().address("10.0.0.1:4000").connect_lazy();
        let manager = own.block_on(manager).expect("not connected yet");
        let node = manager.nodes().next().expect("a node");
        // From now on, each stream ends when it begins.
        drop(own);
        let (polled, each_poll) = mpsc::channel();
        thread::spawn(move || {
            let other = Runtime::new().expect("a runtime");
            let _other = other.enter();
            let mut kept_open = pin!(node.stream().0.keep_open());
            for _ in 0..3 {
                let mut cx = Context::from_waker(Waker::noop());
                let _ = kept_open.as_mut().poll(&mut cx);
            }
            polled.send(()).expect("the test waits");
        });
        let returned = each_poll.recv_timeout(Duration::from_secs(60));
        returned.expect("each poll returns, so that a runtime can cancel the task");
    }
}

//! Calls whose nodes stream their replies, when one node sends more than it should.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::codegen::Caller;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::{AggregateCall, Context, Manager, NodeId, ReplySink, Transport};
use tests::golden::streaming::transfer_gorums::methods::Download;
use tests::golden::streaming::transfer_gorums::{TransferReplica, TransferReplicaServer};
use tests::golden::streaming::{Chunk, Receipt};
use tests::network::Network;
use tests::{on_both, settle};
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

/// Streams chunks of so many bytes: as many as it is set to, and then it waits until nobody waits for more.
#[derive(Clone, Copy, Debug)]
struct Streamer {
    chunks: usize,
    bytes: usize,
}

impl Streamer {
    fn of(chunks: usize, bytes: usize) -> TransferReplicaServer {
        TransferReplicaServer::new(Self { chunks, bytes })
    }
}

impl TransferReplica for Streamer {
    async fn download(
        &self,
        ctx: &Context,
        _: Receipt,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        for _ in 0..self.chunks {
            let content = vec![0; self.bytes];
            replies.send(Chunk { content }).await?;
        }
        ctx.cancelled().await;
        Ok(())
    }

    async fn send(&self, _: &Context, _: Chunk) -> Result<Receipt, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn upload(&self, _: &Context, _: Streaming<Chunk>) -> Result<Receipt, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn exchange(
        &self,
        _: &Context,
        _: Streaming<Chunk>,
        _: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn confirm(&self, _: &Context, _: Receipt) -> Result<Receipt, Status> {
        Err(Status::unimplemented("not called"))
    }
}

/// Three nodes, of which the first streams `bad` and the others one small chunk each. A call holds 100 replies and 10,000
/// bytes of each.
async fn one_of_three(transport: Transport, bad: TransferReplicaServer) -> Manager {
    let network = Network::new(transport);
    network.serve(1, bad);
    for number in 2..=3 {
        network.serve(number, Streamer::of(1, 10));
    }
    let builder = network.manager(3).reply_limit(100, 10_000);
    builder.connect().await.expect("all up")
}

fn download(manager: &Manager) -> AggregateCall<Download> {
    let caller = Caller::new(manager.configuration(), ());
    AggregateCall::new(&caller, Receipt { length: 0 })
}

#[tokio::test(start_paused = true)]
async fn one_node_is_no_majority_however_often_it_replies() {
    on_both(async |transport| {
        let network = Network::new(transport);
        network.serve(1, Streamer::of(50, 10));
        for number in 2..=3 {
            network.serve(number, Streamer::of(0, 0));
        }
        let manager = network.manager(3).connect().await.expect("all up");
        let second = Duration::from_secs(1);
        let calls = [
            download(&manager).timeout(second).majority(),
            download(&manager).timeout(second).threshold(2),
        ];
        for call in calls {
            let error = call.await.expect_err("one node");
            assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
            assert_eq!(error.replies(), 50);
        }
        let all = download(&manager).timeout(second).all().await;
        assert_eq!(all.expect_err("one node").replies(), 50);
        let correctable = download(&manager).timeout(second).correctable(2);
        correctable.done().await.expect_err("one node");
        assert_eq!(correctable.level(), Some(1));
    })
    .await;
}

/// The nodes that failed and why.
fn failures(error: &gorums_runtime::errors::QuorumCallError) -> Vec<(NodeId, Code)> {
    let errors = error.errors().iter();
    let mut failures: Vec<_> = errors
        .map(|error| (error.node_id(), error.code()))
        .collect();
    failures.sort_by_key(|(node, _)| *node);
    failures
}

#[tokio::test(start_paused = true)]
async fn a_node_that_sends_more_than_a_quorum_function_may_hold_fails_alone() {
    on_both(async |transport| {
        for bad in [Streamer::of(1000, 10), Streamer::of(1000, 900)] {
            let manager = one_of_three(transport, bad).await;
            let honest = download(&manager).quorum(|replies| {
                let honest = replies.node_ids().filter(|node| node.get() > 1);
                (honest.count() == 2).then(|| replies.len())
            });
            assert!(honest.await.expect("two honest nodes") <= 102);

            let never = download(&manager).timeout(Duration::from_secs(1));
            let error = never.quorum(|_| None::<()>).await.expect_err("never");
            assert!(error.replies() <= 102, "{error}");
            let expected = [
                (NodeId::new(1), Code::ResourceExhausted),
                (NodeId::new(2), Code::DeadlineExceeded),
                (NodeId::new(3), Code::DeadlineExceeded),
            ];
            assert_eq!(failures(&error), expected);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_taken_make_room_for_more() {
    on_both(async |transport| {
        let network = Network::new(transport);
        network.serve(1, Streamer::of(5000, 900));
        // More than come at once.
        let builder = network.manager(1).reply_limit(1000, 1_000_000);
        let manager = builder.connect().await.expect("up");
        let call = download(&manager).timeout(Duration::from_secs(1));
        let error = call.quorum(|replies| {
            replies.take_all();
            None::<()>
        });
        let error = error.await.expect_err("never");
        assert_eq!(error.replies(), 5000);
    })
    .await;
}

/// Over plain gRPC what is not read stays at the node: it fills the window of its own call.
#[tokio::test(start_paused = true)]
async fn a_node_whose_replies_are_left_unread_fails_alone() {
    let manager = one_of_three(Transport::NodeStream, Streamer::of(1000, 10)).await;
    let mut responses = download(&manager).responses();
    let (first, _) = responses.next().await.expect("a reply");
    settle().await;
    let mut nodes = vec![first.get()];
    let mut failed = Vec::new();
    while let Some((node, outcome)) = responses.next().await {
        match outcome {
            Ok(_) => nodes.push(node.get()),
            Err(error) => failed.push((node.get(), error.code())),
        }
        if nodes.contains(&2) && nodes.contains(&3) && !failed.is_empty() {
            break;
        }
    }
    assert_eq!(failed, [(1, Code::ResourceExhausted)]);
    assert!(nodes.iter().filter(|node| **node == 1).count() <= 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_holds_while_a_node_streams_without_end() {
    on_both(async |transport| {
        let network = Network::new(transport);
        network.serve(1, Streamer::of(usize::MAX, 40_000));
        let manager = network.manager(1).connect().await.expect("up");
        let timeout = Duration::from_millis(300);
        // Far less than what a loaded machine takes when the deadline is not looked at, which is for ever.
        let late = timeout + Duration::from_secs(2);

        let start = Instant::now();
        let call = download(&manager).timeout(timeout).quorum(|replies| {
            replies.take_all();
            None::<()>
        });
        let error = call.await.expect_err("never");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert!(start.elapsed() < late, "{:?}", start.elapsed());

        let start = Instant::now();
        let mut responses = download(&manager).timeout(timeout).responses();
        let mut last = None;
        while let Some((_, outcome)) = responses.next().await {
            last = Some(outcome);
        }
        let error = last.expect("an outcome").expect_err("late");
        assert_eq!(error.code(), Code::DeadlineExceeded);
        assert!(start.elapsed() < late, "{:?}", start.elapsed());
    })
    .await;
}

//! Calls whose result improves as replies arrive.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use gorums_runtime::calls::CorrectableCall;
use gorums_runtime::calls::Tally;
use gorums_runtime::codegen::{Caller, Correct};
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::{
    AggregateCall, Context, Correctable, Correction, Method, MethodDescriptor, ReplySink, Transport,
};
use tests::network::Network;
use tests::register::register_gorums::methods::Read;
use tests::register::{ReadRequest, State};
use tests::replica::{Behaviour, Cluster, Gate, arrived, cancelled};
use tests::spec::state;
use tests::streaming::transfer_gorums::{TransferReplica, TransferReplicaServer};
use tests::streaming::{Chunk, Receipt};
use tests::{on_both, settle};
use tonic::{Status, Streaming};

/// `register.Register/Read`, as a correctable.
struct ReadCorrectable;

impl Method for ReadCorrectable {
    type Request = ReadRequest;
    type Reply = State;
    const PATH: &str = Read::PATH;
    const DESCRIPTOR: MethodDescriptor = Read::DESCRIPTOR;
}

/// Returns these levels, one after each reply; the last one is final.
struct Levels(&'static [i32]);

impl Correct<Levels> for ReadCorrectable {
    type Output = usize;

    fn correct(tally: Tally<'_, Self, Levels>) -> Option<Correction<usize>> {
        let (levels, count) = (tally.spec, tally.replies.len());
        let level = *levels.0.get(count - 1)?;
        assert!(level >= 0, "asked to panic");
        Some(match count == levels.0.len() {
            true => Correction::last(count, level),
            false => Correction::preliminary(count, level),
        })
    }
}

/// A correctable on replicas that each have their own gate.
async fn gated(
    transport: Transport,
    replicas: u8,
    levels: &'static [i32],
) -> (Cluster, Vec<Gate>, Correctable<usize>) {
    let gates: Vec<Gate> = (0..replicas).map(|_| Gate::closed()).collect();
    let behaviours = gates.iter().cloned().map(Behaviour::AnswerAfter);
    let mut cluster = Cluster::start(transport, behaviours);
    let manager = cluster.network.manager(replicas).connect().await;
    let caller = Caller::new(manager.expect("all up").configuration(), Levels(levels));
    let call = CorrectableCall::<ReadCorrectable, _>::new(&caller, ReadRequest {}).start();
    let numbers: Vec<u8> = (1..=replicas).collect();
    cluster.wait_for(&numbers, arrived).await;
    (cluster, gates, call)
}

#[tokio::test(start_paused = true)]
async fn levels_rise_as_replies_arrive_until_the_last_value() {
    on_both(async |transport| {
        let (_cluster, gates, call) = gated(transport, 3, &[1, 5, 9]).await;
        settle().await;
        assert_eq!(
            (call.latest(), call.level(), call.is_done()),
            (None, None, false)
        );

        gates[0].open();
        assert!(call.reached(1).await);
        assert_eq!(call.latest(), Some((Arc::new(1), 1)));
        assert!(!call.is_done());

        gates[1].open();
        assert!(call.reached(3).await);
        assert_eq!(call.latest(), Some((Arc::new(2), 5)));

        gates[2].open();
        assert_eq!(call.done().await.expect("the last"), (Arc::new(3), 9));
        assert!(call.is_done());
        assert!(call.error().is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_level_can_be_waited_for_when_it_is_reached_already_and_when_the_call_is_over() {
    on_both(async |transport| {
        let (_cluster, gates, call) = gated(transport, 2, &[1, 2]).await;
        gates[0].open();
        assert!(call.reached(1).await);
        assert!(call.reached(1).await);
        assert!(call.reached(0).await);
        let out_of_reach = call.reached(3);
        let mut out_of_reach = std::pin::pin!(out_of_reach);
        settle().await;
        assert!(out_of_reach.as_mut().now_or_never().is_none());
        gates[1].open();
        assert!(!out_of_reach.await);
        assert!(!call.reached(3).await);
        assert!(call.reached(2).await);
        call.done().await.expect("the last");
        call.done().await.expect("the last, again");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_published_level_never_falls() {
    on_both(async |transport| {
        let (_cluster, gates, call) = gated(transport, 3, &[4, 2, 3]).await;
        gates[0].open();
        assert!(call.reached(4).await);
        gates[1].open();
        settle().await;
        assert_eq!(call.latest(), Some((Arc::new(1), 4)));
        gates[2].open();
        assert_eq!(call.done().await.expect("the last"), (Arc::new(3), 4));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn updates_are_the_values_from_the_latest_on_until_the_end() {
    on_both(async |transport| {
        let (_cluster, gates, call) = gated(transport, 3, &[1, 2, 3]).await;
        gates[0].open();
        assert!(call.reached(1).await);
        let mut updates = std::pin::pin!(call.updates());
        assert_eq!(updates.next().await, Some((Arc::new(1), 1)));
        gates[1].open();
        assert_eq!(updates.next().await, Some((Arc::new(2), 2)));
        gates[2].open();
        assert_eq!(updates.next().await, Some((Arc::new(3), 3)));
        assert_eq!(updates.next().await, None);
        let all: Vec<_> = call.updates().collect().await;
        assert_eq!(all, [(Arc::new(3), 3)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_without_a_last_value_keeps_the_latest_and_the_error() {
    on_both(async |transport| {
        let (cluster, gates, call) = gated(transport, 2, &[1, 2]).await;
        gates[0].open();
        assert!(call.reached(1).await);
        cluster.network.kill(2);
        let error = call.done().await.expect_err("a node has died");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert!(call.error().is_some());
        assert_eq!(call.latest(), Some((Arc::new(1), 1)));
        assert!(!call.reached(2).await);
        let updates: Vec<_> = call.updates().collect().await;
        assert_eq!(updates, [(Arc::new(1), 1)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_quorum_function_ends_its_correctable() {
    on_both(async |transport| {
        let (_cluster, gates, call) = gated(transport, 2, &[1, -1]).await;
        gates[0].open();
        gates[1].open();
        let error = call.done().await.expect_err("a panic");
        assert_eq!(error.kind(), QuorumCallErrorKind::Panicked, "{error}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_correctable_withdraws_its_call() {
    on_both(async |transport| {
        let (mut cluster, _gates, call) = gated(transport, 3, &[1, 2, 3]).await;
        drop(call);
        cluster.wait_for(&[1, 2, 3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_levels_of_an_aggregate_call_count_its_replies() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 3);
        let manager = cluster.network.manager(3).connect().await.expect("all up");
        let caller = Caller::new(manager.configuration(), ());
        let call = AggregateCall::<Read>::new(&caller, ReadRequest {}).correctable(2);
        let (value, level) = call.done().await.expect("two replies");
        assert_eq!((&*value, level), (&State::default(), 2));
        let call = AggregateCall::<Read>::new(&caller, ReadRequest {});
        let call = call.timeout(Duration::from_secs(1)).correctable(4);
        let error = call.done().await.expect_err("three nodes");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(call.level(), Some(3));
    })
    .await;
}

/// The newest state so far: weak after one reply, strong after two.
struct Newest;

const WEAK: i32 = 1;
const STRONG: i32 = 2;

impl Correct<Newest> for ReadCorrectable {
    type Output = State;

    fn correct(tally: Tally<'_, Self, Newest>) -> Option<Correction<State>> {
        let replies = tally.replies;
        let level = replies.len() as i32;
        let newest = replies.messages().max_by_key(|state| state.timestamp)?;
        Some(match level {
            STRONG => Correction::last(newest.clone(), STRONG),
            _ => Correction::preliminary(newest.clone(), WEAK),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_value_of_a_strong_read_is_the_newest_without_the_slowest_node() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let slower = Behaviour::AnswerAfter(gate.clone());
        let slowest = Behaviour::AnswerAfter(Gate::closed());
        let cluster = Cluster::start(transport, [Behaviour::Answer, slower, slowest]);
        let register = cluster.register(3, ()).await;
        let first = register.node(Network::id(1)).expect("a node");
        first
            .write_no_qc(state("newest", 1))
            .await
            .expect("a reply");

        let caller = Caller::new(register.configuration().clone(), Newest);
        let call = CorrectableCall::<ReadCorrectable, _>::new(&caller, ReadRequest {}).start();
        assert!(call.reached(WEAK).await);
        let newest = Arc::new(state("newest", 1));
        assert_eq!(call.latest(), Some((Arc::clone(&newest), WEAK)));
        assert!(!call.is_done());
        gate.open();
        let last = call.done().await.expect("two replies");
        assert_eq!(last, (newest, STRONG), "and not the latest");
    })
    .await;
}

/// `streaming.Transfer/Download`: each node streams its replies.
struct Download;

impl Method for Download {
    type Request = Receipt;
    type Reply = Chunk;
    const PATH: &str = "/streaming.Transfer/Download";
    const DESCRIPTOR: MethodDescriptor = MethodDescriptor::new(Self::PATH).with_reply_stream();
}

/// Streams a number of chunks.
struct Streamer;

impl TransferReplica for Streamer {
    async fn download(
        &self,
        _: &Context,
        request: Receipt,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        for _ in 0..request.length {
            replies.send(Chunk::default()).await?;
        }
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

fn download(caller: &Caller<()>, length: u64) -> AggregateCall<Download> {
    AggregateCall::new(caller, Receipt { length })
}

#[tokio::test(start_paused = true)]
async fn a_node_that_streams_its_replies_counts_once_and_streams_that_all_end_end_the_call_at_once()
{
    on_both(async |transport| {
        let network = Network::new(transport);
        for number in 1..=2 {
            network.serve(number, TransferReplicaServer::new(Streamer));
        }
        let manager = network.manager(2).connect().await.expect("all up");
        let caller = Caller::new(manager.configuration(), ());
        let responses: Vec<_> = download(&caller, 3).responses().collect().await;
        assert_eq!(responses.len(), 6);
        let correctable = download(&caller, 3).correctable(2);
        let (_, level) = correctable.done().await.expect("two nodes");
        assert_eq!(level, 2);
        for call in [
            download(&caller, 3).threshold(2),
            download(&caller, 3).majority(),
        ] {
            let replies = call.await.expect("two nodes");
            assert_eq!(replies.distinct_nodes(), 2);
        }
        let replies = download(&caller, 3).all().await.expect("two nodes");
        assert_eq!(replies.distinct_nodes(), 2);

        let start = tokio::time::Instant::now();
        let call = download(&caller, 3).timeout(Duration::from_secs(1));
        let error = call.quorum(|replies| (replies.len() > 6).then_some(()));
        let error = error.await.expect_err("there are six replies");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(error.replies(), 6);
        let error = download(&caller, 3).correctable(3).done().await;
        let error = error.expect_err("there are two nodes");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!(start.elapsed(), Duration::ZERO);
    })
    .await;
}

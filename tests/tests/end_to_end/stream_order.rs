//! Calls arrive at each node in the order in which they were started.

use std::future::poll_fn;
use std::task::Poll;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use gorums_runtime::Backoff;
use gorums_runtime::server::StreamLimits;
use tests::numbered::Wish;
use tests::numbered::numbered_gorums::{NumberedConfiguration, NumberedNode};
use tests::numbered_replica::{Cluster, Event, began_at, connect, request, wish};
use tests::settle;
use tests::spec::Count;
use tokio::sync::watch;
use tokio::task::coop::{has_budget_remaining, poll_proceed};
use tonic::Code;

const REPLICAS: u8 = 4;

/// How many calls are under way at once, at most: each node's queue has room for more.
const UNDER_WAY: usize = 1000;

/// Starts calls of all types, each with the next number, and finishes them when there are many.
struct Caller {
    numbered: NumberedConfiguration<Count>,
    nodes: Vec<NumberedNode>,
    number: u64,
    under_way: FuturesUnordered<BoxFuture<'static, Result<(), String>>>,
    failed: usize,
}

impl Caller {
    async fn new(cluster: &Cluster) -> Self {
        let numbered = cluster.numbered(REPLICAS).await;
        Self {
            nodes: numbered.nodes().collect(),
            numbered,
            number: 0,
            under_way: FuturesUnordered::new(),
            failed: 0,
        }
    }

    /// Makes `calls` calls.
    async fn call(&mut self, calls: u64) {
        for _ in 0..calls {
            self.start();
            if self.under_way.len() >= UNDER_WAY {
                self.finish(UNDER_WAY / 2).await;
            }
        }
    }

    /// Starts the next call.
    fn start(&mut self) {
        self.number += 1;
        let request = request(self.number);
        let node =
            &self.nodes[usize::try_from(self.number).expect("it fits") / 8 % self.nodes.len()];
        let call = match self.number % 8 {
            0 => ended(self.numbered.quorum(request).start()),
            1 => ended(self.numbered.r#async(request).majority()),
            2 => ended(node.call(request).into_future()),
            3 => ended(self.numbered.multicast(request)),
            4 => ended(node.unicast(request)),
            5 => ended(self.numbered.quorum(request).into_future()),
            6 => ended(self.numbered.aggregate(request).first().into_future()),
            _ => ended(self.numbered.multicast_stream(request)),
        };
        self.under_way.extend(call);
    }

    /// Finishes calls until at most `left` are under way.
    async fn finish(&mut self, left: usize) {
        while self.under_way.len() > left {
            let ended = self.under_way.next().await.expect("a call");
            self.failed += usize::from(ended.is_err());
        }
    }
}

/// What becomes of a call, which is started by being polled once; none if it ends with that.
fn ended<T, E: std::fmt::Display>(
    call: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Option<BoxFuture<'static, Result<(), String>>> {
    let mut call = call
        .map(|ended| ended.map(drop).map_err(|error| error.to_string()))
        .boxed();
    match (&mut call).now_or_never() {
        Some(_) => None,
        None => Some(call),
    }
}

/// Whether each number is above the one before.
fn is_increasing(numbers: &[u64]) -> bool {
    numbers.is_sorted_by(|before, after| before < after)
}

#[tokio::test]
async fn a_hundred_thousand_calls_of_all_types_arrive_in_the_order_in_which_they_were_started() {
    const CALLS: u64 = 100_000;
    let mut cluster = Cluster::start(REPLICAS);
    let mut caller = Caller::new(&cluster).await;
    caller.call(CALLS).await;
    caller.finish(0).await;
    assert_eq!(caller.failed, 0);
    // What a node has answered comes after all that it was sent before.
    let last: Vec<_> = caller
        .nodes
        .iter()
        .map(|node| node.call(request(CALLS + 1)).into_future())
        .collect();
    for call in last {
        call.await.expect("a reply");
    }
    let events = cluster.past_events();
    for replica in 1..=REPLICAS {
        let began = began_at(replica, &events);
        let out_of_order = began.windows(2).position(|pair| pair[0] >= pair[1]);
        let around = out_of_order.map(|at| &began[at.saturating_sub(5)..(at + 7).min(began.len())]);
        assert!(around.is_none(), "replica {replica}: {around:?}");
        // Of each eight calls, six go to all nodes, and two to one of the four.
        assert_eq!(
            began.len() as u64,
            CALLS * 6 / 8 + CALLS / 8 / 2 + 1,
            "replica {replica}"
        );
    }
}

#[tokio::test]
async fn a_task_that_has_used_its_turn_up_still_starts_its_calls_in_order() {
    let mut cluster = Cluster::start(REPLICAS);
    let mut caller = Caller::new(&cluster).await;
    caller.call(1).await;
    // tokio's own futures are pending from now on, until the task has let others run.
    poll_fn(|cx| {
        while let Poll::Ready(budget) = poll_proceed(cx) {
            budget.made_progress();
        }
        Poll::Ready(())
    })
    .await;
    assert!(!has_budget_remaining());
    for _ in 0..8 * u64::from(REPLICAS) {
        caller.start();
    }
    caller.finish(0).await;
    assert_eq!(caller.failed, 0);
    let last = caller.numbered.quorum(request(caller.number + 1)).await;
    last.expect("all reply");
    let events = cluster.past_events();
    for replica in 1..=REPLICAS {
        let began = began_at(replica, &events);
        assert!(is_increasing(&began), "replica {replica}: {began:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_go_on_increasing_when_nodes_are_connected_to_again() {
    let mut cluster = Cluster::start(REPLICAS);
    let mut caller = Caller::new(&cluster).await;
    for round in 0..50 {
        caller.call(40).await;
        // Let some calls arrive and not others.
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        match round % 2 {
            0 => cluster.network.cut(1),
            _ => cluster.network.kill(2),
        }
        // These are on their way when the node is noticed to be gone.
        caller.call(8).await;
        settle().await;
        if round % 2 == 1 {
            cluster.serve(2, StreamLimits::default());
            tokio::time::advance(Backoff::default().max()).await;
        }
    }
    caller.finish(0).await;
    assert!(caller.failed > 0, "calls are lost with their connections");
    let events = cluster.past_events();
    for replica in 1..=REPLICAS {
        let began = began_at(replica, &events);
        assert!(is_increasing(&began), "replica {replica}: {began:?}");
        assert!(began.len() > 500, "replica {replica}: {}", began.len());
    }
    assert!(
        cluster.network.connections() > 2 * 25,
        "{}",
        cluster.network.connections()
    );
}

#[tokio::test]
async fn a_call_that_waits_for_room_in_the_queue_is_not_overtaken() {
    const CALLS: u64 = 3000;
    let mut cluster = Cluster::start(1);
    let manager = cluster.network.manager(1).queue_limit(4, 1024 * 1024);
    let numbered = connect(manager, Count(1)).await;
    let node = numbered.nodes().next().expect("a node");
    let mut under_way = FuturesUnordered::new();
    for number in 1..=CALLS {
        let request = request(number);
        under_way.extend(match number % 3 {
            0 => ended(numbered.multicast(request)),
            1 => ended(node.unicast(request)),
            _ => ended(node.call(request).into_future()),
        });
        // Now and then the queue is emptied a little.
        if number % 10 == 0 {
            tokio::task::yield_now().await;
        }
        if number % 100 == 0 {
            while let Some(outcome) = under_way.next().await {
                outcome.expect("there is room in time");
            }
        }
    }
    node.call(request(CALLS + 1)).await.expect("a reply");
    let began = cluster.began_at(1);
    assert!(is_increasing(&began), "{began:?}");
    assert_eq!(began.len() as u64, CALLS + 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_is_never_handled_after_a_later_one_though_the_replica_has_not_noticed()
{
    let mut cluster = Cluster::start(1);
    let network = cluster.network.clone();
    let cut = watch::Sender::new(());
    let cuts = cut.clone();
    // When it is cut, the client's end of a connection breaks. The replica's does not.
    let builder = cluster.network.manager(1).connector(move |address| {
        let (network, mut cut) = (network.clone(), cuts.subscribe());
        async move {
            let mut replica = network.connect(address).await?;
            let (client, mut link) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut link, &mut replica) => {}
                    _ = cut.changed() => {
                        drop(link);
                        let () = std::future::pending().await;
                    }
                }
            });
            Ok(client)
        }
    });
    let numbered = connect(builder, Count(1)).await;
    let first = numbered.quorum(wish(1, Wish::Wait)).start();
    let second = numbered.quorum(request(2)).start();
    settle().await;
    cut.send_replace(());
    for failed in [first, second] {
        let error = failed.await.expect_err("the connection broke");
        assert_eq!(error.errors()[0].code(), Code::Unavailable);
    }
    // The next stream may be opened again.
    tokio::time::sleep(Backoff::default().max()).await;
    let third = numbered.quorum(request(3)).start();
    settle().await;
    assert_eq!(cluster.began_at(1), [1]);
    cluster.gate.open();
    third.await.expect("a reply");
    let began = |number| Event::Began { replica: 1, number };
    let ended = |number| Event::Ended { replica: 1, number };
    let expected = [ended(1), began(3), ended(3)];
    assert_eq!(cluster.past_events(), expected);
}

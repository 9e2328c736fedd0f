//! The delivery of many one-way calls.

use std::time::Duration;

use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::Caller;
use gorums_runtime::{Multicast, Transport};
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::register::register_gorums::methods::Write;
use tests::replica::{Cluster, handled};
use tests::spec::{Count, state};
use tests::{on_both, settle};
use tokio::time::timeout;

fn multicast(caller: &Caller<()>, timestamp: i64) -> Multicast {
    MulticastCall::<Write>::new(caller, state("value", timestamp)).start()
}

/// Waits until so many one-way calls were handled at all replicas together.
async fn all_handled(cluster: &mut Cluster, mut calls: usize) {
    // The paused clock advances when nothing is left that could happen.
    let all = timeout(Duration::from_secs(1), async {
        while calls > 0 {
            calls -= usize::from(handled(&cluster.event().await).is_some());
        }
    });
    all.await.expect("no call is lost");
}

#[tokio::test(start_paused = true)]
async fn every_one_way_call_reaches_every_node_whether_or_not_it_is_waited_for() {
    on_both(async |transport| {
        for nodes in [1, 3, 9] {
            let mut cluster = Cluster::answering(transport, nodes);
            let manager = cluster.network.manager(nodes).connect().await;
            let caller = Caller::new(manager.expect("all up").configuration(), ());
            for timestamp in 1..=25 {
                multicast(&caller, timestamp).await.expect("sent");
                multicast(&caller, -timestamp).detach();
            }
            all_handled(&mut cluster, 50 * usize::from(nodes)).await;
            settle().await;
            assert_eq!(cluster.past_events().iter().find_map(handled), None);
        }
    })
    .await;
}

/// Plain gRPC alone: calls take no room on a node stream once they are sent.
#[tokio::test(start_paused = true)]
async fn calls_that_were_handled_take_no_room() {
    let mut cluster = Cluster::answering(Transport::Grpc, 3);
    let manager = cluster.network.manager(3).one_way_limit(10).connect().await;
    let caller = Caller::new(manager.expect("all up").configuration(), ());
    for burst in 0..100 {
        for call in 0..10 {
            // A detached call that finds no room is dropped.
            multicast(&caller, 10 * burst + call).detach();
        }
        all_handled(&mut cluster, 30).await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_multicast_after_a_write_is_read_by_a_quorum() {
    on_both(async |transport| {
        let mut cluster = Cluster::answering(transport, 3);
        let register = cluster.register(3, Count(2)).await;
        let caller = Caller::new(register.configuration().clone(), ());
        let all = RegisterConfiguration::new(register.configuration().clone()).with_spec(Count(3));
        all.write(state("written", 1)).await.expect("all");
        cluster.past_events();
        multicast(&caller, 2).await.expect("sent");
        cluster.wait_for(&[1, 2, 3], handled).await;
        let read = register.read(ReadRequest {}).await.expect("a quorum");
        assert_eq!(read, state("value", 2));
    })
    .await;
}

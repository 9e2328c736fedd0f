//! Calls that are no longer awaited, undecided or decided.

use std::time::Duration;

use futures::future::join_all;
use futures::poll;
use gorums_runtime::server::StreamLimits;
use tests::network::Network;
use tests::register::register_gorums::RegisterConfiguration;
use tests::register::{ReadRequest, State};
use tests::replica::{Behaviour, Cluster, Gate, arrived, cancelled, handled};
use tests::spec::{Count, state};
use tests::{on_both, settle, soon};

#[tokio::test(start_paused = true)]
async fn dropping_an_undecided_call_cancels_it_at_every_server() {
    on_both(async |transport| {
        let mut cluster =
            Cluster::start(transport, vec![Behaviour::AnswerAfter(Gate::closed()); 3]);
        let register = cluster.register(3, Count(2)).await;
        let mut call = register.read(ReadRequest {}).into_future();
        assert!(poll!(&mut call).is_pending());
        cluster.wait_for(&[1, 2, 3], arrived).await;
        drop(call);
        cluster.wait_for(&[1, 2, 3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_node_call_cancels_it_at_the_server() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(Gate::closed())]);
        let register = cluster.register(1, ()).await;
        let node = register.node(Network::id(1)).expect("a node");
        let mut call = node.read_no_qc(ReadRequest {}).into_future();
        assert!(poll!(&mut call).is_pending());
        cluster.wait_for(&[1], arrived).await;
        drop(call);
        cluster.wait_for(&[1], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn cancel_rest_withdraws_a_decided_call_from_the_nodes_that_have_not_answered() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::AnswerAfter(gate.clone()),
                Behaviour::AnswerAfter(gate.clone()),
                Behaviour::AnswerAfter(Gate::closed()),
            ],
        );
        let register = cluster.register(3, Count(2)).await;
        let mut call = register.read(ReadRequest {}).cancel_rest().into_future();
        soon("the request at replica 3", async {
            while !cluster
                .past_events()
                .iter()
                .any(|event| arrived(event) == Some(3))
            {
                assert!(poll!(&mut call).is_pending(), "nobody answers yet");
                tokio::task::yield_now().await;
            }
        })
        .await;
        gate.open();
        call.await.expect("a quorum");
        cluster.wait_for(&[3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_decided_call_holds_for_the_nodes_that_have_not_answered() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::Answer,
                Behaviour::AnswerAfter(Gate::closed()),
            ],
        );
        let register = cluster.register(3, Count(2)).await;
        let call = register
            .read(ReadRequest {})
            .timeout(Duration::from_secs(1));
        call.await.expect("a quorum");
        cluster.wait_for(&[3], arrived).await;
        assert_eq!(cluster.past_events().iter().find_map(cancelled), None);
        cluster.wait_for(&[3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_stragglers_the_oldest_is_withdrawn() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::Answer,
                Behaviour::AnswerAfter(gate.clone()),
            ],
        );
        let manager = cluster.network.manager(3).straggler_limit(4);
        let manager = manager.connect().await.expect("up");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(2));
        for timestamp in 1..=7 {
            let write = register.write(state("value", timestamp));
            write.await.expect("a quorum");
            settle().await;
        }
        let withdrawn = cluster.past_events();
        let withdrawn = withdrawn.iter().filter_map(cancelled);
        assert_eq!(withdrawn.collect::<Vec<_>>(), [3, 3, 3]);
        gate.open();
        for _ in 0..4 {
            cluster.wait_for(&[3], handled).await;
        }
        let node = register.node(Network::id(3)).expect("a node");
        let last = node.read_no_qc(ReadRequest {}).await.expect("a reply");
        assert_eq!(last, state("value", 7));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_calls_that_are_decided_together_as_many_go_on_as_the_limit_says() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(
            transport,
            [
                Behaviour::Answer,
                Behaviour::Answer,
                Behaviour::AnswerAfter(gate.clone()),
            ],
        );
        let manager = cluster.network.manager(3).straggler_limit(4);
        let manager = manager.connect().await.expect("up");
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(2));
        let calls =
            (1..=20).map(|timestamp| register.write(state("value", timestamp)).into_future());
        for outcome in join_all(calls).await {
            outcome.expect("a quorum");
        }
        settle().await;
        cluster.past_events();
        gate.open();
        settle().await;
        let at_3 = cluster.past_events();
        let at_3 = at_3
            .iter()
            .filter_map(handled)
            .filter(|number| *number == 3);
        assert_eq!(at_3.count(), 4);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn with_a_limit_of_none_a_decided_call_is_withdrawn_at_once() {
    on_both(async |transport| {
        let mut cluster = Cluster::start(
            transport,
            [Behaviour::Answer, Behaviour::AnswerAfter(Gate::closed())],
        );
        let manager = cluster.network.manager(2).straggler_limit(0);
        let manager = manager.connect().await.expect("up");
        let both = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
        let mut call = both.read(ReadRequest {}).into_future();
        soon("the request at replica 2", async {
            while !cluster
                .past_events()
                .iter()
                .any(|event| arrived(event) == Some(2))
            {
                assert!(poll!(&mut call).is_pending());
                tokio::task::yield_now().await;
            }
        })
        .await;
        call.await.expect("a quorum");
        cluster.wait_for(&[2], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_dropped_undecided_calls_leave_the_connections_as_they_were() {
    on_both(async |transport| {
        const CALLS: usize = 10_000;
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, []);
        for number in 1..=3 {
            let services = cluster.services(number, Behaviour::AnswerAfter(gate.clone()));
            let limits = StreamLimits::new().handlers(CALLS);
            cluster
                .network
                .serve(number, services.stream_limits(limits));
        }
        let register = cluster.register(3, Count(2)).await;
        let mut calls: Vec<_> = (0..CALLS)
            .map(|_| register.read(ReadRequest {}).into_future())
            .collect();
        for call in &mut calls {
            assert!(poll!(call).is_pending());
        }
        let all = tokio::spawn(join_all(calls));
        for _ in 0..3 * CALLS {
            while arrived(&cluster.event().await).is_none() {}
        }
        all.abort();
        for _ in 0..3 * CALLS {
            while cancelled(&cluster.event().await).is_none() {}
        }
        // A call on a closed connection would fail, and the next one would reconnect.
        gate.open();
        let read = register.read(ReadRequest {}).await.expect("a quorum");
        assert_eq!(read, State::default());
        assert_eq!(cluster.network.connections(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_a_server_takes_in_are_all_withdrawn() {
    on_both(async |transport| {
        const CALLS: usize = 10_000;
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(Gate::closed())]);
        let register = cluster.register(1, Count(1)).await;
        let mut calls: Vec<_> = (0..CALLS)
            .map(|_| register.read(ReadRequest {}).into_future())
            .collect();
        for call in &mut calls {
            assert!(poll!(call).is_pending());
        }
        settle().await;
        drop(calls);
        settle().await;
        let events = cluster.past_events();
        let begun = events.iter().filter_map(arrived).count();
        let withdrawn = events.iter().filter_map(cancelled).count();
        assert!(begun > 0, "some calls begin");
        assert_eq!(begun, withdrawn);
    })
    .await;
}

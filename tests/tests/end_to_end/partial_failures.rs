//! Every way to wait for replies, with none to all of three nodes down.

use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::Caller;
use gorums_runtime::errors::{NodeError, QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::{AggregateCall, Transport};
use tests::network::Network;
use tests::register::register_gorums::methods::Write;
use tests::replica::{Cluster, handled};
use tests::spec::state;
use tests::{on_both, settle};
use tonic::Code;

/// Three nodes of which the first `down` are down.
async fn partly_down(transport: Transport, down: u8) -> (Cluster, Caller<()>) {
    let cluster = Cluster::answering(transport, 3);
    for number in 1..=down {
        cluster.network.kill(number);
    }
    let manager = cluster.network.manager(3).connect_lazy().await;
    let caller = Caller::new(manager.expect("a manager").configuration(), ());
    (cluster, caller)
}

fn write(caller: &Caller<()>) -> AggregateCall<Write> {
    AggregateCall::new(caller, state("new", 1))
}

/// Whether a call succeeded; it must if enough nodes are up, and otherwise name those that are down.
fn assert_outcome<T>(outcome: Result<T, QuorumCallError>, down: u8, wanted: u8) {
    match outcome {
        Ok(_) => assert!(3 - down >= wanted, "{down} down, {wanted} wanted"),
        Err(error) => {
            assert!(3 - down < wanted, "{down} down, {wanted} wanted: {error}");
            assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
            assert_unavailable(error.errors(), 3 - wanted + 1..=down);
        }
    }
}

/// The errors are of so many of the first nodes, which are down.
fn assert_unavailable(errors: &[NodeError], count: std::ops::RangeInclusive<u8>) {
    let found = u8::try_from(errors.len()).expect("three nodes");
    assert!(count.contains(&found), "{errors:?}");
    for error in errors {
        assert!(error.node_id() <= Network::id(*count.end()), "{error}");
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_succeeds_while_enough_nodes_are_up_and_names_the_others_when_not() {
    on_both(async |transport| {
        for down in 0..=3 {
            let (_cluster, caller) = partly_down(transport, down).await;
            assert_outcome(write(&caller).first().await, down, 1);
            assert_outcome(write(&caller).majority().await, down, 2);
            assert_outcome(write(&caller).all().await, down, 3);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_multicast_names_every_node_that_is_down_and_a_detached_one_reaches_the_others() {
    on_both(async |transport| {
        for down in 0..=3 {
            let (mut cluster, caller) = partly_down(transport, down).await;
            let call = || MulticastCall::<Write>::new(&caller, state("new", 1)).start();
            match call().await {
                Ok(()) => assert_eq!(down, 0),
                Err(error) => assert_unavailable(error.errors(), down..=down),
            }
            call().detach();
            settle().await;
            let events = cluster.past_events();
            let handled = events.iter().filter_map(handled).count();
            assert_eq!(handled, 2 * usize::from(3 - down));
        }
    })
    .await;
}

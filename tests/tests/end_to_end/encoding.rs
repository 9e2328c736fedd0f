//! How often a request is encoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gorums_runtime::calls::Decide;
use gorums_runtime::calls::Tally;
use gorums_runtime::codegen::Caller;
use gorums_runtime::{Method, QuorumCall};
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, int64, skip_field};
use prost::{DecodeError, Message};
use tests::on_both;
use tests::register::WriteResponse;
use tests::replica::Cluster;

/// `register.State`, which counts how often it is encoded.
#[derive(Debug, Default)]
struct CountedState {
    timestamp: i64,
    encoded: Arc<AtomicUsize>,
}

impl Message for CountedState {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        self.encoded.fetch_add(1, Ordering::SeqCst);
        int64::encode(2, &self.timestamp, buffer);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, buffer, context)
    }

    fn encoded_len(&self) -> usize {
        int64::encoded_len(2, &self.timestamp)
    }

    fn clear(&mut self) {}
}

/// `register.Register/Write`.
struct Write;

impl Method for Write {
    type Request = CountedState;
    type Reply = WriteResponse;
    const PATH: &str = "/register.Register/Write";
}

impl Decide<()> for Write {
    type Output = usize;

    /// How many of nine replicas have accepted the write, once all have answered.
    fn decide(tally: Tally<'_, Self, ()>) -> Option<usize> {
        let replies = tally.replies;
        let accepted = replies.messages().filter(|reply| reply.new).count();
        (replies.len() == 9).then_some(accepted)
    }
}

fn counted() -> (CountedState, Arc<AtomicUsize>) {
    let encoded = Arc::default();
    let state = CountedState {
        timestamp: 1,
        encoded: Arc::clone(&encoded),
    };
    (state, encoded)
}

#[tokio::test(start_paused = true)]
async fn a_request_is_encoded_once_for_all_nodes() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 9);
        let manager = cluster.network.manager(9).connect().await.expect("all up");
        let (state, encoded) = counted();
        let caller = Caller::new(manager.configuration(), ());
        let call = QuorumCall::<Write, ()>::new(&caller, state);
        assert_eq!(call.await.expect("all"), 9);
        assert_eq!(encoded.load(Ordering::SeqCst), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_per_node_call_are_encoded_once_each() {
    on_both(async |transport| {
        let cluster = Cluster::answering(transport, 9);
        let manager = cluster.network.manager(9).connect().await.expect("all up");
        let (state, encoded) = counted();
        let own = |state: &CountedState, _| {
            Some(CountedState {
                timestamp: state.timestamp,
                encoded: Arc::clone(&state.encoded),
            })
        };
        let caller = Caller::new(manager.configuration(), ());
        let call = QuorumCall::<Write, ()>::per_node(&caller, state, own);
        assert_eq!(call.await.expect("all"), 9);
        assert_eq!(encoded.load(Ordering::SeqCst), 9);
    })
    .await;
}

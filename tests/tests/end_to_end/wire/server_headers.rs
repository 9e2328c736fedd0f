//! The headers with which a client opens a stream.

use tonic::Code;

use crate::wire::bytes::hex;
use crate::wire::raw_client::RawClient;
use crate::wire::replica::Replica;

/// The header in which a client names its node id.
const NODE_ID: &str = "gorums-node-id";

/// A read of a key that is absent, with number 1, and its reply.
const READ: &str = "0801121470726f746f2e53746f726167652e5265616451432a030a016b";
const READ_REPLY: &str = "0801121470726f746f2e53746f726167652e526561645143";

/// The same with bit 63 in the number.
const BIT_63: &str = "0885808080808080808001121470726f746f2e53746f726167652e5265616451432a030a016b";
const BIT_63_REPLY: &str = "0885808080808080808001121470726f746f2e53746f726167652e526561645143";

#[tokio::test(start_paused = true)]
async fn a_client_that_accepts_calls_sends_replies_with_bit_63_which_are_not_answered() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let headers = [(NODE_ID, "0")];
    let mut client = RawClient::open(&replicas, &headers)
        .await
        .expect("a stream");
    client.send_hex(BIT_63);
    client.send_hex(READ);
    assert_eq!(client.reply().await, hex(READ_REPLY));
    client.half_close();
    client.end().await.expect("no more replies");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_unknown_is_a_plain_client() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    for id in ["1", "77", "1048576", "4294967295"] {
        let headers = [(NODE_ID, id)];
        let mut client = RawClient::open(&replicas, &headers)
            .await
            .expect("a stream");
        client.send_hex(READ);
        assert_eq!(client.reply().await, hex(READ_REPLY), "{id}");
        client.send_hex(BIT_63);
        assert_eq!(client.reply().await, hex(BIT_63_REPLY), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_id_that_is_no_number_is_refused_by_its_name() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    for id in ["", "x", "-1", "1.5", "4294967296", "1 2"] {
        let refused = RawClient::open(&replicas, &[(NODE_ID, id)]).await;
        let status = refused.expect_err("no number");
        assert_eq!(status.code(), Code::InvalidArgument, "{id:?}: {status}");
        assert!(status.message().contains(NODE_ID), "{id:?}: {status}");
    }
}

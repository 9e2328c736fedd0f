//! When a connection counts as established.

use std::time::Duration;

use gorums_runtime::{Manager, ManagerBuilder, NodeId, Transport};
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tonic::Code;

/// What a node does with a connection, once the client has said something.
#[derive(Clone, Copy)]
enum Does {
    Answer(&'static [u8]),
    Close,
}

/// A manager of a node that accepts all connections.
fn manager(transport: Transport, does: Does) -> ManagerBuilder {
    Manager::builder()
        .transport(transport)
        .node(NodeId::new(7), "10.0.0.7:4000")
        .connector(move |_| async move {
            let (client, mut node) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                node.read_u8().await.expect("the preface");
                if let Does::Answer(answer) = does {
                    node.write_all(answer).await.expect("it is taken");
                    // Until the client has had enough.
                    let _ = node.read_to_end(&mut Vec::new()).await;
                }
            });
            Ok(client)
        })
}

/// The error with which `connect` fails, in the words of the node's status.
async fn refused(manager: ManagerBuilder) -> String {
    let error = manager.connect().await.expect_err("not established");
    let error = error.to_string();
    let start = "cannot connect to 1 of 1 nodes: node 7 (10.0.0.7:4000): Unavailable: ";
    let message = error.strip_prefix(start);
    message.unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn connect_waits_for_the_first_answer_of_a_node_and_connect_lazy_for_nothing() {
    on_both(async |transport| {
        let silent =
            || manager(transport, Does::Answer(b"")).connect_timeout(Duration::from_secs(2));
        let start = Instant::now();
        silent().connect_lazy().await.expect("an address");
        assert_eq!(start.elapsed().as_secs(), 0);
        let error = refused(silent()).await;
        assert_eq!(start.elapsed().as_secs(), 2);
        let expected = "the node accepted the connection and sent nothing within 2s; check that";
        assert!(error.starts_with(expected), "{error}");

        // Settings that have none.
        let settings = Does::Answer(b"\0\0\0\x04\0\0\0\0\0");
        manager(transport, settings)
            .connect()
            .await
            .expect("HTTP/2");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_that_the_keep_alive_gives_up_is_not_said_to_have_closed_the_connection() {
    on_both(async |transport| {
        let second = Duration::from_secs(1);
        let silent = manager(transport, Does::Answer(b"")).keep_alive(second, second);
        let error = refused(silent.connect_timeout(10 * second)).await;
        let expected = "the node accepted the connection and sent nothing within 2s; check that";
        assert!(error.starts_with(expected), "{error}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_speaks_another_protocol_is_unavailable_with_the_reason() {
    on_both(async |transport| {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"220 mail\r\n"] {
            let expected =
                "the node does not answer in HTTP/2; check that a gRPC server listens at its address";
            let builder = manager(transport, Does::Answer(answer));
            assert_eq!(refused(builder.clone()).await, expected);
            let lazy = builder.connect_lazy().await.expect("an address");
            let register = RegisterConfiguration::new(lazy.configuration());
            let node = register.node(NodeId::new(7)).expect("a node");
            let error = node.read_no_qc(ReadRequest {}).await;
            let error = error.expect_err("another protocol");
            assert_eq!(error.code(), Code::Unavailable);
            assert_eq!(error.status().message(), expected);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn connect_fails_if_the_node_closes_the_connection_without_an_answer() {
    on_both(async |transport| {
        let error = refused(manager(transport, Does::Close)).await;
        let expected = "the connection was closed before the node sent anything; check that a gRPC";
        assert!(error.starts_with(expected), "{error}");
    })
    .await;
}

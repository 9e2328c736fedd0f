//! Nodes that end calls by HTTP/2 rather than by gRPC.

use std::time::Duration;

use gorums_runtime::{Backoff, Manager, Transport};
use h2::Reason;
use prost::bytes::Bytes;
use tests::golden::streaming::Receipt;
use tests::golden::streaming::transfer_gorums::TransferNode;
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterNode;
use tokio::io::DuplexStream;
use tonic::Code;

const REASONS: [Reason; 8] = [
    Reason::NO_ERROR,
    Reason::PROTOCOL_ERROR,
    Reason::INTERNAL_ERROR,
    Reason::STREAM_CLOSED,
    Reason::REFUSED_STREAM,
    Reason::CANCEL,
    Reason::ENHANCE_YOUR_CALM,
    Reason::INADEQUATE_SECURITY,
];

/// How a server ends each call.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// By resetting it.
    Stream(Reason),
    /// After the head of a response, by resetting it.
    Response(Reason),
    /// By ending the connection.
    Connection(Reason),
}

async fn serve(connection: DuplexStream, ends: Ends) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(connection).await?;
    while let Some(call) = connection.accept().await {
        let (_request, mut respond) = call?;
        match ends {
            Ends::Stream(reason) => respond.send_reset(reason),
            Ends::Response(reason) => {
                let response = tonic::codegen::http::Response::builder()
                    .header("content-type", "application/grpc")
                    .body(())
                    .expect("a response");
                let mut body = respond.send_response(response, false)?;
                body.send_data(Bytes::from_static(b"\0\0\0"), false)?;
                body.send_reset(reason);
            }
            Ends::Connection(reason) => connection.abrupt_shutdown(reason),
        }
    }
    Ok(())
}

/// A manager of one node, which ends calls in this way.
async fn manager(transport: Transport, ends: Ends) -> Manager {
    let pause = Duration::from_millis(1);
    let builder = Manager::builder()
        .transport(transport)
        .address("10.0.0.1:4000")
        .backoff(Backoff::new(pause, pause))
        .connector(move |_| async move {
            let (client, server) = tokio::io::duplex(64 * 1024);
            // The connection ends in one of these ways.
            tokio::spawn(async move { drop(serve(server, ends).await) });
            Ok(client)
        });
    builder.connect_lazy().await.expect("a manager")
}

fn ways() -> impl Iterator<Item = Ends> {
    REASONS.into_iter().flat_map(|reason| {
        [
            Ends::Stream(reason),
            Ends::Response(reason),
            Ends::Connection(reason),
        ]
    })
}

#[tokio::test(start_paused = true)]
async fn what_http2_ends_is_unavailable_whatever_its_reason() {
    on_both(async |transport| {
        for ends in ways() {
            let manager = manager(transport, ends).await;
            let node = manager.nodes().next().expect("a node");
            let error = RegisterNode::new(node).read_no_qc(ReadRequest {}).await;
            let error = error.expect_err("it is ended");
            assert_eq!(error.code(), Code::Unavailable, "{ends:?}: {error}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_http2_ends_is_unavailable_to_tonics_own_client_on_a_nodes_channel() {
    for ends in ways() {
        let manager = manager(Transport::Grpc, ends).await;
        let node = manager.nodes().next().expect("a node");
        let mut client = TransferNode::new(node).client();
        let status = client.confirm(Receipt::default()).await;
        let status = status.expect_err("it is ended");
        assert_eq!(status.code(), Code::Unavailable, "{ends:?}: {status}");
        let status = match client.download(Receipt::default()).await {
            Err(status) => status,
            Ok(replies) => {
                let reply = replies.into_inner().message().await;
                reply.expect_err("it is ended")
            }
        };
        assert_eq!(status.code(), Code::Unavailable, "{ends:?}: {status}");
    }
}

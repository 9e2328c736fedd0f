//! The methods of all four shapes, on one node's connection.

use futures::channel::mpsc;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use gorums_runtime::Replies;
use tests::golden::streaming::transfer_gorums::{TransferConfiguration, TransferQuorumSpec};
use tests::golden::streaming::transfer_server::{Transfer, TransferServer};
use tests::golden::streaming::{Chunk, Receipt};
use tests::network::Network;
use tests::service::{all, serve};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status, Streaming};

/// Its downloads consist of its number.
struct Replica(u8);

type Chunks = BoxStream<'static, Result<Chunk, Status>>;

fn chunk(content: &[u8]) -> Chunk {
    let content = content.to_vec();
    Chunk { content }
}

fn receipt(length: u64) -> Receipt {
    Receipt { length }
}

#[tonic::async_trait]
impl Transfer for Replica {
    async fn send(&self, request: Request<Chunk>) -> Result<Response<Receipt>, Status> {
        let length = request.into_inner().content.len() as u64;
        Ok(Response::new(receipt(length)))
    }

    async fn upload(
        &self,
        request: Request<Streaming<Chunk>>,
    ) -> Result<Response<Receipt>, Status> {
        let chunks = request.into_inner();
        let add = |length, chunk: Chunk| async move { Ok(length + chunk.content.len() as u64) };
        let length = chunks.try_fold(0, add).await?;
        Ok(Response::new(receipt(length)))
    }

    type DownloadStream = Chunks;

    /// As many bytes as asked for, one in each chunk, and then an error.
    async fn download(&self, request: Request<Receipt>) -> Result<Response<Chunks>, Status> {
        let length = request.into_inner().length as usize;
        let chunks = stream::repeat(Ok(chunk(&[self.0]))).take(length);
        let end = stream::iter([Err(Status::out_of_range("no more"))]);
        Ok(Response::new(chunks.chain(end).boxed()))
    }

    type ExchangeStream = Chunks;

    /// Each chunk, turned around.
    async fn exchange(
        &self,
        request: Request<Streaming<Chunk>>,
    ) -> Result<Response<Chunks>, Status> {
        let chunks = request.into_inner().map_ok(|mut chunk| {
            chunk.content.reverse();
            chunk
        });
        Ok(Response::new(chunks.boxed()))
    }

    async fn confirm(&self, request: Request<Receipt>) -> Result<Response<Receipt>, Status> {
        let length = request.into_inner().length + u64::from(self.0);
        Ok(Response::new(receipt(length)))
    }
}

/// Adds the lengths of all replicas up.
struct Sum;

impl TransferQuorumSpec for Sum {
    fn confirm_qf(&self, replies: &mut Replies<Receipt>) -> Option<Receipt> {
        Some(receipt(all(replies)?.iter().map(|each| each.length).sum()))
    }
}

async fn transfer(network: &Network) -> TransferConfiguration<Sum> {
    let nodes = serve(network.clone(), |number| {
        Routes::new(TransferServer::new(Replica(number)))
    });
    TransferConfiguration::new(nodes.await, Sum)
}

#[tokio::test(start_paused = true)]
async fn a_nodes_client_sends_one_message_or_many() {
    let transfer = transfer(&Network::new()).await;
    let mut client = transfer.node(Network::id(2)).expect("a node").client();
    let sent = client.send(chunk(b"four")).await.expect("a reply");
    assert_eq!(sent.into_inner(), receipt(4));
    let chunks = stream::iter([chunk(b"one"), chunk(b""), chunk(b"three")]);
    let uploaded = client.upload(chunks).await.expect("a reply");
    assert_eq!(uploaded.into_inner(), receipt(8));
}

#[tokio::test(start_paused = true)]
async fn a_nodes_client_receives_a_stream_up_to_the_error_that_ends_it() {
    let transfer = transfer(&Network::new()).await;
    let mut client = transfer.node(Network::id(2)).expect("a node").client();
    let stream = client.download(receipt(3)).await.expect("a stream");
    let mut received: Vec<_> = stream.into_inner().collect().await;
    let end = received.pop().expect("an end");
    assert_eq!(end.expect_err("an error").code(), Code::OutOfRange);
    let received: Result<Vec<_>, _> = received.into_iter().collect();
    assert_eq!(received.expect("chunks"), vec![chunk(&[2]); 3]);
}

#[tokio::test(start_paused = true)]
async fn a_nodes_client_receives_while_it_sends() {
    let transfer = transfer(&Network::new()).await;
    let mut client = transfer.node(Network::id(2)).expect("a node").client();
    let (sender, chunks) = mpsc::unbounded();
    let stream = client.exchange(chunks).await.expect("a stream");
    let mut stream = stream.into_inner();
    // The next is sent once the one before has come back.
    for (content, reverse) in [(b"abc", b"cba"), (b"def", b"fed")] {
        sender.unbounded_send(chunk(content)).expect("listens");
        let received = stream.message().await.expect("no error");
        assert_eq!(received, Some(chunk(reverse)));
    }
    drop(sender);
    assert_eq!(stream.message().await.expect("no error"), None);
}

#[tokio::test(start_paused = true)]
async fn quorum_calls_and_node_calls_share_a_connection_with_streams() {
    let network = Network::new();
    let transfer = transfer(&network).await;
    let node = transfer.node(Network::id(2)).expect("a node");
    let (sender, chunks) = mpsc::unbounded();
    let stream = node.client().exchange(chunks).await.expect("a stream");
    let mut stream = stream.into_inner();

    let confirmed = transfer.confirm(receipt(10)).await.expect("all");
    assert_eq!(confirmed, receipt(11 + 12 + 13));
    let sent = node.send(chunk(b"four")).await.expect("a reply");
    assert_eq!(sent, receipt(4));

    sender.unbounded_send(chunk(b"abc")).expect("listens");
    let received = stream.message().await.expect("no error");
    assert_eq!(received, Some(chunk(b"cba")));
    assert_eq!(network.connections(), 3);
}

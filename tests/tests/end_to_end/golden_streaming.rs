//! The methods of all four shapes, on one node's connection.

use futures::channel::mpsc;
use futures::{StreamExt, TryStreamExt, stream};
use gorums_runtime::{Context, Replies, ReplySink};
use tests::golden::streaming::transfer_gorums::{
    TransferConfiguration, TransferQuorumSpec, TransferReplica, TransferReplicaServer,
};
use tests::golden::streaming::{Chunk, Receipt};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::{Code, Status, Streaming};

/// A replica whose downloads consist of its number.
struct Replica(u8);

fn chunk(content: &[u8]) -> Chunk {
    let content = content.to_vec();
    Chunk { content }
}

fn receipt(length: u64) -> Receipt {
    Receipt { length }
}

impl TransferReplica for Replica {
    async fn send(&self, _: &Context, request: Chunk) -> Result<Receipt, Status> {
        let length = request.content.len() as u64;
        Ok(receipt(length))
    }

    async fn upload(&self, _: &Context, chunks: Streaming<Chunk>) -> Result<Receipt, Status> {
        let add = |length, chunk: Chunk| async move { Ok(length + chunk.content.len() as u64) };
        let length = chunks.try_fold(0, add).await?;
        Ok(receipt(length))
    }

    /// Sends the requested number of bytes, one in each chunk, and then an error.
    async fn download(
        &self,
        _: &Context,
        request: Receipt,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        for _ in 0..request.length {
            replies.send(chunk(&[self.0])).await?;
        }
        Err(Status::out_of_range("no more"))
    }

    /// Sends back each chunk reversed.
    async fn exchange(
        &self,
        _: &Context,
        mut chunks: Streaming<Chunk>,
        replies: ReplySink<Chunk>,
    ) -> Result<(), Status> {
        while let Some(mut chunk) = chunks.message().await? {
            chunk.content.reverse();
            replies.send(chunk).await?;
        }
        Ok(())
    }

    async fn confirm(&self, _: &Context, request: Receipt) -> Result<Receipt, Status> {
        let length = request.length + u64::from(self.0);
        Ok(receipt(length))
    }
}

/// Adds up the lengths of all replicas.
struct Sum;

impl TransferQuorumSpec for Sum {
    fn confirm_qf(&self, replies: &mut Replies<Receipt>) -> Option<Receipt> {
        Some(receipt(all(replies)?.iter().map(|each| each.length).sum()))
    }
}

async fn transfer(network: &Network) -> TransferConfiguration<Sum> {
    let nodes = serve(network.clone(), |number| {
        TransferReplicaServer::new(Replica(number))
    });
    TransferConfiguration::new(nodes.await).with_spec(Sum)
}

#[tokio::test(start_paused = true)]
async fn a_nodes_client_sends_one_message_or_many() {
    on_both(async |transport| {
        let transfer = transfer(&Network::new(transport)).await;
        let mut client = transfer.node(Network::id(2)).expect("a node").client();
        let sent = client.send(chunk(b"four")).await.expect("a reply");
        assert_eq!(sent.into_inner(), receipt(4));
        let chunks = stream::iter([chunk(b"one"), chunk(b""), chunk(b"three")]);
        let uploaded = client.upload(chunks).await.expect("a reply");
        assert_eq!(uploaded.into_inner(), receipt(8));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_nodes_client_receives_a_stream_up_to_the_error_that_ends_it() {
    on_both(async |transport| {
        let transfer = transfer(&Network::new(transport)).await;
        let mut client = transfer.node(Network::id(2)).expect("a node").client();
        let stream = client.download(receipt(3)).await.expect("a stream");
        let mut received: Vec<_> = stream.into_inner().collect().await;
        let end = received.pop().expect("an end");
        assert_eq!(end.expect_err("an error").code(), Code::OutOfRange);
        let received: Result<Vec<_>, _> = received.into_iter().collect();
        assert_eq!(received.expect("chunks"), vec![chunk(&[2]); 3]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_nodes_client_receives_while_it_sends() {
    on_both(async |transport| {
        let transfer = transfer(&Network::new(transport)).await;
        let mut client = transfer.node(Network::id(2)).expect("a node").client();
        let (sender, chunks) = mpsc::unbounded();
        let stream = client.exchange(chunks).await.expect("a stream");
        let mut stream = stream.into_inner();
        // Each chunk is sent after the previous one has come back.
        for (content, reverse) in [(b"abc", b"cba"), (b"def", b"fed")] {
            sender.unbounded_send(chunk(content)).expect("listens");
            let received = stream.message().await.expect("no error");
            assert_eq!(received, Some(chunk(reverse)));
        }
        drop(sender);
        assert_eq!(stream.message().await.expect("no error"), None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn quorum_calls_and_node_calls_go_on_while_a_stream_is_open() {
    on_both(async |transport| {
        let network = Network::new(transport);
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
        // The stream has a connection of its own, so that it does not hold up the calls.
        assert_eq!(network.connections(), 3 + 1);
    })
    .await;
}

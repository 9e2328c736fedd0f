//! Requests and replies that are wrapper types, which are values in Rust.

use gorums_runtime::{Context, Correction, Replies};
use tests::golden::wrappers::wrappers_gorums::{
    WrappersConfiguration, WrappersQuorumSpec, WrappersReplica, WrappersReplicaServer,
};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::Status;

struct Replica;

impl WrappersReplica for Replica {
    async fn text(&self, _: &Context, request: String) -> Result<String, Status> {
        Ok(request)
    }

    async fn raw(&self, _: &Context, request: Vec<u8>) -> Result<Vec<u8>, Status> {
        Ok(request)
    }

    async fn number(&self, _: &Context, _: u64) -> Result<(), Status> {
        Ok(())
    }
}

struct Spec;

impl WrappersQuorumSpec for Spec {
    fn text_qf(&self, request: &str, replies: &mut Replies<String>) -> Option<String> {
        let replies = all(replies)?;
        Some(format!("{request}: {}", replies.join(" ")))
    }

    fn raw_qf(
        &self,
        request: &[u8],
        replies: &mut Replies<Vec<u8>>,
    ) -> Option<Correction<Vec<u8>>> {
        all(replies).map(|replies| Correction::last([request, &replies.concat()].concat(), 1))
    }

    fn number_qf(&self, request: &u64, replies: &mut Replies<()>) -> Option<String> {
        all(replies).map(|replies| format!("{request} {}", replies.len()))
    }
}

#[tokio::test(start_paused = true)]
async fn quorum_functions_see_requests_that_are_strings_and_bytes() {
    on_both(async |transport| {
        let nodes = serve(Network::new(transport), |_| {
            WrappersReplicaServer::new(Replica)
        });
        let service = WrappersConfiguration::new(nodes.await).with_spec(Spec);
        let text = service.text("a".to_string()).await.expect("all");
        assert_eq!(text, "a: a a a");

        let raw = service.raw(vec![1], |request, _| Some(request.clone()));
        let (raw, level) = raw.done().await.expect("all");
        assert_eq!((raw.as_slice(), level), (&[1, 1, 1, 1][..], 1));

        let number = service.number(7).await.expect("all");
        assert_eq!(number, "7 3");
    })
    .await;
}

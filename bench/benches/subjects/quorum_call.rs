//! Whole quorum calls, with the work of their servers, in one thread and without a network.

use gorums_runtime::testing::{self, Replicas};
use gorums_runtime::{Context, Correction, Replies};
use tokio::runtime::{Builder, Runtime};
use tonic::Status;

use super::payload;
use super::proto::Payload;
use super::proto::bench_gorums::{
    BenchConfiguration, BenchQuorumSpec, BenchReplica, BenchReplicaServer,
};

/// Calls before the measured ones, so that all first allocations have been made.
const WARMUP: usize = 200;

struct Echo;

impl BenchReplica for Echo {
    async fn echo(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        Ok(request)
    }

    async fn echo_per_node(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        Ok(request)
    }

    async fn echo_future(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        Ok(request)
    }

    async fn echo_correctable(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        Ok(request)
    }

    async fn echo_node(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        Ok(request)
    }

    async fn multicast(&self, _: &Context, _: Payload) {}

    async fn unicast(&self, _: &Context, _: Payload) {}
}

/// Decides when all nodes have replied, so that each call does the same work.
struct All(usize);

impl All {
    fn decide(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        (replies.len() >= self.0).then(|| replies.take_latest())?
    }
}

impl BenchQuorumSpec for All {
    fn echo_qf(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        self.decide(replies)
    }

    fn echo_per_node_qf(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        self.decide(replies)
    }

    fn echo_future_qf(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        self.decide(replies)
    }

    fn echo_correctable_qf(&self, replies: &mut Replies<Payload>) -> Option<Correction<Payload>> {
        let level = replies.len() as i32;
        self.decide(replies)
            .map(|reply| Correction::last(reply, level))
    }
}

/// Replicas and their client.
pub(crate) struct Cluster {
    runtime: Runtime,
    bench: BenchConfiguration<All>,
    _replicas: Replicas,
}

impl Cluster {
    /// Of `n` replicas, on node streams.
    pub(crate) fn start(n: u32) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("there is a runtime");
        let replicas = testing::replicas(n, |_| BenchReplicaServer::new(Echo));
        let replicas = runtime.block_on(replicas).expect("there are replicas");
        let bench = BenchConfiguration::new(replicas.configuration()).with_spec(All(n as usize));
        let cluster = Self {
            runtime,
            bench,
            _replicas: replicas,
        };
        cluster.call(WARMUP);
        cluster
    }

    /// This many calls, one after the other.
    pub(crate) fn call(&self, calls: usize) {
        self.runtime.block_on(async {
            for _ in 0..calls {
                let reply = self.bench.echo(payload(16)).await;
                assert_eq!(reply.expect("all replicas reply").data.len(), 16);
            }
        });
    }
}

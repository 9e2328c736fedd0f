//! Services whose messages are in another crate, by `extern_path`.

use gorums_runtime::testing::replicas;
use gorums_runtime::{Context, Replies};
use shared_messages::value::Version;
use shared_messages::{Summary, Value};
use tests::golden::shared_messages::Request;
use tests::golden::shared_messages::imports_gorums::{
    ImportsConfiguration, ImportsQuorumSpec, ImportsReplica, ImportsReplicaServer,
};
use tonic::Status;

/// Answers with what it is asked, and with its length.
struct Replica;

impl ImportsReplica for Replica {
    async fn get(&self, _: &Context, request: Request) -> Result<Value, Status> {
        let value = request.value;
        value.ok_or_else(|| Status::invalid_argument("no value"))
    }

    async fn get_version(&self, _: &Context, value: Value) -> Result<Version, Status> {
        let number = value.text.len() as u64;
        Ok(Version { number })
    }

    async fn count(&self, _: &Context, _: Request) -> Result<Version, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn name(&self, _: &Context, _: Request) -> Result<String, Status> {
        Err(Status::unimplemented("not called"))
    }
}

/// Decides by the first reply.
struct First;

impl ImportsQuorumSpec for First {
    fn get_qf(&self, replies: &mut Replies<Value>) -> Option<Value> {
        replies.take_first()
    }

    fn get_version_qf(&self, replies: &mut Replies<Version>) -> Option<Summary> {
        let version = replies.take_first()?;
        let count = version.number as u32;
        Some(Summary { count })
    }

    fn count_qf(&self, _: &Request, _: &mut Replies<Version>) -> Option<Summary> {
        None
    }

    fn name_qf(&self, _: &mut Replies<String>) -> Option<i64> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn calls_carry_the_messages_of_another_crate() {
    let replicas = replicas(3, |_| ImportsReplicaServer::new(Replica)).await;
    let replicas = replicas.expect("three replicas");
    let service = ImportsConfiguration::new(replicas.configuration()).with_spec(First);
    let value = Value {
        text: "shared".to_string(),
    };
    let request = Request {
        value: Some(value.clone()),
    };
    assert_eq!(service.get(request).await.expect("a reply"), value);
    let summary = service.get_version(value).await.expect("a reply");
    assert_eq!(summary, Summary { count: 6 });
}

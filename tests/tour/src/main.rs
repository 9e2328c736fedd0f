use std::sync::Mutex;
use std::time::Duration;

use gorums_runtime::quorum::Quorums;
use gorums_runtime::tonic::Status;
use gorums_runtime::{Context, Manager, NodeId, Replies, Server};

mod register {
    gorums_runtime::include_proto!("register");
}
use register::register_gorums::{
    RegisterConfiguration, RegisterQuorumSpec, RegisterReplica, RegisterReplicaServer,
};
use register::{ReadRequest, State, WriteResponse};

/// Keeps the newest state.
#[derive(Default)]
struct Replica(Mutex<State>);

impl RegisterReplica for Replica {
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn write(&self, _: &Context, written: State) -> Result<WriteResponse, Status> {
        let mut current = self.0.lock().unwrap();
        let new = written.timestamp > current.timestamp;
        if new {
            *current = written;
        }
        Ok(WriteResponse { new })
    }
}

/// Decides by quorums, any two of which have a replica in common.
struct Majority {
    quorums: Quorums<NodeId>,
}

impl RegisterQuorumSpec for Majority {
    fn read_qf(&self, replies: &mut Replies<State>) -> Option<State> {
        if !replies.form(&self.quorums) {
            return None;
        }
        replies.take_max_by_key(|state| state.timestamp)
    }

    fn write_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        if !replies.form(&self.quorums) {
            return None;
        }
        replies.take_latest()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut servers = Vec::new();
    for _ in 0..3 {
        let server = Server::new(RegisterReplicaServer::new(Replica::default()));
        servers.push(server.bind("127.0.0.1:0").await?.start());
    }

    let addresses = servers.iter().map(|server| server.address().to_string());
    let manager = Manager::connect(addresses).await?;
    let majority = Majority { quorums: manager.configuration().majority() };
    let register = RegisterConfiguration::new(manager.configuration()).with_spec(majority);

    let hello = State { value: "hello".into(), timestamp: 1 };
    register.write(hello).await?;
    let state = register.read(ReadRequest {}).timeout(Duration::from_secs(1)).await?;
    println!("{}", state.value);
    Ok(())
}

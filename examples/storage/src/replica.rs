//! One replica.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::server::{Clients, Router};
use gorums_runtime::tonic::Status;
use gorums_runtime::{Connectivity, Context, NodeConnectivity, ReplySink, System};

use crate::proto::membership_gorums::{MembershipReplica, MembershipReplicaServer};
use crate::proto::storage_gorums::{StorageConfiguration, StorageReplica, StorageReplicaServer};
use crate::proto::{
    Peer, PeersResponse, ReadRequest, ReadResponse, WatchRequest, WriteRequest, WriteResponse,
};
use crate::quorum::{Majority, written_at};
use crate::watchers::Watchers;

/// The registers that one replica stores. Clones share them.
#[derive(Clone, Debug)]
struct Replica(Arc<State>);

#[derive(Debug)]
struct State {
    registers: Mutex<HashMap<String, Register>>,
    watchers: Watchers,
    /// The storage on all members, this one included. `None` if the replica has no peers.
    members: Option<StorageConfiguration<Majority>>,
    connectivity: Option<Connectivity>,
}

#[derive(Clone, Debug)]
struct Register {
    value: String,
    time: Option<Timestamp>,
}

impl Replica {
    fn read(&self, request: &ReadRequest) -> ReadResponse {
        match self.registers().get(&request.key).cloned() {
            Some(Register { value, time }) => ReadResponse {
                ok: true,
                value,
                time,
            },
            None => ReadResponse::default(),
        }
    }

    fn write(&self, request: WriteRequest) -> WriteResponse {
        let response = self.store(request.clone());
        if response.new {
            self.0.watchers.report(request);
        }
        response
    }

    fn store(&self, request: WriteRequest) -> WriteResponse {
        let WriteRequest { key, value, time } = request;
        let register = Register { value, time };
        let new = match self.registers().entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(register);
                true
            }
            Entry::Occupied(mut entry) => {
                let newer = written_at(&register.time) > written_at(&entry.get().time);
                if newer {
                    entry.insert(register);
                }
                newer
            }
        };
        WriteResponse { new }
    }

    fn registers(&self) -> MutexGuard<'_, HashMap<String, Register>> {
        // A change is a single insertion, so a panic cannot leave it half done.
        let registers = self.0.registers.lock();
        registers.unwrap_or_else(PoisonError::into_inner)
    }

    /// The storage on all members.
    fn members(&self) -> Result<&StorageConfiguration<Majority>, Status> {
        self.0.members.as_ref().ok_or_else(|| {
            Status::failed_precondition(
                "this replica has no peers; start it with `storage serve --id ID --peers ID=HOST:PORT,...`",
            )
        })
    }
}

impl StorageReplica for Replica {
    async fn read_rpc(&self, _: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.read(&request))
    }

    async fn write_rpc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_qc(&self, _: &Context, request: ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.read(&request))
    }

    async fn write_qc(&self, _: &Context, request: WriteRequest) -> Result<WriteResponse, Status> {
        Ok(self.write(request))
    }

    async fn read_correctable(
        &self,
        _: &Context,
        request: ReadRequest,
        replies: ReplySink<ReadResponse>,
    ) -> Result<(), Status> {
        replies.send(self.read(&request)).await
    }

    async fn write_unicast(&self, _: &Context, request: WriteRequest) {
        self.write(request);
    }

    async fn write_multicast(&self, _: &Context, request: WriteRequest) {
        self.write(request);
    }

    async fn read_nested_qc(
        &self,
        ctx: &Context,
        request: ReadRequest,
    ) -> Result<ReadResponse, Status> {
        // The members call each other, and must not wait for each other's turns.
        ctx.release();
        Ok(self.members()?.read_qc(request).await?)
    }

    async fn write_nested_multicast(
        &self,
        _: &Context,
        request: WriteRequest,
    ) -> Result<WriteResponse, Status> {
        // It goes on after the reply, also to members that are slow.
        self.members()?.write_multicast(request).detach();
        Ok(WriteResponse { new: true })
    }
}

impl MembershipReplica for Replica {
    async fn peers(&self, _: &Context, _: ()) -> Result<PeersResponse, Status> {
        let nodes = self.0.connectivity.as_ref().map(Connectivity::nodes);
        let peers = nodes.into_iter().flatten().map(peer).collect();
        Ok(PeersResponse { peers })
    }

    async fn watch(&self, ctx: &Context, request: WatchRequest) -> Result<(), Status> {
        self.0.watchers.add(ctx, request.key)
    }
}

fn peer(node: NodeConnectivity) -> Peer {
    let failure = node.last_failure.map(|status| status.message().to_owned());
    Peer {
        id: node.node_id.get(),
        address: node.address,
        connected: node.is_connected,
        since: Some(node.since.into()),
        failure: failure.unwrap_or_default(),
    }
}

/// The services of a new replica, whose server calls `clients`: a member of `system`, or one without peers.
pub(crate) fn services(clients: Clients, system: Option<&System>) -> Router {
    let configuration = system.map(System::configuration);
    let members = configuration.map(|members| {
        let majority = Majority::of(&members);
        StorageConfiguration::new(members).with_spec(majority)
    });
    let replica = Replica(Arc::new(State {
        registers: Mutex::default(),
        watchers: Watchers::new(clients.clone()),
        members,
        connectivity: system.map(System::connectivity),
    }));
    Router::new()
        .add_replica(StorageReplicaServer::new(replica.clone()))
        .add_replica(MembershipReplicaServer::new(replica))
        .clients(clients)
}

//! Members of a system that replicate a register, and call each other to do so.

use std::sync::{Arc, Mutex, MutexGuard};

use gorums_runtime::testing::{self, Systems};
use gorums_runtime::{Context, System, Transport};
use tonic::Status;

use crate::register::register_gorums::{
    RegisterConfiguration, RegisterReplica, RegisterReplicaServer,
};
use crate::register::{ReadRequest, State, WriteResponse};
use crate::spec::Count;

/// Keeps a state of its own, and calls all members, itself included, in handlers.
#[derive(Clone, Debug)]
pub struct Member {
    id: u32,
    /// The register on all members.
    pub register: RegisterConfiguration<Count>,
    state: Arc<Mutex<State>>,
}

impl Member {
    /// The replica of this member of `system`.
    pub fn of(system: &System) -> Self {
        let configuration = system.configuration();
        let majority = configuration.size() / 2 + 1;
        Self {
            id: system.id().get(),
            register: RegisterConfiguration::new(configuration).with_spec(Count(majority)),
            state: Arc::default(),
        }
    }

    /// The service that serves it.
    pub fn server(system: &System) -> RegisterReplicaServer {
        RegisterReplicaServer::new(Self::of(system))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no handler panics with the lock")
    }

    fn store(&self, state: State) -> WriteResponse {
        let mut current = self.state();
        let new = state.timestamp > current.timestamp;
        if new {
            *current = state;
        }
        WriteResponse { new }
    }
}

impl RegisterReplica for Member {
    /// Says who calls, and who answers.
    async fn read_no_qc(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        let caller = match (ctx.peer(), ctx.claimed_id()) {
            (Some(member), claimed) => {
                assert_eq!(claimed, Some(member));
                member.to_string()
            }
            (None, Some(stranger)) => format!("stranger {stranger}"),
            (None, None) => "a client".to_owned(),
        };
        Ok(State {
            value: caller,
            timestamp: self.id.into(),
        })
    }

    /// Reads the newest state of a majority.
    async fn read(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        ctx.release();
        let read = self.register.read_agreed(ReadRequest {}).await;
        let agreed = read.map_err(|error| Status::aborted(error.to_string()))?;
        Ok(agreed.state.unwrap_or_default())
    }

    /// Reads this member's state.
    async fn read_agreed(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        Ok(self.state().clone())
    }

    /// Reads like `read`, but keeps its turn.
    async fn read_for_write(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        let read = self.register.read_agreed(ReadRequest {}).await;
        let agreed = read.map_err(|error| Status::aborted(error.to_string()))?;
        Ok(agreed.state.unwrap_or_default())
    }

    /// Writes this member's state.
    async fn write(&self, _: &Context, state: State) -> Result<WriteResponse, Status> {
        Ok(self.store(state))
    }

    /// Writes the state of a majority.
    async fn write_per_node(&self, ctx: &Context, state: State) -> Result<WriteResponse, Status> {
        ctx.release();
        let written = self.register.write(state).await;
        written.map_err(|error| Status::aborted(error.to_string()))
    }

    async fn write_no_qc(&self, _: &Context, state: State) -> Result<WriteResponse, Status> {
        Ok(self.store(state))
    }
}

/// `n` members in memory, connected to each other, with calls over `transport`.
pub async fn members(transport: Transport, n: u32) -> Systems {
    let systems = testing::systems_with(
        n,
        move |_, builder| builder.manager(|manager| manager.transport(transport)),
        Member::server,
    );
    let systems = systems.await.expect("they start");
    crate::soon("the connections", systems.connected()).await;
    systems
}

/// The register on all members, as `system` calls it.
pub fn register(system: &System) -> RegisterConfiguration<Count> {
    Member::of(system).register
}

//! What a server does with the calls of others, and of clients.

use futures::StreamExt;
use gorums_runtime::tonic::{Status, Streaming};
use gorums_runtime::{Context, NodeId};
use tokio::sync::oneshot;

use crate::proto::clients_gorums::ClientsReplica;
use crate::proto::raft_gorums::RaftReplica;
use crate::proto::{
    AppendEntriesRequest, AppendEntriesResponse, ClientRequest, ClientResponse, Inspection,
    InstallSnapshotRequest, InstallSnapshotResponse, RequestVoteRequest, RequestVoteResponse,
    Snapshot,
};
use crate::raft::Violation;
use crate::replica::{Replica, State};

/// Size of a snapshot, beyond which a server does not take it.
const GREATEST_SNAPSHOT: usize = 1 << 30;

/// The server that makes a call. It need not be a member that this one knows: whoever was away while the members changed
/// has to follow a leader that is new to it, and to vote for candidates that are (section 6).
fn caller(ctx: &Context) -> Result<NodeId, Status> {
    let refused = || Status::permission_denied("only servers of the cluster may call this");
    ctx.claimed_id().ok_or_else(refused)
}

impl From<Violation> for Status {
    fn from(violation: Violation) -> Self {
        Self::invalid_argument(violation.to_string())
    }
}

impl RaftReplica for Replica {
    async fn request_vote(
        &self,
        ctx: &Context,
        request: RequestVoteRequest,
    ) -> Result<RequestVoteResponse, Status> {
        let from = caller(ctx)?;
        let (reply, written) = self.step(|state| state.raft.on_request_vote(from, request));
        ctx.release();
        written.durable().await?;
        Ok(reply)
    }

    async fn append_entries(
        &self,
        ctx: &Context,
        request: AppendEntriesRequest,
    ) -> Result<AppendEntriesResponse, Status> {
        let from = caller(ctx)?;
        let (reply, written) = self.step(|state| state.raft.on_append_entries(from, request));
        // Later requests may become durable together with this one.
        ctx.release();
        written.durable().await?;
        Ok(reply?)
    }

    async fn install_snapshot(
        &self,
        ctx: &Context,
        mut requests: Streaming<InstallSnapshotRequest>,
    ) -> Result<InstallSnapshotResponse, Status> {
        let from = caller(ctx)?;
        let first = requests.next().await.transpose()?.unwrap_or_default();
        let mut data = first.data;
        while let Some(chunk) = requests.message().await? {
            data.extend(chunk.data);
            if data.len() > GREATEST_SNAPSHOT {
                return Err(Status::resource_exhausted("the snapshot is too large"));
            }
        }
        let snapshot = Snapshot {
            last_included_index: first.last_included_index,
            last_included_term: first.last_included_term,
            configuration: first.configuration,
            data,
        };
        let install = |state: &mut State| {
            let raft = &mut state.raft;
            raft.on_install_snapshot(from, first.term, snapshot)
        };
        let (reply, written) = self.step(install);
        written.durable().await?;
        Ok(reply?)
    }
}

impl ClientsReplica for Replica {
    async fn serve(&self, _: &Context, request: ClientRequest) -> Result<ClientResponse, Status> {
        let (answer, answered) = oneshot::channel();
        let _ = self.step(|state| {
            state.next_ticket += 1;
            let ticket = state.next_ticket;
            state.waiting.insert(ticket, answer);
            state.raft.on_client(ticket, request.request);
        });
        let outcome = answered.await.map_err(|_| {
            let reason = "the disk of this server has failed";
            Status::unavailable(reason)
        })?;
        Ok(ClientResponse {
            outcome: Some(outcome),
        })
    }

    async fn inspect(&self, _: &Context, (): ()) -> Result<Inspection, Status> {
        Ok(self.state().raft.inspect())
    }
}

//! What a replica does with the messages of others.

use gorums_runtime::Context;
use gorums_runtime::tonic::Status;
use harness::disk::DiskFailed;
use tokio::sync::oneshot;

use crate::ballot::Ballot;
use crate::command::Command;
use crate::commit::Commit;
use crate::instance::InstanceId;
use crate::leader::BATCH_BYTES;
use crate::node::{Member, Node, Request};
use crate::prepare::Prepare;
use crate::proposal::Proposal;
use crate::proto;
use crate::proto::consensus_gorums::ConsensusReplica;
use crate::proto::map_gorums::MapReplica;
use crate::record::Value;
use crate::replica::Refusal;

impl ConsensusReplica for Member {
    async fn pre_accept(
        &self,
        ctx: &Context,
        request: proto::Proposal,
    ) -> Result<proto::Attributes, Status> {
        let Self(node) = self;
        let proposal = Proposal::try_from(request)?;
        node.check_leader(ctx, proposal.instance, proposal.ballot)?;
        node.check_value(&proposal.value)?;
        let (attributes, durable) = {
            let mut state = node.state();
            let (attributes, write) = state.replica.on_pre_accept(proposal)?;
            if write.is_none() && ctx.peer() == Some(node.id) {
                // It was durable before the message left.
                return Ok(attributes.into());
            }
            (attributes, node.write(write))
        };
        ctx.release();
        durable.await.map_err(failed)?;
        Ok(attributes.into())
    }

    async fn accept(&self, ctx: &Context, request: proto::Proposal) -> Result<(), Status> {
        let Self(node) = self;
        let proposal = Proposal::try_from(request)?;
        node.check_leader(ctx, proposal.instance, proposal.ballot)?;
        node.check_value(&proposal.value)?;
        let durable = {
            let mut state = node.state();
            let write = state.replica.on_accept(proposal)?;
            node.write(write)
        };
        ctx.release();
        durable.await.map_err(failed)
    }

    async fn prepare(
        &self,
        ctx: &Context,
        request: proto::Prepare,
    ) -> Result<proto::Record, Status> {
        let Self(node) = self;
        let prepare = Prepare::try_from(request)?;
        node.check_leader(ctx, prepare.instance, prepare.ballot)?;
        let (record, durable) = {
            let mut state = node.state();
            let (record, write) = state.replica.on_prepare(prepare);
            (record, node.write(write))
        };
        ctx.release();
        durable.await.map_err(failed)?;
        Ok(record.into())
    }

    async fn commit(&self, ctx: &Context, request: proto::Commit) {
        let Self(node) = self;
        let Ok(commit) = Commit::try_from(request) else {
            return;
        };
        let checked = node.check_owner(commit.instance);
        let checked = checked.and_then(|()| node.check_value(&commit.value));
        if ctx.peer().is_some() && checked.is_ok() {
            node.commit(commit);
        }
    }
}

impl MapReplica for Member {
    async fn propose(
        &self,
        ctx: &Context,
        request: proto::Command,
    ) -> Result<proto::Outcome, Status> {
        let Self(node) = self;
        ctx.release();
        let command = Command::try_from(request)?;
        if command.size() > BATCH_BYTES {
            let error = format!(
                "the command has {} bytes, more than {BATCH_BYTES}",
                command.size()
            );
            return Err(Status::invalid_argument(error));
        }
        let (reply, outcome) = oneshot::channel();
        let stopped = || Status::unavailable("the replica cannot lead commands; restart it");
        let sent = node.proposals.send(Request { command, reply }).await;
        sent.map_err(|_| stopped())?;
        tokio::select! {
            // So that a simulation depends on its seed alone.
            biased;
            outcome = outcome => Ok(outcome.map_err(|_| stopped())?.into()),
            () = ctx.cancelled() => Err(Status::cancelled("the client has given up")),
        }
    }
}

impl Node {
    /// Only the leader of a ballot may send its messages, and the default ballot is that of the instance's owner.
    fn check_leader(
        &self,
        ctx: &Context,
        instance: InstanceId,
        ballot: Ballot,
    ) -> Result<(), Status> {
        self.check_owner(instance)?;
        let is_owner = ballot.replica == instance.replica;
        if ctx.peer() != Some(ballot.replica) || (ballot.is_default() && !is_owner) {
            let error = format!("the caller does not lead {instance} in ballot {ballot}");
            return Err(Status::permission_denied(error));
        }
        Ok(())
    }

    fn check_owner(&self, instance: InstanceId) -> Result<(), Status> {
        if self.quorums.replicas().contains(&instance.replica) {
            return Ok(());
        }
        let error = format!("the owner of the instance {instance} is not a member");
        Err(Status::invalid_argument(error))
    }

    /// Dependencies are on instances of members: those of others would never be committed.
    fn check_value(&self, value: &Value) -> Result<(), Status> {
        let mut owners = value.attributes.deps.keys();
        match owners.find(|owner| !self.quorums.replicas().contains(owner)) {
            Some(owner) => {
                let error = format!("a dependency is on {owner}, which is not a member");
                Err(Status::invalid_argument(error))
            }
            None => Ok(()),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::aborted(refusal.to_string())
    }
}

fn failed(error: DiskFailed) -> Status {
    Status::unavailable(error.to_string())
}

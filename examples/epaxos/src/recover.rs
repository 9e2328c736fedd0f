//! Recovery of instances that stay uncommitted: figure 3 of the paper.

use std::sync::{Arc, Weak};
use std::time::Duration;

use gorums_runtime::NodeId;
use tokio::time::sleep;

use crate::attributes::Attributes;
use crate::ballot::Ballot;
use crate::commit::Commit;
use crate::instance::InstanceId;
use crate::leader::{Stopped, TIMEOUT};
use crate::node::Node;
use crate::prepare::{Recovery, recovery};
use crate::proposal::Proposal;
use crate::record::{Record, Value};

/// How long an instance that others wait for may stay uncommitted, at least, and up to twice as long: replicas that
/// recover the same instance should not outbid each other.
const PATIENCE: Duration = Duration::from_millis(150);

impl Node {
    /// Recovers an instance, unless it is committed in time or this is under way.
    pub(crate) fn recover_unless_committed(self: &Arc<Self>, instance: InstanceId) {
        if self.state().recovering.insert(instance) {
            tokio::spawn(Self::recover_late(Arc::downgrade(self), instance));
        }
    }

    /// Tries to recover an instance until it is committed, the replica is gone, or its disk fails.
    pub(crate) async fn recover_late(node: Weak<Self>, instance: InstanceId) {
        let mut above = Ballot::default_of(instance);
        loop {
            sleep(PATIENCE.mul_f64(1.0 + fastrand::f64())).await;
            let Some(node) = node.upgrade() else { return };
            {
                let mut state = node.state();
                if state.execution.is_committed(instance) {
                    state.recovering.remove(&instance);
                    return;
                }
            }
            match node.recover(instance, above).await {
                Err(Stopped::Disk(_)) => return,
                Err(Stopped::Outbid(by)) => above = by,
                // Other failures may pass.
                Err(_) | Ok(()) => {}
            }
        }
    }

    /// Leads an instance in a new ballot.
    async fn recover(self: &Arc<Self>, instance: InstanceId, above: Ballot) -> Result<(), Stopped> {
        let (prepare, durable) = {
            let mut state = self.state();
            let (prepare, write) = state.replica.recover(instance, above);
            (prepare, self.write(write))
        };
        durable.await?;
        let (quorums, flaw) = (self.quorums.clone(), self.flaw);
        let call = self.members.prepare(prepare.into()).timeout(TIMEOUT);
        let recovery = call.quorum(move |replies| {
            let records = replies.iter().filter_map(|(from, reply)| {
                let record = Record::try_from(reply.clone());
                Some((from, record.ok()?))
            });
            let records: Vec<(NodeId, Record)> = records.collect();
            recovery(&prepare, &records, &quorums, flaw)
        });
        let proposal = |value| Proposal {
            instance,
            ballot: prepare.ballot,
            value,
        };
        match recovery.await? {
            Recovery::Outbid(by) => Err(Stopped::Outbid(by)),
            Recovery::Commit(value) => {
                self.tell(Commit { instance, value });
                Ok(())
            }
            Recovery::Accept(value) => {
                let attributes = value.attributes.clone();
                self.phase_2(proposal(value), attributes).await
            }
            Recovery::PreAccept(commands) => {
                let attributes = Attributes::default();
                let pre_accept = proposal(Value {
                    commands,
                    attributes,
                });
                let attributes = self.phase_1(&pre_accept).await?;
                // There is no fast path here.
                let attributes = attributes.ok_or(Stopped::NotPreAccepted)?;
                self.phase_2(pre_accept, attributes).await
            }
        }
    }
}

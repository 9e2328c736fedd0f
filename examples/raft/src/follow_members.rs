//! The runtime's members follow the members of the log.

use std::collections::BTreeMap;

use gorums_runtime::{NodeId, System};
use tokio::sync::watch;

use crate::configuration::Members;
use crate::raft::Raft;

/// Adds members to a system when they are in the log, and removes those that a committed configuration does not have any
/// more. The last leader of the old members may not be one of the new ones: it must be heard until then.
#[derive(Debug)]
pub(crate) struct MemberFollower {
    /// The configuration that was followed last: its index, and whether it is committed.
    followed: (u64, bool),
    latest: watch::Sender<(Members, bool)>,
}

impl MemberFollower {
    /// Follows until it is dropped.
    pub(crate) fn start(system: System) -> Self {
        let (latest, changes) = watch::channel(<(Members, bool)>::default());
        tokio::spawn(follow(system, changes));
        Self {
            followed: (0, false),
            latest,
        }
    }

    /// Looks whether the configuration has changed.
    pub(crate) fn update(&mut self, raft: &Raft) {
        let (index, members) = raft.log().configuration();
        let now = (*index, *index <= raft.commit_index());
        if *index > 0 && now != self.followed {
            self.followed = now;
            self.latest.send_replace((members.clone(), now.1));
        }
    }
}

async fn follow(system: System, mut changes: watch::Receiver<(Members, bool)>) {
    let mut before: BTreeMap<NodeId, String> = BTreeMap::new();
    while changes.changed().await.is_ok() {
        let (members, is_committed) = changes.borrow_and_update().clone();
        let all = members.all();
        let known = |id: &NodeId| system.manager().node(*id).is_ok();
        for (id, address) in all.iter().filter(|(id, _)| !known(id)) {
            // One whose address is wrong is a member that does not answer.
            let _ = system.add_member(*id, address).await;
        }
        if is_committed {
            let gone = before.keys().filter(|id| !all.contains_key(id));
            for id in gone.filter(|id| **id != system.id()) {
                // It may be gone already.
                let _ = system.remove_member(*id);
            }
            before.clear();
        }
        let all = all.into_iter().map(|(id, it)| (id, it.to_owned()));
        before.extend(all);
    }
}

//! The runtime's members follow the members of the log.

use gorums_runtime::System;

use crate::raft::Raft;

/// Makes the members in the log those of the system, and keeps those that were members before until a configuration
/// without them is committed: the last leader of the old members may not be one of the new ones, and must be heard until
/// then.
#[derive(Debug)]
pub(crate) struct MemberFollower {
    system: System,
    /// The configuration that was followed last: its index, and whether it is committed.
    followed: (u64, bool),
}

impl MemberFollower {
    pub(crate) fn new(system: System) -> Self {
        Self {
            system,
            followed: (0, false),
        }
    }

    /// Looks whether the configuration has changed.
    pub(crate) fn update(&mut self, raft: &Raft) {
        let (index, members) = raft.log().configuration();
        let now = (*index, *index <= raft.commit_index());
        if *index == 0 || now == self.followed {
            return;
        }
        self.followed = now;
        let is_committed = now.1;
        let mut next = members.addresses();
        let before = self.system.configuration();
        for node in before.nodes() {
            let (id, address) = (node.id(), node.address());
            let is_needed = !is_committed || id == self.system.id();
            // A new member may have the address of one that is gone.
            let is_free = !next.values().any(|other| *other == address);
            if is_needed && is_free {
                next.entry(id).or_insert_with(|| address.to_owned());
            }
        }
        if let Err(error) = self.system.set_members(next) {
            eprintln!("the members stay as they are: {error}");
        }
    }
}

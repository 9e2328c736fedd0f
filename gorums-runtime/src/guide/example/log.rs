//! A replicated log, the clients that follow it, and the transfer of its state.
//!
//! The structs, and the modules of each service, are generated from this proto:
//!
//! ```proto
#![doc = include_str!("log.proto")]
//! ```

include!("generated/log.rs");

#[doc(hidden)]
pub use super::prelude::*;
pub use follower_gorums::{FollowerConfiguration, FollowerReplica, FollowerReplicaServer};
pub use log_gorums::{LogConfiguration, LogReplica, LogReplicaServer};
pub use snapshots_gorums::{SnapshotsConfiguration, SnapshotsReplica, SnapshotsReplicaServer};

/// A member whose log is empty, for examples that do not use it.
#[derive(Clone, Copy, Debug)]
pub struct Log;

impl Log {
    /// The member at this process of a system.
    pub fn of(_: &System) -> LogReplicaServer {
        LogReplicaServer::new(Self)
    }
}

impl LogReplica for Log {
    async fn propose(&self, _: &Context, _: Command) -> Result<Position, Status> {
        Ok(Position::default())
    }

    async fn read(&self, _: &Context, _: ()) -> Result<Commands, Status> {
        Ok(Commands::default())
    }

    async fn append(&self, _: &Context, _: Entry) -> Result<Position, Status> {
        Ok(Position::default())
    }

    async fn fetch(&self, _: &Context, _: ()) -> Result<Commands, Status> {
        Ok(Commands::default())
    }
}

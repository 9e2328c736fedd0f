//! The clients that watch keys.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gorums_runtime::server::Clients;
use gorums_runtime::tonic::Status;
use gorums_runtime::{Context, NodeId};

use crate::proto::WriteRequest;
use crate::proto::watcher_gorums::WatcherConfiguration;

/// How many keys one client may watch at a replica.
const MOST_KEYS: usize = 1024;

/// The clients of one replica that watch keys.
#[derive(Debug)]
pub(crate) struct Watchers {
    clients: Clients,
    keys: Mutex<HashMap<NodeId, HashSet<String>>>,
}

impl Watchers {
    pub(crate) fn new(clients: Clients) -> Self {
        Self {
            clients,
            keys: Mutex::default(),
        }
    }

    /// Reports new values of `key` to the caller from now on.
    pub(crate) fn add(&self, ctx: &Context, key: String) -> Result<(), Status> {
        let caller = ctx.caller().ok_or_else(|| {
            Status::failed_precondition("the client accepts no calls, so it cannot watch")
        })?;
        let connected = self.clients.connectivity().connected();
        let mut keys = self.keys();
        keys.retain(|id, _| connected.contains(id));
        let watched = keys.entry(caller.id()).or_default();
        if watched.len() >= MOST_KEYS {
            return Err(Status::resource_exhausted(format!(
                "a client may watch {MOST_KEYS} keys"
            )));
        }
        watched.insert(key);
        Ok(())
    }

    /// Reports what was written to all clients that watch the key. Slow ones may miss it.
    pub(crate) fn report(&self, written: WriteRequest) {
        let clients = self.clients.configuration();
        let keys = self.keys();
        let watches = |id: &NodeId| keys.get(id).is_some_and(|keys| keys.contains(&written.key));
        let others = clients.node_ids().filter(|id| !watches(id));
        let watching = clients.without(others);
        drop(keys);
        if let Ok(watching) = watching {
            WatcherConfiguration::new(watching)
                .written(written)
                .detach();
        }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<NodeId, HashSet<String>>> {
        // A change is a single insertion or removal, so a panic cannot leave it half done.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

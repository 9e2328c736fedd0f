//! Watches keys.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use gorums_runtime::{Context, Manager};

use crate::proto::membership_gorums::MembershipNode;
use crate::proto::watcher_gorums::{WatcherReplica, WatcherReplicaServer};
use crate::proto::{WatchRequest, WriteRequest};

/// The keys that the client watches, and the newest writes that it has seen of them. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    keys: BTreeSet<String>,
    /// The latest reports, of which the other replicas send copies.
    seen: Vec<WriteRequest>,
}

/// How many reports are remembered.
const REMEMBERED: usize = 256;

impl Watch {
    /// Serves the replicas' reports.
    pub(crate) fn server(&self) -> WatcherReplicaServer {
        WatcherReplicaServer::new(self.clone())
    }

    /// Watches a key from now on.
    pub(crate) fn add(&self, key: String) {
        self.state().keys.insert(key);
    }

    /// Asks each replica that connects for reports, until the manager closes: it has forgotten the client meanwhile.
    pub(crate) async fn renew(self, manager: Manager) {
        let mut events = manager.connectivity().events();
        while let Some(event) = events.next().await {
            let Ok(node) = manager.node(event.node_id()) else {
                continue;
            };
            if !event.is_connected() {
                continue;
            }
            let replica = MembershipNode::new(node);
            let keys = self.state().keys.clone();
            for key in keys {
                // A replica that cannot be reached is asked when it connects again.
                let _ = replica.watch(WatchRequest { key }).await;
            }
        }
    }

    /// Whether this is the first report of a write.
    fn is_first(&self, written: &WriteRequest) -> bool {
        let mut state = self.state();
        if state.seen.contains(written) {
            return false;
        }
        if state.seen.len() == REMEMBERED {
            state.seen.remove(0);
        }
        state.seen.push(written.clone());
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatcherReplica for Watch {
    async fn written(&self, _: &Context, written: WriteRequest) {
        if self.is_first(&written) {
            println!("{} = {} (watched)", written.key, written.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use gorums_runtime::prost_types::Timestamp;

    use super::*;

    fn written(value: &str, seconds: i64) -> WriteRequest {
        WriteRequest {
            key: "k".to_owned(),
            value: value.to_owned(),
            time: Some(Timestamp { seconds, nanos: 0 }),
        }
    }

    #[test]
    fn each_write_is_reported_once_however_many_replicas_report_it() {
        let watch = Watch::default();
        let writes = [written("a", 1), written("b", 2), written("a", 3)];
        for write in &writes {
            assert!(watch.is_first(write));
            assert!(!watch.is_first(write));
        }
        assert!(writes.iter().all(|write| !watch.is_first(write)));
    }

    #[test]
    fn what_is_remembered_is_limited() {
        let watch = Watch::default();
        for seconds in 0..1000 {
            assert!(watch.is_first(&written("a", seconds)));
        }
        assert_eq!(watch.state().seen.len(), REMEMBERED);
    }
}

//! Replicas and clients of two versions of a service, side by side.

use std::collections::HashMap;
use std::sync::Mutex;

use gorums_runtime::{Configuration, Context, Transport};
use tests::generated::upgrade::{new, old};
use tests::network::Network;
use tests::on_both;
use tonic::{Code, Status};

use new::store_gorums::StoreConfiguration as NewStore;
use old::store_gorums::StoreConfiguration as OldStore;

#[derive(Default)]
struct OldReplica(Mutex<HashMap<String, old::Entry>>);

impl old::store_gorums::StoreReplica for OldReplica {
    async fn read(&self, _: &Context, key: old::Key) -> Result<old::Entry, Status> {
        let entries = self.0.lock().expect("no panic");
        Ok(entries.get(&key.name).cloned().unwrap_or_default())
    }

    async fn write(&self, _: &Context, entry: old::Entry) -> Result<old::Key, Status> {
        let name = entry.name.clone();
        self.0.lock().expect("no panic").insert(name.clone(), entry);
        Ok(old::Key { name })
    }

    async fn retired(&self, ctx: &Context, key: old::Key) -> Result<old::Entry, Status> {
        self.read(ctx, key).await
    }
}

#[derive(Default)]
struct NewReplica(Mutex<HashMap<String, new::Entry>>);

impl new::store_gorums::StoreReplica for NewReplica {
    async fn read(&self, _: &Context, key: new::Key) -> Result<new::Entry, Status> {
        let entries = self.0.lock().expect("no panic");
        Ok(entries.get(&key.name).cloned().unwrap_or_default())
    }

    async fn write(&self, _: &Context, entry: new::Entry) -> Result<new::Key, Status> {
        let name = entry.name.clone();
        self.0.lock().expect("no panic").insert(name.clone(), entry);
        Ok(new::Key { name })
    }

    async fn added(&self, ctx: &Context, key: new::Key) -> Result<new::Entry, Status> {
        self.read(ctx, key).await
    }
}

/// Three replicas, of which the first `upgraded` are new.
async fn replicas(transport: Transport, upgraded: u8) -> (Network, Configuration) {
    let network = Network::new(transport);
    for number in 1..=3 {
        match number <= upgraded {
            true => network.serve(
                number,
                new::store_gorums::StoreReplicaServer::new(NewReplica::default()),
            ),
            false => network.serve(
                number,
                old::store_gorums::StoreReplicaServer::new(OldReplica::default()),
            ),
        }
    }
    let manager = network.manager(3).connect().await.expect("they are up");
    (network, manager.configuration())
}

fn old_key() -> old::Key {
    old::Key {
        name: "key".to_owned(),
    }
}

fn new_key() -> new::Key {
    new::Key {
        name: "key".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_replica_drops_a_field_that_it_does_not_know_and_a_new_one_keeps_it() {
    on_both(async |transport| {
        let (_network, replicas) = replicas(transport, 2).await;
        let entry = new::Entry {
            name: "key".to_owned(),
            value: "value".to_owned(),
            version: 7,
        };
        let store = NewStore::new(replicas);
        store.write(entry).all().await.expect("all take it");
        let mut replies = store.read(new_key()).all().await.expect("all answer");
        let mut replies = replies.take_all();
        replies.sort_by_key(|(node, _)| *node);
        let versions: Vec<_> = replies.iter().map(|(_, entry)| entry.version).collect();
        assert_eq!(versions, [7, 7, 0]);
        assert!(replies.iter().all(|(_, entry)| entry.value == "value"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn new_replicas_serve_old_clients() {
    on_both(async |transport| {
        let (_network, replicas) = replicas(transport, 3).await;
        let entry = old::Entry {
            name: "key".to_owned(),
            value: "value".to_owned(),
        };
        let store = OldStore::new(replicas.clone());
        store.write(entry.clone()).all().await.expect("all take it");
        let newer = new::Entry {
            name: "key".to_owned(),
            value: "newer".to_owned(),
            version: 7,
        };
        let upgraded = NewStore::new(replicas);
        upgraded.write(newer).all().await.expect("all take it");
        let mut replies = store.read(old_key()).all().await.expect("all answer");
        assert!(replies.take_all().iter().all(|(_, it)| it.value == "newer"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_method_is_answered_by_the_replicas_that_have_it() {
    on_both(async |transport| {
        let (network, replicas) = replicas(transport, 2).await;
        let store = NewStore::new(replicas);
        let replies = store.added(new_key()).majority().await;
        assert_eq!(replies.expect("two have it").len(), 2);
        let error = store
            .added(new_key())
            .all()
            .await
            .expect_err("one does not");
        let [error] = error.errors() else {
            panic!("one node failed: {error}");
        };
        assert_eq!(error.code(), Code::Unimplemented);
        assert!(
            error.status().message().contains("there is no method"),
            "{error}"
        );
        let replies = store.read(new_key()).all().await;
        assert_eq!(replies.expect("it goes on").len(), 3);
        assert_eq!(network.connections(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_method_fails_once_fewer_replicas_than_a_quorum_have_it() {
    on_both(async |transport| {
        for (upgraded, is_decided) in [(1, true), (2, false)] {
            let (_network, replicas) = replicas(transport, upgraded).await;
            let store = OldStore::new(replicas);
            let retired = store.retired(old_key()).majority().await;
            assert_eq!(retired.is_ok(), is_decided, "{upgraded} are new");
        }
    })
    .await;
}

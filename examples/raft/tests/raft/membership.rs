//! The members change while clients read and write.

use std::time::Duration;

use gorums_runtime::{CallOptions, Manager, NodeId};
use harness::seeds::{self, Failure};
use harness::simulation::{self, Cluster};
use raft::proto::clients_gorums::ClientsConfiguration;
use raft::{Client, ClientError, Members, Options, Replica};

const TIMEOUT: Duration = Duration::from_secs(10);

fn client(manager: &Manager) -> Client {
    let servers = ClientsConfiguration::new(manager.configuration());
    Client::new(servers.with_options(CallOptions::new()), TIMEOUT)
}

/// The members with some ids, at the addresses that the client knows.
fn members(manager: &Manager, ids: &[u32]) -> Members {
    let nodes = manager.configuration();
    let nodes = nodes.nodes().filter(|node| ids.contains(&node.id().get()));
    Members::new(nodes.map(|node| (node.id(), node.address().to_owned())))
}

#[test]
fn all_members_are_replaced_and_new_ones_get_a_snapshot() {
    seeds::all_hold(10, |seed| simulation::run(replace_all(seed)));
}

async fn replace_all(seed: u64) -> Result<(), Failure> {
    let options = Options {
        compact_after: 20,
        ..Options::default()
    };
    let cluster = Cluster::start(6, seed, move |system, disk| {
        let nodes = system.configuration();
        let nodes = nodes.nodes().map(|it| (it.id(), it.address().to_owned()));
        let first = match system.id().get() {
            1..=3 => Members::new(nodes.filter(|(id, _)| id.get() <= 3)),
            _ => Members::default(),
        };
        let replica = Replica::with_options(system, disk, first, options, None);
        replica.expect("it has written its disk itself").services()
    });
    let cluster = cluster.await?;
    let manager = cluster.client(1).await?;
    let client = client(&manager);
    // More than one chunk of a snapshot.
    let large = "x".repeat(5000);
    for n in 0..50 {
        client.put(&n.to_string(), &large).await?;
    }
    change(&client, &members(&manager, &[3, 4, 5])).await?;
    client.put("k", "a").await?;
    change(&client, &members(&manager, &[4, 5, 6])).await?;
    for id in [1, 2, 3].map(NodeId::new) {
        cluster.kill(id);
    }
    assert_eq!(client.get("k").await?.as_deref(), Some("a"));
    assert_eq!(client.get("49").await?.as_deref(), Some(&*large));
    client.put("k", "b").await?;
    // Two of the three new members are a quorum, and the third has the entries, too.
    cluster.kill(NodeId::new(4));
    assert_eq!(client.get("k").await?.as_deref(), Some("b"));
    let known = cluster.systems().system(NodeId::new(5)).configuration();
    let mut known: Vec<u32> = known.node_ids().map(NodeId::get).collect();
    known.sort_unstable();
    assert_eq!(known, [4, 5, 6], "the system's members follow");
    Ok(())
}

/// Changes the members, and tries again: a leader may be lost on the way.
async fn change(client: &Client, members: &Members) -> Result<(), Failure> {
    for _ in 0..10 {
        match client.change_members(members).await {
            Ok(()) => return Ok(()),
            Err(ClientError::ChangeUnderWay | ClientError::TimedOut { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the members do not change".into())
}

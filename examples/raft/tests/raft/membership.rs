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

#[test]
fn a_server_that_was_down_follows_a_leader_that_it_does_not_know() {
    seeds::all_hold(10, |seed| simulation::run(replace_while_one_is_down(seed)));
}

/// Six servers, of which 1 to 3 are the first members. They know each other only; the others know all.
async fn cluster(seed: u64) -> Result<Cluster, Failure> {
    let options = Options {
        compact_after: 20,
        ..Options::default()
    };
    let cluster = Cluster::start(6, seed, move |system, disk| {
        let nodes = system.configuration();
        let nodes = nodes.nodes().map(|it| (it.id(), it.address().to_owned()));
        let first: Vec<_> = nodes.filter(|(id, _)| id.get() <= 3).collect();
        let replica = if system.id().get() <= 3 {
            let members = Members::new(first.clone());
            system.set_members(first).expect("they are distinct");
            Replica::with_options(system, disk, members, options, None)
        } else {
            Replica::with_options(system, disk, Members::default(), options, None)
        };
        replica.expect("it has written its disk itself").services()
    });
    Ok(cluster.await?)
}

async fn replace_while_one_is_down(seed: u64) -> Result<(), Failure> {
    let cluster = cluster(seed).await?;
    let manager = cluster.client(1).await?;
    let client = client(&manager);
    client.put("k", "a").await?;
    let [one, two, three, four] = [1, 2, 3, 4].map(NodeId::new);
    cluster.kill(three);
    change(&client, &members(&manager, &[3, 4, 5])).await?;
    // The others have entries that 3 lacks, or a snapshot in place of them.
    for _ in 0..seed * 10 {
        client.put("k", "b").await?;
    }
    cluster.kill(one);
    cluster.kill(two);
    cluster.restart(three).await?;
    client.put("k", "c").await?;
    // Without 3, there is no quorum any more.
    cluster.kill(four);
    assert_eq!(client.get("k").await?.as_deref(), Some("c"));
    Ok(())
}

async fn replace_all(seed: u64) -> Result<(), Failure> {
    let cluster = cluster(seed).await?;
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

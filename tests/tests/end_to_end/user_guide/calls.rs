//! Calls of every type, and their errors.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::quorum::{Quorums, ReadWrite, Share};
use gorums_runtime::tonic::Code;
use gorums_runtime::{CallOptions, NodeId, Replies, Thrifty};

use crate::user_guide::Outcome;
use crate::user_guide::service::{cluster, entry, key, majority_of};
use crate::user_guide::storage::{Agreed, Entry, Key};

#[tokio::test]
async fn quorum_calls() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let read = storage.read(key()).await?;
    let next = Entry {
        version: read.version + 1,
        ..entry("two", 0)
    };
    storage.write(next).await?;
    assert_eq!(storage.read(key()).await?.value, "two");

    let decided = storage.read(key()).with_node_ids().await?;
    println!(
        "{:?}, which {} replicas sent",
        decided.value,
        decided.node_ids.len()
    );

    let agreed: Agreed = storage.read_agreed(key()).await?;
    assert!(agreed.replicas >= 1);

    let shards = storage.write_shards(entry("shards", 9), |whole, node| {
        if node == NodeId::new(3) {
            return None;
        }
        let value = format!("{} for node {node}", whole.value);
        Some(Entry {
            value,
            ..whole.clone()
        })
    });
    assert!(shards.await?.new);
    Ok(())
}

#[tokio::test]
async fn one_node() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let node = storage.node(NodeId::new(1))?;
    println!("{:?}", node.get(key()).await?);

    let earlier = node.get(key()).start();
    let later = node.get(key()).start();
    println!("{:?}", later.await?);
    println!("{:?}", earlier.await?);

    for node in storage.nodes() {
        match node.get(Key::default()).await {
            Ok(entry) => println!("{}: {entry:?}", node.id()),
            Err(error) if error.code() == Code::NotFound => println!("{}: none", node.id()),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn calls_sent_at_once() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let first = storage.write_future(entry("two", 2));
    let second = storage.write_future(entry("three", 3));
    second.await?;
    if !first.is_done() {
        println!("the first one is under way");
    }
    first.detach();

    let majority = storage.collect_async(key()).majority();
    let all = storage.collect_async(key()).all();
    assert_eq!(majority.await?.len(), 2);
    assert_eq!(all.await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn aggregations() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let any: Entry = storage.collect(key()).first().await?;

    let mut majority: Replies<Entry> = storage.collect(key()).majority().await?;
    let newest = majority.take_max_by_key(|entry| entry.version);

    let two = storage.collect(key()).threshold(2).await?;
    let all = storage.collect(key()).all().await?;

    let majority = storage.configuration().majority();
    let same = storage.collect(key()).quorum({
        let majority = majority.clone();
        move |replies| replies.agree(&majority, |entry| entry.value.clone())
    });
    let same: String = same.await?;

    assert_eq!(any, entry("one", 1));
    assert_eq!(newest, Some(any));
    assert_eq!((two.len(), all.len()), (2, 3));
    assert_eq!(same, "one");

    let mut responses = storage.collect(key()).responses();
    while let Some((node, outcome)) = responses.next().await {
        match outcome {
            Ok(entry) => println!("{node}: {}", entry.value),
            Err(error) => println!("{error}"),
        }
    }

    let replies = storage
        .collect(key())
        .responses()
        .ignore_errors()
        .collect_n(2)
        .await;
    assert_eq!(replies.len(), 2);

    let counted = storage.collect(key()).correctable(3);
    counted.reached(2).await;

    let history = storage.history(key()).responses();
    assert_eq!(history.count().await, 3);
    Ok(())
}

#[tokio::test]
async fn correctables() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let read = storage.read_correctable(key());
    if read.reached(1).await {
        let (entry, level) = read.latest().expect("a level was reached");
        println!("{} at level {level}", entry.value);
    }
    let (entry, level) = read.done().await?;
    assert_eq!((entry.value.as_str(), level), ("one", 2));

    let follow = storage.follow(key());
    let mut updates = std::pin::pin!(follow.updates());
    let update = updates.next().await;
    let (entry, level) = update.expect("the call goes on");
    assert_eq!((entry.value.as_str(), level), ("one", 1));
    drop(follow);
    Ok(())
}

#[tokio::test]
async fn one_way_calls() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    storage.spread(entry("two", 2)).await?;
    storage.spread(entry("three", 3)).detach();

    let node = storage.node(NodeId::new(1))?;
    node.hint(entry("four", 4)).await?;
    node.hint(entry("five", 5)).detach();
    Ok(())
}

#[tokio::test]
async fn options() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let read = storage.read(key()).timeout(Duration::from_secs(1));
    read.await?;

    let options = CallOptions::new()
        .timeout(Duration::from_secs(1))
        .cancel_rest();
    let hasty = storage.with_options(options);
    hasty.read(key()).await?;
    hasty.spread(entry("two", 2)).await?;
    Ok(())
}

#[tokio::test]
async fn errors() -> Outcome {
    let (replicas, storage) = cluster().await?;
    replicas.stop(NodeId::new(2));
    replicas.stop(NodeId::new(3));
    let error = match storage.read(key()).await {
        Ok(_) => unreachable!("one of three replicas is no majority"),
        Err(error) => error,
    };
    match error.kind() {
        QuorumCallErrorKind::DeadlineExceeded => println!("late: {error}"),
        QuorumCallErrorKind::Incomplete => println!("too many replicas failed: {error}"),
        _ => println!("{error}"),
    }
    for failure in error.errors() {
        println!("{} failed with {:?}", failure.node_id(), failure.code());
    }
    assert_eq!(error.errors().len(), 2);

    let rest = storage.configuration().without_failed(&error)?;
    let storage = majority_of(&rest);
    assert_eq!(storage.read(key()).await?, entry("one", 1));
    Ok(())
}

#[tokio::test]
async fn quorum_systems() -> Outcome {
    let (_replicas, storage) = cluster().await?;
    let nodes = storage.configuration();
    let [a, b, c] = [1, 2, 3].map(NodeId::new);

    let votes = [(a, 3), (b, 2), (c, 2)];
    let stake = Quorums::weights(votes, Share::more_than(1, 2))?;
    let replies = storage.collect(key()).quorum_of(&stake).await?;
    assert!(replies.len() >= 2);

    let old = Quorums::majority([a, b]);
    let new = Quorums::majority([b, c]);
    storage.collect(key()).quorum_of(&old.and(new)).await?;

    let reads = Quorums::any(nodes.node_ids());
    let system = ReadWrite::of_reads(reads.clone());
    assert_eq!(system.writes(), &Quorums::all(nodes.node_ids()));
    let error = ReadWrite::new(reads, nodes.majority()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the quorums {3} and {1, 2} have no node in common"
    );

    let rule: Quorums<NodeId> = "1 & 2 | 3".parse()?;
    storage.collect(key()).quorum_of(&rule).await?;
    Ok(())
}

#[tokio::test]
async fn thrifty_and_hedged_calls() -> Outcome {
    let (_replicas, storage) = cluster().await?;

    let majority = storage.configuration().majority();
    let thrifty = Thrifty::fastest(&majority);
    let replies = storage.collect(key()).thrifty(&thrifty);
    let replies = replies.quorum_of(&majority).await?;
    assert_eq!(replies.len(), 2);

    let hedged = Thrifty::uniform(&majority)
        .hedge_at_percentile(0.95, Duration::from_millis(20))
        .hedge_budget(0.1, 10);
    let options = CallOptions::new().thrifty(&hedged);
    let hedging = storage.with_options(options);
    hedging.collect(key()).majority().await?;
    Ok(())
}

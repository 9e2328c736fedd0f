//! The examples of the user guide, compiled and run.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::testing::{self, replies};
use gorums_runtime::tonic::{Code, Status};
use gorums_runtime::{
    CallOptions, Context, Correction, NodeId, QuorumCallError, QuorumCallErrorKind, Replies,
    ReplySink, Router, Server,
};
use tests::golden::guide as storage;

use storage::storage_gorums::{
    StorageCalls, StorageConfiguration, StorageQuorumSpec, StorageReplica, StorageReplicaServer,
};
use storage::{Ack, Agreed, Entry, Key};

/// Decides by majorities, any two of which have a replica in common.
struct Majority {
    quorum: usize,
}

impl StorageQuorumSpec for Majority {
    /// The newest entry that a majority has.
    fn read_qf(&self, replies: &mut Replies<Entry>) -> Option<Entry> {
        if replies.len() < self.quorum {
            return None;
        }
        replies.take_max_by_key(|entry| entry.version)
    }

    /// `qf_with_req`: the request comes along.
    fn write_qf(&self, request: &Entry, replies: &mut Replies<Ack>) -> Option<Ack> {
        let enough = replies.len() >= self.quorum || request.key == "scratch";
        enough.then(|| replies.take_latest())?
    }

    fn write_shards_qf(&self, replies: &mut Replies<Ack>) -> Option<Ack> {
        (replies.len() >= self.quorum).then(|| replies.take_latest())?
    }

    /// `custom_return_type`: a message other than the reply.
    fn read_agreed_qf(&self, replies: &mut Replies<Entry>) -> Option<Agreed> {
        if replies.len() < self.quorum {
            return None;
        }
        let newest = replies.take_max_by_key(|entry| entry.version)?;
        let agree = replies.messages().filter(|entry| **entry == newest).count();
        Some(Agreed {
            replicas: agree as u32 + 1,
            entry: Some(newest),
        })
    }

    fn write_future_qf(&self, replies: &mut Replies<Ack>) -> Option<Ack> {
        (replies.len() >= self.quorum).then(|| replies.take_latest())?
    }

    /// The level is the number of replies; a majority is the end.
    fn read_correctable_qf(&self, replies: &mut Replies<Entry>) -> Option<Correction<Entry>> {
        let level = replies.len() as i32;
        let newest = replies
            .messages()
            .max_by_key(|entry| entry.version)?
            .clone();
        Some(if replies.len() < self.quorum {
            Correction::preliminary(newest, level)
        } else {
            Correction::last(newest, level)
        })
    }

    fn follow_qf(&self, replies: &mut Replies<Entry>) -> Option<Correction<Entry>> {
        let newest = replies.latest()?.1.clone();
        let level = newest.version as i32;
        Some(Correction::preliminary(newest, level))
    }
}

#[derive(Default)]
struct Replica {
    entries: Mutex<HashMap<String, Entry>>,
}

impl Replica {
    fn entry(&self, key: &Key) -> Entry {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&key.name).cloned().unwrap_or_default()
    }

    fn put(&self, entry: Entry) -> Ack {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let current = entries.entry(entry.key.clone()).or_default();
        let new = entry.version > current.version;
        if new {
            *current = entry;
        }
        Ack { new }
    }
}

impl StorageReplica for Replica {
    async fn get(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        match self.entry(&key) {
            Entry { version: 0, .. } => Err(Status::not_found(format!("no entry {}", key.name))),
            entry => Ok(entry),
        }
    }

    /// One-way: there is nobody to answer.
    async fn hint(&self, _: &Context, entry: Entry) {
        self.put(entry);
    }

    async fn read(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn write(&self, ctx: &Context, entry: Entry) -> Result<Ack, Status> {
        if ctx.remaining() == Some(Duration::ZERO) {
            return Err(Status::deadline_exceeded("too late to write"));
        }
        Ok(self.put(entry))
    }

    async fn write_shards(&self, _: &Context, entry: Entry) -> Result<Ack, Status> {
        Ok(self.put(entry))
    }

    async fn read_agreed(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn write_future(&self, _: &Context, entry: Entry) -> Result<Ack, Status> {
        Ok(self.put(entry))
    }

    async fn collect(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn collect_async(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    /// A stream of replies, which waits for its caller when it is ahead of it.
    async fn history(
        &self,
        _: &Context,
        key: Key,
        replies: ReplySink<Entry>,
    ) -> Result<(), Status> {
        let entry = self.entry(&key);
        for version in 1..=entry.version {
            let entry = Entry {
                version,
                ..entry.clone()
            };
            replies.send(entry).await?;
        }
        Ok(())
    }

    async fn read_correctable(&self, _: &Context, key: Key) -> Result<Entry, Status> {
        Ok(self.entry(&key))
    }

    async fn follow(
        &self,
        ctx: &Context,
        key: Key,
        replies: ReplySink<Entry>,
    ) -> Result<(), Status> {
        replies.send(self.entry(&key)).await?;
        ctx.cancelled().await;
        Ok(())
    }

    async fn spread(&self, _: &Context, entry: Entry) {
        self.put(entry);
    }
}

fn entry(value: &str, version: u64) -> Entry {
    Entry {
        key: "k".to_string(),
        value: value.to_string(),
        version,
    }
}

fn key() -> Key {
    Key {
        name: "k".to_string(),
    }
}

/// Three replicas that have an entry.
async fn cluster() -> Result<(testing::Replicas, StorageConfiguration<Majority>), Box<dyn Error>> {
    let replicas = testing::replicas(3, |_| StorageReplicaServer::new(Replica::default())).await?;
    let storage = StorageConfiguration::new(replicas.configuration(), Majority { quorum: 2 });
    for node in storage.nodes() {
        node.hint(entry("one", 1)).await?;
    }
    while storage
        .collect(key())
        .all()
        .await?
        .messages()
        .any(|entry| entry.version == 0)
    {}
    Ok((replicas, storage))
}

type Outcome = Result<(), Box<dyn Error>>;

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

    let decided = storage.read(key()).with_nodes().await?;
    println!(
        "{:?}, which {} replicas sent",
        decided.value,
        decided.nodes.len()
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

    let same = storage.collect(key()).quorum(|replies| {
        let value = replies.latest()?.1.value.clone();
        let votes = replies
            .messages()
            .filter(|entry| entry.value == value)
            .count();
        (votes >= 2).then_some(value)
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
        println!("{} failed with {:?}", failure.node(), failure.code());
    }

    let rest = storage.configuration().without_failed(&error)?;
    let storage = StorageConfiguration::new(rest, Majority { quorum: 1 });
    assert_eq!(storage.read(key()).await?, entry("one", 1));
    Ok(())
}

#[tokio::test]
async fn configurations() -> Outcome {
    let (replicas, storage) = cluster().await?;
    storage.read(key()).await?;
    let manager = replicas.manager();
    let all = manager.configuration();
    let some = manager.configuration_of([NodeId::new(1), NodeId::new(2)])?;
    let rest = all.difference(&some)?;
    assert_eq!(some.union(&rest), all);
    assert_eq!(some.intersection(&all)?, some);
    let fastest = all.sorted_by_latency().first(2)?;
    let reliable = all.sorted_by_error().first(2)?;
    assert_eq!((fastest.size(), reliable.size()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn servers() -> Outcome {
    let router = Router::new().add_replica(StorageReplicaServer::new(Replica::default()));
    let server = Server::new(router).bind("127.0.0.1:0").await?;
    println!("serving on {}", server.address());
    let running = server.start();
    running.shutdown().await?;
    Ok(())
}

#[test]
fn a_quorum_function_decides_on_a_majority() {
    let spec = Majority { quorum: 2 };
    assert_eq!(spec.read_qf(&mut replies([entry("old", 1)])), None);
    let newest = spec.read_qf(&mut replies([entry("new", 2), entry("old", 1)]));
    assert_eq!(newest, Some(entry("new", 2)));
}

#[tokio::test]
async fn a_write_is_read_with_a_replica_down() -> Outcome {
    let replicas = testing::replicas(3, |_| StorageReplicaServer::new(Replica::default())).await?;
    let storage = StorageConfiguration::new(replicas.configuration(), Majority { quorum: 2 });
    replicas.stop(NodeId::new(3));
    storage.write(entry("one", 1)).await?;
    assert_eq!(storage.read(key()).await?, entry("one", 1));
    Ok(())
}

/// Copies an entry under another key.
async fn copy(storage: &impl StorageCalls, from: Key, to: &str) -> Result<(), QuorumCallError> {
    let mut entry = storage.read(from).await?;
    entry.key = to.to_string();
    storage.write(entry).await?;
    Ok(())
}

#[tokio::test]
async fn an_entry_is_copied() -> Outcome {
    let replicas = testing::replicas(3, |_| StorageReplicaServer::new(Replica::default())).await?;
    let storage = StorageConfiguration::new(replicas.configuration(), Majority { quorum: 3 });
    storage.write(entry("one", 1)).await?;
    copy(&storage, key(), "copy").await?;
    let copied = storage
        .read(Key {
            name: "copy".into(),
        })
        .await?;
    assert_eq!(
        (copied.key.as_str(), copied.value.as_str()),
        ("copy", "one")
    );
    Ok(())
}

/// Code without spaces, and without the commas that depend on line breaks.
fn normalised(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    let code = code.replace(",)", ")").replace(",}", "}");
    code.replace(",]", "]")
}

#[test]
fn every_example_of_the_guide_is_compiled_here() {
    let guide = include_str!("../../docs/user-guide.md");
    let here = normalised(include_str!("user_guide.rs"));
    let proto = normalised(include_str!("../../golden/guide.proto"));
    let examples = |language: &str| {
        let start = format!("```{language}\n");
        let blocks: Vec<String> = guide.split(&start).skip(1).map(str::to_string).collect();
        blocks.into_iter().map(|block| {
            let (example, _) = block.split_once("```").expect("a block ends");
            example.to_string()
        })
    };
    let mut compiled = 0;
    for example in examples("rust") {
        assert!(
            here.contains(&normalised(&example)),
            "not compiled:\n{example}"
        );
        compiled += 1;
    }
    assert!(compiled > 10, "only {compiled} examples were found");
    for example in examples("proto") {
        assert!(
            proto.contains(&normalised(&example)),
            "not compiled:\n{example}"
        );
    }
}

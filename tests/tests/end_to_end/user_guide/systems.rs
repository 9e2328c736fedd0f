//! Systems of peers: a replicated log.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::testing;
use gorums_runtime::{Context, Credentials, Manager, NodeId, System};
use tests::authority::Authority;
use tests::generated::replicated_log as log;
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};

use crate::user_guide::Outcome;
use log::follower_gorums::{FollowerConfiguration, FollowerReplica, FollowerReplicaServer};
use log::log_gorums::{LogConfiguration, LogReplica, LogReplicaServer};
use log::{Command, Commands, Entry, Position};

/// A member of a replicated log, whose leader is always member 1.
struct Log {
    /// The log on all members, this one included.
    members: LogConfiguration,
    /// What this member has.
    commands: Mutex<Vec<String>>,
    /// The index of the entry that the leader appended last.
    last: Mutex<u64>,
    /// The clients that follow the log.
    followers: FollowerConfiguration,
}

impl Log {
    const LEADER: NodeId = NodeId::new(1);

    fn of(system: &System) -> LogReplicaServer {
        LogReplicaServer::new(Self {
            members: LogConfiguration::new(system.configuration()),
            commands: Mutex::default(),
            last: Mutex::default(),
            followers: FollowerConfiguration::new(system.clients().membership()),
        })
    }

    fn commands(&self) -> MutexGuard<'_, Vec<String>> {
        self.commands.lock().expect("no handler panics")
    }
}

impl LogReplica for Log {
    /// Appends a command on all members, and answers once a majority has it.
    async fn propose(&self, ctx: &Context, command: Command) -> Result<Position, Status> {
        let (index, appended) = {
            let mut last = self.last.lock().expect("no handler panics");
            *last += 1;
            let entry = Entry {
                index: *last,
                command: command.text,
            };
            // A client that gives up must not leave a gap in the log.
            let append = self.members.append(entry).independent();
            (*last, append.majority().start())
        };
        ctx.release();
        appended.await?;
        Ok(Position { index })
    }

    async fn append(&self, ctx: &Context, entry: Entry) -> Result<Position, Status> {
        if ctx.peer() != Some(Self::LEADER) {
            return Err(Status::permission_denied("only the leader appends"));
        }
        let mut commands = self.commands();
        if entry.index != commands.len() as u64 + 1 {
            return Err(Status::failed_precondition("an entry is missing"));
        }
        commands.push(entry.command.clone());
        let position = Position { index: entry.index };
        self.followers.appended(entry).detach();
        Ok(position)
    }

    /// Reads the longest log of a majority.
    async fn read(&self, ctx: &Context, _: ()) -> Result<Commands, Status> {
        ctx.release();
        let mut logs = self.members.fetch(()).majority().await?;
        let longest = logs.take_max_by_key(|log| log.texts.len());
        Ok(longest.unwrap_or_default())
    }

    async fn fetch(&self, _: &Context, _: ()) -> Result<Commands, Status> {
        let texts = self.commands().clone();
        Ok(Commands { texts })
    }

    /// Takes over the commands of another member, however many there are.
    async fn install(
        &self,
        _: &Context,
        mut commands: Streaming<Command>,
    ) -> Result<Position, Status> {
        let mut taken = Vec::new();
        while let Some(command) = commands.message().await? {
            taken.push(command.text);
        }
        let index = taken.len() as u64;
        *self.commands() = taken;
        Ok(Position { index })
    }
}

/// Follows the log of a member.
struct Follower(mpsc::UnboundedSender<Entry>);

impl FollowerReplica for Follower {
    async fn appended(&self, _: &Context, entry: Entry) {
        // Nobody may be interested any more.
        let _ = self.0.send(entry);
    }
}

fn command(text: &str) -> Command {
    let text = text.to_string();
    Command { text }
}

#[tokio::test]
async fn a_member_starts_before_the_others() -> Outcome {
    let members = [
        (1, "10.0.0.1:4000"),
        (2, "10.0.0.2:4000"),
        (3, "10.0.0.3:4000"),
    ];
    let system = System::builder(1, members)
        .listen("127.0.0.1:0")
        .bind()
        .await?;
    let running = system.serve(Log::of(&system))?;

    let connectivity = system.connectivity();
    tokio::time::timeout(Duration::from_secs(10), connectivity.wait_for(1)).await??;
    for member in connectivity.nodes() {
        let state = if member.is_connected { "up" } else { "down" };
        println!("{}: {state} since {:?}", member.node_id, member.since);
    }
    let mut events = connectivity.events();
    let event = events.next().await.ok_or("the system was stopped")?;
    assert!(event.is_connected());
    assert_eq!(event.node_id(), system.id());

    running.stop().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_log_is_replicated_while_a_member_is_down() -> Outcome {
    let systems = testing::systems(3, Log::of).await?;
    systems.connected().await;
    let [one, two, three] = [1, 2, 3].map(NodeId::new);
    let log = LogConfiguration::new(systems.system(two).configuration());

    let leader = log.node(one)?;
    assert_eq!(leader.propose(command("a")).await?.index, 1);
    systems.kill(three);
    assert_eq!(leader.propose(command("b")).await?.index, 2);
    assert_eq!(log.node(two)?.read(()).await?.texts, ["a", "b"]);

    systems.cut_off(one);
    let late = leader.propose(command("c")).timeout(Duration::from_secs(1));
    late.await.expect_err("the leader is cut off");
    systems.heal();
    let forged = Entry {
        index: 3,
        command: "c".into(),
    };
    let refused = log
        .append(forged)
        .first()
        .await
        .expect_err("not the leader");
    let refusals = refused.errors().iter().map(|error| error.code());
    assert!(refusals.clone().any(|code| code == Code::PermissionDenied));
    Ok(())
}

#[tokio::test]
async fn a_member_takes_over_a_long_log_beside_its_calls() -> Outcome {
    let systems = testing::systems(2, Log::of).await?;
    systems.connected().await;
    let [one, two] = [1, 2].map(NodeId::new);
    let log = LogConfiguration::new(systems.system(one).configuration());
    let all: Vec<Command> = (0..100_000).map(|n| command(&n.to_string())).collect();

    let follower = log.node(two)?;
    let commands = futures::stream::iter(all);
    let installed = follower.client().install(commands).await?;

    assert_eq!(installed.into_inner().index, 100_000);
    assert_eq!(follower.read(()).await?.texts.len(), 100_000);
    Ok(())
}

#[tokio::test]
async fn a_client_follows_the_log_of_a_member() -> Outcome {
    let system = System::builder(1, [(1, "10.0.0.1:4000")])
        .listen("127.0.0.1:0")
        .bind()
        .await?;
    let _running = system.serve(Log::of(&system))?;
    let address = system.address().ok_or("it listens")?.to_string();

    let (appended, mut entries) = mpsc::unbounded_channel();
    let manager = Manager::builder()
        .address(address)
        .serve(FollowerReplicaServer::new(Follower(appended)))
        .connect()
        .await?;

    system.clients().connectivity().wait_for(1).await?;
    let log = LogConfiguration::new(manager.configuration());
    let member = log.nodes().next().ok_or("there is one")?;
    member.propose(command("a")).await?;
    let entry = entries.recv().await.ok_or("the manager is open")?;
    assert_eq!((entry.index, entry.command.as_str()), (1, "a"));
    Ok(())
}

#[tokio::test]
async fn members_prove_their_ids_and_get_new_certificates() -> Outcome {
    let members = [(1, "localhost:1")];
    let issuer = Authority::new();
    let authority = issuer.pem();
    let (certificate, key) = issuer.issue_pem(&["gorums://node/1"]);
    let credentials = Credentials::from_pem(certificate, key, authority)?;
    let builder = System::builder(1, members).tls(credentials);
    let system = builder.listen("127.0.0.1:0").bind().await?;

    let authority = issuer.pem();
    let (certificate, key) = issuer.issue_pem(&["gorums://node/1"]);
    system.replace_credentials(Credentials::from_pem(certificate, key, authority)?)?;
    Ok(())
}

//! Systems that stop.

use std::time::Duration;

use gorums_runtime::{NodeId, testing};
use std::sync::Arc;
use tests::member::{Member, members, register};
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::{RegisterReplica, RegisterReplicaServer};
use tests::register::{State, WriteResponse};
use tests::spec::state;
use tokio::sync::Notify;
use tonic::{Code, Status};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn calls_and_waits_of_a_system_that_has_stopped_fail() {
    on_both(async |transport| {
        let systems = members(transport, 3).await;
        let [one, two] = [1, 2].map(NodeId::new);
        let system = systems.system(one);
        let connectivity = system.connectivity();
        let waiting = tokio::spawn(async move { connectivity.wait_for(4).await });
        systems.stop(one).await.expect("it stops");
        assert!(waiting.await.expect("no panic").is_err());
        for node in register(&system).nodes() {
            let error = node.read_no_qc(ReadRequest {}).await.expect_err("stopped");
            assert_eq!(error.code(), Code::Unavailable, "{error}");
        }
        let other = systems.system(two).connectivity();
        let gone = other.wait_until(|connected| !connected.contains(&one));
        tests::soon("the end of its connection", gone)
            .await
            .expect("it runs");
    })
    .await;
}

/// Writes to the other members once it is told to, in a handler.
struct Slow {
    begun: Arc<Notify>,
    go: Arc<Notify>,
    others: Member,
}

impl RegisterReplica for Slow {
    async fn read_no_qc(
        &self,
        ctx: &gorums_runtime::Context,
        _: ReadRequest,
    ) -> Result<State, Status> {
        ctx.release();
        self.begun.notify_one();
        self.go.notified().await;
        let written = self.others.register.write(state("late", 1)).await;
        written.map_err(|error| Status::aborted(error.to_string()))?;
        Ok(state("done", 0))
    }

    async fn read(&self, _: &gorums_runtime::Context, _: ReadRequest) -> Result<State, Status> {
        Err(Status::unimplemented(""))
    }

    async fn read_agreed(
        &self,
        _: &gorums_runtime::Context,
        _: ReadRequest,
    ) -> Result<State, Status> {
        Err(Status::unimplemented(""))
    }

    async fn read_for_write(
        &self,
        _: &gorums_runtime::Context,
        _: ReadRequest,
    ) -> Result<State, Status> {
        Err(Status::unimplemented(""))
    }

    async fn write(&self, _: &gorums_runtime::Context, _: State) -> Result<WriteResponse, Status> {
        Err(Status::unimplemented(""))
    }

    async fn write_per_node(
        &self,
        _: &gorums_runtime::Context,
        _: State,
    ) -> Result<WriteResponse, Status> {
        Err(Status::unimplemented(""))
    }

    async fn write_no_qc(
        &self,
        _: &gorums_runtime::Context,
        _: State,
    ) -> Result<WriteResponse, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_running_still_calls_its_peers_while_the_system_stops() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&begun), Arc::clone(&go));
    let systems = testing::systems(3, move |system| match system.id().get() {
        1 => RegisterReplicaServer::new(Slow {
            begun: Arc::clone(&signals.0),
            go: Arc::clone(&signals.1),
            others: Member::of(system),
        }),
        _ => Member::server(system),
    });
    let systems = systems.await.expect("they start");
    systems.connected().await;
    let [one, two] = [1, 2].map(NodeId::new);
    let node = register(&systems.system(two)).node(one).expect("a member");
    let call = tokio::spawn(node.read_no_qc(ReadRequest {}).into_future());
    begun.notified().await;
    let stopping = systems.stop(one);
    let finishing = async {
        tokio::time::sleep(SECOND).await;
        go.notify_one();
    };
    let (stopped, ()) = tokio::join!(stopping, finishing);
    stopped.expect("it stops");
    let reply = call.await.expect("no panic").expect("the handler ended");
    assert_eq!(reply.value, "done");
}

#[test]
fn a_system_that_has_stopped_leaves_no_task() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let systems = members(Default::default(), 3).await;
        let one = register(&systems.system(NodeId::new(1)));
        one.read(ReadRequest {}).await.expect("a quorum");
        drop(one);
        for id in systems.ids() {
            systems.stop(id).await.expect("it stops");
        }
        drop(systems);
        let metrics = tokio::runtime::Handle::current().metrics();
        let quiet = async {
            while metrics.num_alive_tasks() > 0 {
                tokio::time::sleep(SECOND / 10).await;
            }
        };
        tests::soon("the end of all tasks", quiet).await;
    });
}

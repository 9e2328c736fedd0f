//! Calls that handlers make while they serve a call.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::calls::MulticastCall;
use gorums_runtime::codegen::{Caller, NodeCaller};
use gorums_runtime::errors::{NodeError, QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::testing::{self, Systems};
use gorums_runtime::{AggregateCall, CallOptions, Context, NodeCall, NodeId, Transport, Unicast};
use tests::golden::no_package::pinger_gorums::{
    PingerConfiguration, PingerReplica, PingerReplicaServer, methods as pings,
};
use tests::golden::no_package::{Ping, Pong};
use tests::member::{members, register};
use tests::network::Network;
use tests::on_both;
use tests::register::register_gorums::{
    RegisterConfiguration, RegisterNode, RegisterReplica, RegisterReplicaServer, methods,
};
use tests::register::{ReadRequest, State, WriteResponse};
use tests::replica::{Behaviour, Cluster, Gate, arrived, cancelled};
use tests::spec::{Count, state};
use tests::waiting::Events;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::{Code, Status};

const SECOND: Duration = Duration::from_secs(1);

/// How a nested call ended.
type Ended = Result<State, QuorumCallError>;

/// Answers each call by a quorum call on the replicas behind it.
#[derive(Clone)]
struct Front {
    behind: RegisterConfiguration<Count>,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Front {
    async fn nested(&self, call: impl Future<Output = Ended>) -> Result<State, Status> {
        let ended = call.await;
        // The test may have ended.
        let _ = self.ended.send(ended.clone());
        Ok(ended?)
    }
}

impl RegisterReplica for Front {
    /// Makes a nested call.
    async fn read(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        self.nested(self.behind.read(ReadRequest {}).into_future())
            .await
    }

    /// Makes an independent call.
    async fn read_agreed(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        let call = self.behind.read(ReadRequest {}).independent();
        self.nested(call.into_future()).await
    }

    /// Makes a nested call in a task of its own.
    async fn read_for_write(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        let front = self.clone();
        let task = async move {
            let call = front.behind.read(ReadRequest {});
            front.nested(call.into_future()).await
        };
        let task = tokio::spawn(ctx.scope(task)).await;
        task.unwrap_or_else(|error| Err(Status::internal(error.to_string())))
    }

    /// Makes a nested call to one node.
    async fn read_no_qc(&self, _: &Context, _: ReadRequest) -> Result<State, Status> {
        let node = self.behind.nodes().next();
        let node = node.ok_or(Status::internal("there is no node"))?;
        let read = node.read_no_qc(ReadRequest {}).await;
        read.map_err(|error| error.into_status())
    }

    async fn write(&self, _: &Context, _: State) -> Result<WriteResponse, Status> {
        Err(Status::unimplemented("the tests only read"))
    }

    async fn write_per_node(&self, _: &Context, _: State) -> Result<WriteResponse, Status> {
        Err(Status::unimplemented("the tests only read"))
    }

    async fn write_no_qc(&self, _: &Context, _: State) -> Result<WriteResponse, Status> {
        Err(Status::unimplemented("the tests only read"))
    }
}

/// A front of three replicas, which answer once the gate is open.
struct Fixture {
    cluster: Cluster,
    gate: Gate,
    ended: Events<Ended>,
    front: RegisterNode,
    _systems: Systems,
}

async fn fixture(transport: Transport) -> Fixture {
    let gate = Gate::closed();
    let behaviours = [(); 3].map(|()| Behaviour::AnswerAfter(gate.clone()));
    let cluster = Cluster::start(transport, behaviours);
    let (send, ended) = Events::channel();
    let front = Arc::new(Front {
        behind: cluster.register(3, Count(2)).await,
        ended: send,
    });
    let configure = move |_, builder: gorums_runtime::SystemBuilder| {
        builder.manager(|manager| manager.transport(transport))
    };
    let systems = testing::systems_with(1, configure, move |_| {
        RegisterReplicaServer::shared(Arc::clone(&front))
    });
    let systems = systems.await.expect("it starts");
    let register = RegisterConfiguration::new(systems.system(NodeId::new(1)).configuration());
    let front = register.nodes().next().expect("a node");
    Fixture {
        cluster,
        gate,
        ended,
        front,
        _systems: systems,
    }
}

/// Calls the front with a method of the quorum calls, as one node.
async fn call<M>(front: &RegisterNode, timeout: Option<Duration>, _: M) -> Result<M::Reply, Code>
where
    M: gorums_runtime::Method<Request = ReadRequest, Reply = State>,
{
    let node = front.as_node().clone();
    let caller = gorums_runtime::codegen::NodeCaller::new(node);
    let call = gorums_runtime::NodeCall::<M>::new(&caller, ReadRequest {});
    let call = match timeout {
        Some(timeout) => call.timeout(timeout),
        None => call,
    };
    call.await.map_err(|error| error.code())
}

#[tokio::test(start_paused = true)]
async fn a_nested_call_ends_at_the_deadline_of_the_call_that_it_serves() {
    use tests::register::register_gorums::methods::{Read, ReadForWrite, ReadNoQc};
    on_both(async |transport| {
        let mut fixture = fixture(transport).await;
        let start = Instant::now();
        let outer = call(&fixture.front, Some(SECOND), Read).await;
        assert_eq!(outer, Err(Code::DeadlineExceeded));
        let ended = fixture.ended.next().await.expect_err("the gate is closed");
        assert_eq!(ended.kind(), QuorumCallErrorKind::DeadlineExceeded);
        assert_eq!(start.elapsed().as_secs(), 1);
        // Also in a task of the handler's.
        let outer = call(&fixture.front, Some(SECOND), ReadForWrite).await;
        assert_eq!(outer, Err(Code::DeadlineExceeded));
        let ended = fixture.ended.next().await.expect_err("the gate is closed");
        assert_eq!(ended.kind(), QuorumCallErrorKind::DeadlineExceeded);
        let outer = call(&fixture.front, Some(SECOND), ReadNoQc).await;
        assert_eq!(outer, Err(Code::DeadlineExceeded));
        fixture.cluster.wait_for(&[1, 2, 3], cancelled).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_nested_call_is_withdrawn_when_the_caller_of_the_call_that_it_serves_gives_up() {
    use tests::register::register_gorums::methods::{Read, ReadForWrite};
    on_both(async |transport| {
        let mut fixture = fixture(transport).await;
        for scoped in [false, true] {
            let front = &fixture.front;
            let calling: std::pin::Pin<Box<dyn Future<Output = _>>> = match scoped {
                false => Box::pin(call(front, None, Read)),
                true => Box::pin(call(front, None, ReadForWrite)),
            };
            tokio::select! {
                outcome = calling => panic!("the gate is closed: {outcome:?}"),
                () = fixture.cluster.wait_for(&[1, 2, 3], arrived) => {}
            }
            let ended = fixture.ended.next().await.expect_err("nobody waits");
            assert_eq!(ended.kind(), QuorumCallErrorKind::Cancelled);
            fixture.cluster.wait_for(&[1, 2, 3], cancelled).await;
        }
    })
    .await;
}

/// Makes nested calls whose outcomes come one by one, and one-way calls, and tells how they failed.
struct Spread {
    behind: RegisterConfiguration<Count>,
    failed: mpsc::UnboundedSender<Vec<Code>>,
}

impl PingerReplica for Spread {
    async fn ping(&self, _: &Context, _: Ping) -> Result<Pong, Status> {
        let caller = Caller::new(self.behind.configuration(), ());
        let call = AggregateCall::<methods::Read>::new(&caller, ReadRequest {});
        let outcomes: Vec<_> = call.responses().collect().await;
        let failed = outcomes.iter().filter_map(|(_, it)| it.as_ref().err());
        // The test may have ended.
        let _ = self.failed.send(failed.map(NodeError::code).collect());
        Ok(Pong::default())
    }

    async fn ping_one(&self, _: &Context, _: Ping) -> Result<Pong, Status> {
        let caller = Caller::new(self.behind.configuration(), ());
        let call = MulticastCall::<methods::Write>::new(&caller, state("a", 1));
        let error = call.start().await.expect_err("nobody answers");
        let node = NodeCaller::new(self.behind.nodes().next().expect("one").as_node().clone());
        let one = Unicast::start::<methods::Write>(&node, state("b", 2)).await;
        let errors = error.errors().iter().chain(one.as_ref().err());
        let _ = self.failed.send(errors.map(NodeError::code).collect());
        Ok(Pong::default())
    }
}

#[tokio::test(start_paused = true)]
async fn nested_responses_and_one_way_calls_end_with_the_call_that_they_serve() {
    on_both(async |transport| {
        let gate = Gate::closed();
        let mut cluster = Cluster::start(transport, [Behaviour::AnswerAfter(gate)]);
        cluster.network.silence(2);
        let (failed, mut codes) = Events::channel();
        let behind = cluster.register(2, Count(2)).await;
        let network = Network::new(transport);
        network.serve(1, PingerReplicaServer::new(Spread { behind, failed }));
        let manager = network.manager(1).connect_lazy().await.expect("an address");
        let pinger = PingerConfiguration::new(manager.configuration());
        let front = NodeCaller::new(manager.nodes().next().expect("a node"));

        let late = NodeCall::<pings::Ping>::new(&front, Ping {})
            .timeout(SECOND)
            .await;
        late.expect_err("the gate is closed");
        let late = codes.next().await;
        assert!(
            late.iter().all(|code| *code == Code::DeadlineExceeded),
            "{late:?}"
        );
        let withdrawn = NodeCall::<pings::Ping>::new(&front, Ping {}).start();
        cluster.wait_for(&[1], arrived).await;
        drop(withdrawn);
        let withdrawn = codes.next().await;
        assert!(withdrawn.contains(&Code::Cancelled), "{withdrawn:?}");
        cluster.wait_for(&[1], cancelled).await;

        let withdrawn = pinger
            .nodes()
            .next()
            .expect("a node")
            .ping_one(Ping {})
            .start();
        tests::settle().await;
        drop(withdrawn);
        let withdrawn = codes.next().await;
        assert!(withdrawn.contains(&Code::Cancelled), "{withdrawn:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_independent_call_goes_on_when_the_call_that_its_handler_serves_has_ended() {
    use tests::register::register_gorums::methods::ReadAgreed;
    on_both(async |transport| {
        let mut fixture = fixture(transport).await;
        let outer = call(&fixture.front, Some(SECOND), ReadAgreed).await;
        assert_eq!(outer, Err(Code::DeadlineExceeded));
        tokio::time::sleep(SECOND).await;
        fixture.gate.open();
        fixture.ended.next().await.expect("the replicas answered");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn options_of_a_service_may_make_all_its_calls_independent() {
    let mut fixture = fixture(Default::default()).await;
    let independent = CallOptions::new().independent();
    assert!(format!("{independent:?}").contains("is_independent: true"));
    fixture.gate.open();
    let reply = call(
        &fixture.front,
        None,
        tests::register::register_gorums::methods::Read,
    );
    assert_eq!(reply.await, Ok(state("", 0)));
    fixture.ended.next().await.expect("the replicas answered");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_keeps_its_turn_while_it_calls_itself_waits_until_its_deadline() {
    let systems = members(Default::default(), 1).await;
    let node = register(&systems.system(NodeId::new(1)));
    let node = node.nodes().next().expect("itself");
    use tests::register::register_gorums::methods::{Read, ReadForWrite};
    let start = Instant::now();
    let kept = call(&node, Some(5 * SECOND), ReadForWrite).await;
    assert_eq!(kept, Err(Code::DeadlineExceeded));
    assert_eq!(start.elapsed().as_secs(), 5);
    // One that releases does not.
    let released = call(&node, Some(5 * SECOND), Read).await;
    assert_eq!(released, Ok(State::default()));
}

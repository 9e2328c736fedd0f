//! Code that is generic over the calls of a service, with mocks and with replicas.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use gorums_runtime::calls::Aggregation;
use gorums_runtime::errors::{MulticastError, NodeError, QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::testing::{
    self, Levels, correctable, multicast_error, node_error, quorum_call_error,
};
use gorums_runtime::{CallOptions, Context, Correctable, Correction, NodeId, Replies, ReplySink};
use tests::golden::aggregates::Value;
use tests::golden::aggregates::aggregates_gorums::{
    AggregatesCalls, AggregatesConfiguration, AggregatesReplica, AggregatesReplicaServer,
};
use tests::golden::register_2017::register_gorums::{RegisterCalls, methods};
use tests::golden::register_2017::{ReadRequest, State, WriteResponse};
use tonic::Status;
use tonic::metadata::{MetadataMap, MetadataValue};

/// Writes the successor of the newest state, and announces it if that fails.
async fn increment(register: &impl RegisterCalls) -> Result<i64, QuorumCallError> {
    let newest = register.read(ReadRequest {}).await?;
    let next = State {
        timestamp: newest.timestamp + 1,
        ..newest
    };
    let timestamp = next.timestamp;
    if let Err(error) = register.write(next.clone()).await {
        // The error of the quorum call is the one to report.
        let _ = register.write_async(next).await;
        return Err(error);
    }
    Ok(timestamp)
}

/// The first state that reaches `level`.
async fn read_at(register: &impl RegisterCalls, level: i32) -> Option<String> {
    let read = register.read_correctable(ReadRequest {});
    read.reached(level).await;
    read.latest().map(|(state, _)| state.value.clone())
}

/// Whether a node answers.
async fn is_up(register: &impl RegisterCalls, node: NodeId) -> bool {
    let read = register.read_no_qc(node, ReadRequest {}).await;
    read.is_ok_and(|state| state.timestamp > 0)
}

/// The longest value of a majority.
async fn longest(values: &impl AggregatesCalls) -> Result<Option<String>, QuorumCallError> {
    let mut all = values.read_qc(value(""), Aggregation::Majority).await?;
    let longest = all.take_max_by_key(|value| value.text.len());
    Ok(longest.map(|value| value.text))
}

fn value(text: &str) -> Value {
    let text = text.to_string();
    Value { text }
}

/// A register of one state that accepts a number of writes.
struct Mock {
    state: Mutex<State>,
    writes: Mutex<usize>,
    announced: Mutex<Vec<State>>,
    levels: Mutex<Option<Levels<State>>>,
}

impl Mock {
    fn with(timestamp: i64, writes: usize) -> Self {
        let state = State {
            value: "mock".to_string(),
            timestamp,
        };
        Self {
            state: Mutex::new(state),
            writes: Mutex::new(writes),
            announced: Mutex::default(),
            levels: Mutex::default(),
        }
    }

    fn state(&self) -> State {
        self.state.lock().expect("not poisoned").clone()
    }
}

impl RegisterCalls for Mock {
    async fn read_no_qc(&self, node: NodeId, _: ReadRequest) -> Result<State, NodeError> {
        match node.get() {
            1 => Ok(self.state()),
            _ => Err(node_error(node, Status::unavailable("down"))),
        }
    }

    async fn read(&self, _: ReadRequest) -> Result<State, QuorumCallError> {
        Ok(self.state())
    }

    fn read_correctable(&self, _: ReadRequest) -> Correctable<State> {
        let (levels, correctable) = correctable();
        levels.give(Correction::preliminary(self.state(), 1));
        *self.levels.lock().expect("not poisoned") = Some(levels);
        correctable
    }

    async fn write(&self, state: State) -> Result<WriteResponse, QuorumCallError> {
        let mut writes = self.writes.lock().expect("not poisoned");
        match writes.checked_sub(1) {
            Some(left) => {
                *writes = left;
                *self.state.lock().expect("not poisoned") = state;
                Ok(WriteResponse { new: true })
            }
            None => {
                let down = node_error(NodeId::new(2), Status::unavailable("down"));
                let kind = QuorumCallErrorKind::Incomplete;
                Err(quorum_call_error::<methods::Write>(kind, 1, [down]))
            }
        }
    }

    async fn write_async(&self, state: State) -> Result<(), MulticastError> {
        self.announced.lock().expect("not poisoned").push(state);
        let down = node_error(NodeId::new(2), Status::unavailable("down"));
        Err(multicast_error::<methods::WriteAsync>(2, [down]))
    }
}

#[tokio::test]
async fn code_is_tested_with_a_mock_of_its_calls() {
    let mock = Mock::with(5, 1);
    assert_eq!(increment(&mock).await.expect("a quorum"), 6);
    assert!(mock.announced.lock().expect("not poisoned").is_empty());
    let error = increment(&mock).await.expect_err("no more writes");
    assert_eq!(
        error.to_string(),
        "register_2017.Register/Write: incomplete call (replies: 1, errors: 1): \
         node 2 (240.0.0.2:1): Unavailable: down"
    );
    assert_eq!(mock.announced.lock().expect("not poisoned").len(), 1);
    assert!(is_up(&mock, NodeId::new(1)).await);
    assert!(!is_up(&mock, NodeId::new(2)).await);
}

#[tokio::test]
async fn a_mock_gives_the_levels_of_a_correctable() {
    let mock = Mock::with(1, 0);
    assert_eq!(read_at(&mock, 1).await.as_deref(), Some("mock"));

    let read = mock.read_correctable(ReadRequest {});
    let levels = mock.levels.lock().expect("not poisoned").take();
    let levels = levels.expect("a correctable");
    assert!(!read.is_done());
    levels.give(Correction::preliminary(State::default(), 0));
    assert_eq!(read.level(), Some(1));
    levels.give(Correction::last(State::default(), 2));
    levels.give(Correction::last(State::default(), 3));
    let kind = QuorumCallErrorKind::Incomplete;
    levels.fail(quorum_call_error::<methods::ReadCorrectable>(kind, 1, []));
    let (state, level) = read.done().await.expect("a last value");
    assert_eq!((&*state, level), (&State::default(), 2));
    assert_eq!(read.level(), Some(2));
}

#[tokio::test]
async fn a_mock_ends_a_correctable_with_an_error() {
    let (levels, read) = correctable::<State>();
    let kind = QuorumCallErrorKind::DeadlineExceeded;
    levels.fail(quorum_call_error::<methods::ReadCorrectable>(kind, 0, []));
    levels.give(Correction::last(State::default(), 1));
    assert_eq!(read.done().await.expect_err("failed").kind(), kind);
    assert_eq!(read.latest(), None);
}

struct MockValues;

impl AggregatesCalls for MockValues {
    async fn read_qc(
        &self,
        _: Value,
        aggregation: Aggregation,
    ) -> Result<Replies<Value>, QuorumCallError> {
        assert_eq!(aggregation, Aggregation::Majority);
        Ok(testing::replies([value("long"), value("longest")]))
    }
}

#[tokio::test]
async fn a_mock_gives_the_replies_of_an_aggregation() {
    let longest = longest(&MockValues).await.expect("a majority");
    assert_eq!(longest.as_deref(), Some("longest"));
}

/// Implements no call.
struct Nothing;

impl RegisterCalls for Nothing {}
impl AggregatesCalls for Nothing {}

/// What `call` panics with.
fn panic_of<T>(call: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(call()))).expect_err("a panic");
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_call_that_a_mock_does_not_implement_panics_with_its_name() {
    let node = NodeId::new(1);
    let panics = [
        panic_of(|| Nothing.read_no_qc(node, ReadRequest {})),
        panic_of(|| Nothing.read(ReadRequest {})),
        panic_of(|| Nothing.read_correctable(ReadRequest {})),
        panic_of(|| Nothing.write_async(State::default())),
        panic_of(|| RegisterCalls::write_per_node(&Nothing, State::default(), |_, _| None)),
        panic_of(|| Nothing.read_qc(value(""), Aggregation::All)),
        panic_of(|| RegisterCalls::with_options(&Nothing, CallOptions::new())),
    ];
    let names = [
        "RegisterCalls::read_no_qc",
        "RegisterCalls::read",
        "RegisterCalls::read_correctable",
        "RegisterCalls::write_async",
        "RegisterCalls::write_per_node",
        "AggregatesCalls::read_qc",
        "RegisterCalls::with_options",
    ];
    let expected = names.map(|name| format!("the mock does not implement `{name}`"));
    assert_eq!(panics, expected);
}

/// Asks for the values of the tenant `alice`, within a second.
async fn values_of_alice(values: &impl AggregatesCalls) -> Result<Replies<Value>, QuorumCallError> {
    let mut tenant = MetadataMap::new();
    tenant.insert("tenant", MetadataValue::from_static("alice"));
    let options = CallOptions::new()
        .timeout(Duration::from_secs(1))
        .metadata(tenant)
        .cancel_rest();
    let values = values.with_options(options);
    values.read_qc(value(""), Aggregation::All).await
}

/// Answers with the tenant of its options.
#[derive(Default)]
struct Tenants {
    options: CallOptions,
}

impl AggregatesCalls for Tenants {
    fn with_options(&self, options: CallOptions) -> Self {
        Self { options }
    }

    async fn read_qc(&self, _: Value, _: Aggregation) -> Result<Replies<Value>, QuorumCallError> {
        assert_eq!(self.options.get_timeout(), Some(Duration::from_secs(1)));
        assert!(self.options.get_cancel_rest());
        assert!(!self.options.get_independent());
        assert!(self.options.get_thrifty().is_none());
        let tenant = self
            .options
            .get_metadata()
            .and_then(|all| all.get("tenant"));
        let tenant = tenant.expect("a tenant").to_str().expect("a text");
        Ok(testing::replies([value(tenant)]))
    }
}

#[tokio::test]
async fn a_mock_sees_the_options_that_it_is_given() {
    let replies = values_of_alice(&Tenants::default()).await;
    let replies = replies.expect("a reply");
    assert_eq!(replies.messages().next(), Some(&value("alice")));
}

#[tokio::test(start_paused = true)]
async fn options_that_are_set_through_the_trait_reach_the_replicas() {
    let replicas = testing::replicas(2, |_| AggregatesReplicaServer::new(Replica("tenant")));
    let replicas = replicas.await.expect("two replicas");
    let values = AggregatesConfiguration::new(replicas.configuration());
    let replies = values_of_alice(&values).await.expect("all");
    assert!(replies.messages().eq([&value("alice"); 2]), "{replies:?}");
}

/// A replica with its own value. One without a value fails; that with the value `tenant` tells for whom a call is.
struct Replica(&'static str);

impl Replica {
    fn answer(&self) -> Result<Value, Status> {
        match self.0 {
            "" => Err(Status::internal("no value")),
            text => Ok(value(text)),
        }
    }
}

impl AggregatesReplica for Replica {
    async fn read_qc(&self, ctx: &Context, _: Value) -> Result<Value, Status> {
        match ctx.metadata().get(self.0) {
            Some(tenant) => Ok(value(tenant.to_str().expect("a text"))),
            None => self.answer(),
        }
    }

    async fn write_per_node(&self, _: &Context, request: Value) -> Result<Value, Status> {
        Ok(request)
    }

    async fn read_async(&self, _: &Context, _: Value) -> Result<Value, Status> {
        self.answer()
    }

    async fn read_quorum_call_async(&self, _: &Context, request: Value) -> Result<Value, Status> {
        Ok(request)
    }

    async fn watch(&self, _: &Context, _: Value, replies: ReplySink<Value>) -> Result<(), Status> {
        // A caller that has enough replies does not wait for more.
        let _ = replies.send(self.answer()?).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_code_makes_its_calls_on_replicas() {
    let replicas = testing::replicas(3, |id| {
        let value = ["long", "longest", ""][id.get() as usize - 1];
        AggregatesReplicaServer::new(Replica(value))
    });
    let replicas = replicas.await.expect("three replicas");
    let values = AggregatesConfiguration::new(replicas.configuration());
    let longest = longest(&values).await.expect("a majority");
    assert_eq!(longest.as_deref(), Some("longest"));
}

/// How many replies each call has for an aggregation; none for an error.
async fn counts(values: &impl AggregatesCalls, wanted: Aggregation) -> [usize; 5] {
    let own = |_: &Value, node: NodeId| (node != NodeId::new(2)).then(|| value("own"));
    [
        values.read_qc(value(""), wanted).await,
        values.write_per_node(value(""), own, wanted).await,
        values.read_async(value(""), wanted).await,
        values.read_quorum_call_async(value(""), own, wanted).await,
        values.watch(value(""), wanted).await,
    ]
    .map(|replies| replies.map_or(0, |replies| replies.len()))
}

#[tokio::test(start_paused = true)]
async fn each_aggregation_has_the_replies_that_it_wants() {
    let replicas = testing::replicas(3, |id| {
        let value = ["long", "longest", ""][id.get() as usize - 1];
        AggregatesReplicaServer::new(Replica(value))
    });
    let replicas = replicas.await.expect("three replicas");
    let values = AggregatesConfiguration::new(replicas.configuration());
    assert_eq!(counts(&values, Aggregation::First).await, [1; 5]);
    assert_eq!(counts(&values, Aggregation::Majority).await, [2; 5]);
    assert_eq!(counts(&values, Aggregation::All).await, [0, 2, 0, 2, 0]);
    assert_eq!(counts(&values, Aggregation::Threshold(0)).await, [1; 5]);
    assert_eq!(counts(&values, Aggregation::Threshold(3)).await, [0; 5]);
}

//! Handles that are used on another runtime than that of their manager, which has ended or closes.

use std::net::TcpListener;
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::calls::CorrectableCall;
use gorums_runtime::calls::Tally;
use gorums_runtime::codegen::{Caller, Correct};
use gorums_runtime::errors::{QuorumCallError, QuorumCallErrorKind};
use gorums_runtime::{
    AggregateCall, CallOptions, Configuration, Correction, Manager, Method, MethodDescriptor,
    Transport,
};
use tests::golden::one_way::Entry;
use tests::golden::one_way::one_way_gorums::OneWayConfiguration;
use tests::register::register_gorums::RegisterConfiguration;
use tests::register::register_gorums::methods::Read;
use tests::register::{ReadRequest, State};
use tests::spec::{Count, state};
use tokio::runtime::Runtime;
use tonic::Code;

const SOON: Duration = Duration::from_secs(20);

/// Longer than any test: what ends by it has not ended in time.
const LONG: Duration = Duration::from_secs(3600);

/// `register.Register/Read`, as a correctable that never decides.
struct ReadCorrectable;

impl Method for ReadCorrectable {
    type Request = ReadRequest;
    type Reply = State;
    const PATH: &str = Read::PATH;
    const DESCRIPTOR: MethodDescriptor = Read::DESCRIPTOR;
}

impl Correct<()> for ReadCorrectable {
    type Output = ();

    fn correct(_: Tally<'_, Self, ()>) -> Option<Correction<()>> {
        None
    }
}

/// How the work of a manager ends.
#[derive(Clone, Copy, Debug)]
enum End {
    RuntimeIsDropped,
    RuntimeIsShutDown,
    ManagerIsClosed,
}

/// Every transport and every end, with a manager of a node that accepts connections and says nothing. The manager is
/// made on the first runtime, which ends in this way when it is asked to.
fn each(test: impl AsyncFn(&Manager, &dyn Fn())) {
    for transport in [Transport::NodeStream, Transport::Grpc] {
        for end in [
            End::RuntimeIsDropped,
            End::RuntimeIsShutDown,
            End::ManagerIsClosed,
        ] {
            let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = silent.local_addr().expect("bound").to_string();
            let own = Runtime::new().expect("a runtime");
            let builder = Manager::builder().transport(transport).address(address);
            let manager = own.block_on(builder.connect_lazy()).expect("an address");
            let own = std::cell::Cell::new(Some(own));
            let ends = || match (end, own.take()) {
                (End::ManagerIsClosed, runtime) => {
                    manager.close();
                    own.set(runtime);
                }
                // A runtime must not be dropped within another's.
                (End::RuntimeIsDropped, Some(runtime)) => {
                    let dropping = std::thread::spawn(move || drop(runtime));
                    dropping.join().expect("it ends");
                }
                (End::RuntimeIsShutDown, Some(runtime)) => runtime.shutdown_background(),
                (_, None) => panic!("it has ended"),
            };
            let other = Runtime::new().expect("a runtime");
            let in_time =
                other.block_on(async { tokio::time::timeout(SOON, test(&manager, &ends)).await });
            assert!(in_time.is_ok(), "{transport:?}, {end:?}: it hangs");
        }
    }
}

/// While a runtime ends, a call may see that its node's connection is gone before the rest.
fn assert_ended(error: &QuorumCallError) {
    use QuorumCallErrorKind::{Closed, Incomplete};
    assert!(matches!(error.kind(), Closed | Incomplete), "{error}");
    // Its node may have failed before the manager closed.
    let failed = usize::from(error.kind() == Incomplete)..=1;
    assert!(failed.contains(&error.errors().len()), "{error}");
    for error in error.errors() {
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    }
}

fn caller(configuration: Configuration) -> Caller<()> {
    Caller::new(configuration, ())
}

#[test]
fn what_is_under_way_ends_with_an_error() {
    each(async |manager, ends| {
        let configuration = manager.configuration();
        let caller = caller(configuration.clone());
        let register = RegisterConfiguration::new(configuration.clone()).with_spec(Count(1));
        let one_way = OneWayConfiguration::new(configuration.clone());
        let node = manager.nodes().next().expect("a node");

        let correctable = CorrectableCall::<ReadCorrectable, _>::new(&caller, ReadRequest {});
        let correctable = correctable.start();
        let updates = correctable.updates();
        let handle = register.read(ReadRequest {}).timeout(LONG).start();
        let call = tokio::spawn(register.read(ReadRequest {}).into_future());
        let node_call = register
            .node(node.id())
            .expect("a node")
            .read_no_qc(ReadRequest {});
        let node_call = tokio::spawn(node_call.timeout(LONG).into_future());
        let mut responses = AggregateCall::<Read>::new(&caller, ReadRequest {}).responses();
        assert!(futures::poll!(responses.next()).is_pending());
        let in_order = one_way.append_in_order(Entry::default());
        let one_way_call = one_way.append(Entry::default());
        let mut errors = manager.node_errors();
        let mut of_configuration = configuration.node_errors();
        let mut watch = configuration.watch(Duration::from_secs(1), |all| all.first(1));
        watch.next().await.expect("the first").expect("a node");

        ends();

        let error = correctable.done().await.expect_err("it has ended");
        assert_ended(&error);
        assert!(!correctable.reached(1).await);
        assert!(correctable.is_done());
        let error = correctable.error().expect("it has ended");
        assert_ended(&error);
        assert_eq!(updates.count().await, 0);
        let error = handle.await.expect_err("it has ended");
        assert_ended(&error);
        let error = call.await.expect("no panic").expect_err("it has ended");
        assert_ended(&error);
        let error = node_call
            .await
            .expect("no panic")
            .expect_err("it has ended");
        assert_eq!(error.code(), Code::Unavailable);
        let (_, outcome) = responses.next().await.expect("one node");
        assert_eq!(outcome.expect_err("it has ended").code(), Code::Unavailable);
        assert!(responses.next().await.is_none());
        // They may have been handed to the transport before.
        let _ = (in_order.await, one_way_call.await);
        while errors.next().await.is_some() {}
        while of_configuration.next().await.is_some() {}
        while watch.next().await.is_some() {}
    });
}

#[test]
fn what_is_started_later_fails_at_once() {
    each(async |manager, ends| {
        let configuration = manager.configuration();
        ends();
        let options = || CallOptions::new().timeout(LONG);
        let caller = caller(configuration.clone()).with_options(options());
        let register = RegisterConfiguration::new(configuration.clone()).with_spec(Count(1));
        let register = register.with_options(options());
        let one_way = OneWayConfiguration::new(configuration.clone()).with_options(options());
        let node = manager.nodes().next().expect("a node").id();

        let call = CorrectableCall::<ReadCorrectable, _>::new(&caller, ReadRequest {}).start();
        let error = call.done().await.expect_err("it has ended");
        assert_ended(&error);
        let error = register.read(ReadRequest {}).start().await;
        let error = error.expect_err("it has ended");
        assert_ended(&error);
        let error = register.write(state("new", 1)).await;
        let error = error.expect_err("it has ended");
        assert_ended(&error);
        let call = register
            .node(node)
            .expect("a node")
            .read_no_qc(ReadRequest {});
        let error = call.await.expect_err("it has ended");
        assert_eq!(error.code(), Code::Unavailable);
        let mut responses = AggregateCall::<Read>::new(&caller, ReadRequest {}).responses();
        let (_, outcome) = responses.next().await.expect("one node");
        assert_eq!(outcome.expect_err("it has ended").code(), Code::Unavailable);
        let error = one_way.append(Entry::default()).await;
        assert_eq!(error.expect_err("it has ended").errors().len(), 1);
        let error = one_way.append_in_order(Entry::default()).await;
        assert_eq!(error.expect_err("it has ended").errors().len(), 1);
        one_way.append(Entry::default()).detach();
        one_way.append_in_order(Entry::default()).detach();
        assert!(manager.node_errors().next().await.is_none());
    });
}

#[test]
fn a_call_that_goes_on_elsewhere_keeps_its_deadline_when_the_runtime_that_it_began_on_has_ended() {
    for transport in [Transport::NodeStream, Transport::Grpc] {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = silent.local_addr().expect("bound").to_string();
        let own = Runtime::new().expect("a runtime");
        let builder = Manager::builder().transport(transport).address(address);
        let manager = own.block_on(builder.connect_lazy()).expect("an address");
        let configuration = manager.configuration();
        let short = Duration::from_millis(200);
        let options = CallOptions::new().timeout(short);
        let register = RegisterConfiguration::new(configuration.clone()).with_spec(Count(1));
        let register = register.with_options(options.clone());
        let node = register.node(manager.nodes().next().expect("a node").id());
        let caller = caller(configuration).with_options(options);

        let first = Runtime::new().expect("a runtime");
        let mut call = register.read(ReadRequest {}).into_future();
        let node_call = node.expect("a node").read_no_qc(ReadRequest {});
        let mut node_call = node_call.into_future();
        let mut responses = AggregateCall::<Read>::new(&caller, ReadRequest {}).responses();
        first.block_on(async {
            assert!(futures::poll!(&mut call).is_pending());
            assert!(futures::poll!(&mut node_call).is_pending());
            assert!(futures::poll!(responses.next()).is_pending());
        });
        let started = {
            let _here = first.enter();
            register.read(ReadRequest {}).start()
        };
        drop(first);

        let other = Runtime::new().expect("a runtime");
        other.block_on(async {
            let all = async {
                let error = call.await.expect_err("nobody answers");
                assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
                let error = started.await.expect_err("nobody answers");
                assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
                let error = node_call.await.expect_err("nobody answers");
                assert_eq!(error.code(), Code::DeadlineExceeded);
                let (_, outcome) = responses.next().await.expect("one node");
                let error = outcome.expect_err("nobody answers");
                assert_eq!(error.code(), Code::DeadlineExceeded);
            };
            let in_time = tokio::time::timeout(SOON, all).await;
            assert!(in_time.is_ok(), "{transport:?}: it hangs");
        });
    }
}

//! The interceptors that ship with the crate.

use std::time::Duration;

use gorums_runtime::interceptors::{AllowedPeers, Faults, Latencies};
use gorums_runtime::server::Router;
use gorums_runtime::{Manager, NodeId, System, testing};
use tests::member::{Member, register};
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered_replica::{Cluster, request};
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::spec::{Count, state};
use tokio::time::Instant;
use tonic::{Code, Status};

#[tokio::test]
async fn only_allowed_peers_call_the_methods_that_are_guarded() {
    on_both(async |transport| {
        let systems = testing::systems_with(
            3,
            move |_, builder| builder.manager(|manager| manager.transport(transport)),
            |system| {
                Router::from(Member::server(system))
                    .intercept(AllowedPeers::members().of("register.Register/ReadAgreed"))
                    .intercept(AllowedPeers::only([1, 2]).of("register.Register/Write"))
                    .intercept(AllowedPeers::members().of("another.Service"))
            },
        );
        let systems = systems.await.expect("they start");
        let [one, two, three] = [1, 2, 3].map(NodeId::new);
        let from = |id| register(&systems.system(id));
        from(three)
            .read_agreed(ReadRequest {})
            .await
            .expect("members");
        for id in [one, two] {
            from(id).write(state("a", 1)).await.expect("allowed");
        }
        let error = from(three)
            .write(state("b", 2))
            .await
            .expect_err("not allowed");
        let error = &error.errors()[0];
        assert_eq!(error.code(), Code::PermissionDenied);
        let text = error.status().message();
        let expected = "node 3 may not call register.Register/Write; only these nodes may: 1, 2";
        assert!(text.contains(expected), "{text}");
        from(three).read_no_qc_all().await;
    })
    .await;
}

/// Calls every node by a method that is not guarded.
trait ReadAll {
    async fn read_no_qc_all(&self);
}

impl ReadAll for RegisterConfiguration<Count> {
    async fn read_no_qc_all(&self) {
        for node in self.nodes() {
            node.read_no_qc(ReadRequest {}).await.expect("not guarded");
        }
    }
}

#[tokio::test]
async fn a_client_is_no_member_and_told_so() {
    let system = System::builder(1, [(1, "127.0.0.1:1")]);
    let system = system.listen("127.0.0.1:0").bind().await;
    let system = system.expect("a free port");
    let service = Router::from(Member::server(&system)).intercept(AllowedPeers::members());
    let _running = system.serve(service).expect("it serves");
    let address = system.address().expect("it listens").to_string();
    let manager = Manager::builder().address(address).connect().await;
    let manager = manager.expect("connected");
    let register = RegisterConfiguration::new(manager.configuration());
    let node = register.nodes().next().expect("a node");
    let error = node.read_no_qc(ReadRequest {}).await.expect_err("a client");
    assert_eq!(error.code(), Code::PermissionDenied);
    let text = error.status().message();
    assert!(
        text.contains("a client that is no member may not call"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn faults_delay_and_fail_calls_until_they_are_healed() {
    on_both(async |transport| {
        let faults = Faults::with_seed(7);
        let mut cluster = Cluster::start_on(transport, 0);
        cluster
            .network
            .serve(1, cluster.router(1).intercept(faults.clone()));
        let numbered = cluster.numbered(1).await;
        let node = numbered.nodes().next().expect("a node");
        let second = Duration::from_secs(1);
        faults.delay(second);
        let start = Instant::now();
        node.call(request(1)).await.expect("a reply");
        assert_eq!(start.elapsed().as_secs(), 1);
        faults.fail(0.5, Status::aborted("as wished"));
        let mut failed = 0;
        for number in 2..=101 {
            if let Err(error) = node.call(request(number)).await {
                assert_eq!(error.code(), Code::Aborted);
                failed += 1;
            }
        }
        assert!((30..=70).contains(&failed), "{failed} of 100 failed");
        assert_eq!(cluster.began_at(1).len(), 101 - failed);
        faults.heal();
        let start = Instant::now();
        node.call(request(102)).await.expect("a reply");
        assert!(start.elapsed() < second);
    })
    .await;
}

#[tokio::test]
async fn faults_of_a_client_keep_calls_from_being_sent() {
    let faults = Faults::with_seed(7);
    let mut cluster = Cluster::start(1);
    let manager = cluster.network.manager(1).intercept(faults.clone());
    let manager = manager.connect_lazy().await.expect("an address");
    let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(1));
    faults.fail(1.0, Status::unavailable("as wished"));
    numbered.quorum(request(1)).await.expect_err("as wished");
    faults.heal();
    numbered.quorum(request(2)).await.expect("a reply");
    assert_eq!(cluster.began_at(1), [2]);
}

#[tokio::test(start_paused = true)]
async fn latencies_are_collected_by_method_at_both_ends() {
    on_both(async |transport| {
        let [at_server, at_client] = [(); 2].map(|()| Latencies::default());
        let faults = Faults::with_seed(7);
        let cluster = Cluster::start_on(transport, 0);
        let router = cluster.router(1).intercept(at_server.clone());
        cluster.network.serve(1, router.intercept(faults.clone()));
        let manager = cluster.network.manager(1).intercept(at_client.clone());
        let manager = manager.connect_lazy().await.expect("an address");
        let numbered = NumberedConfiguration::new(manager.configuration()).with_spec(Count(1));
        let node = numbered.nodes().next().expect("a node");
        for (number, millis) in [(1, 10), (2, 20), (3, 500)] {
            faults.delay(Duration::from_millis(millis));
            node.call(request(number)).await.expect("a reply");
        }
        for latencies in [at_server, at_client] {
            assert_eq!(latencies.methods(), ["numbered.Numbered/Call"]);
            let method = "numbered.Numbered/Call";
            assert_eq!(latencies.count(method), 3);
            let quantile = |share| latencies.quantile(method, share).expect("there are some");
            // The clock counts whole milliseconds when it is paused.
            assert!(
                (20..=22).contains(&quantile(0.5).as_millis()),
                "{latencies:?}"
            );
            assert!(
                (500..=503).contains(&quantile(1.0).as_millis()),
                "{latencies:?}"
            );
            assert_eq!(latencies.quantile("numbered.Numbered/Quorum", 0.5), None);
            latencies.reset();
            assert_eq!(latencies.count(method), 0);
        }
    })
    .await;
}

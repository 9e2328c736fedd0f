//! Members that prove their ids by certificates.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use gorums_runtime::errors::SystemError;
use gorums_runtime::testing::{self, Systems};
use gorums_runtime::tonic::metadata::MetadataMap;
use gorums_runtime::{
    Context, Credentials, Manager, ManagerBuilder, NodeId, PeerCertificate, RunningSystem, System,
    SystemBuilder, Transport,
};
use tests::authority::Authority;
use tests::golden::no_package::pinger_gorums::{
    PingerConfiguration, PingerReplica, PingerReplicaServer,
};
use tests::golden::no_package::{Ping, Pong};
use tests::member::{Member, register};
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::spec::state;
use tests::{on_both, soon};
use tokio::net::TcpStream;
use tonic::{Code, Status};

/// Members in memory, whose credentials `credentials` makes from their ids.
async fn members_with(
    transport: Transport,
    credentials: impl Fn(u32) -> Credentials + Send + Sync + 'static,
) -> Systems {
    let configure = move |id: NodeId, builder: SystemBuilder| {
        let builder = builder.manager(|manager| manager.transport(transport));
        builder.tls(credentials(id.get()))
    };
    let systems = testing::systems_with(3, configure, Member::server).await;
    systems.expect("they start")
}

#[tokio::test(start_paused = true)]
async fn members_with_certificates_of_their_own_call_each_other_and_themselves() {
    on_both(async |transport| {
        let authority = Authority::new();
        let systems = members_with(transport, move |id| authority.member(id)).await;
        soon("the connections", systems.connected()).await;
        for id in systems.ids() {
            let register = register(&systems.system(id));
            for node in register.nodes() {
                let reply = node.read_no_qc(ReadRequest {}).await.expect("a reply");
                assert_eq!(reply.value, id.to_string());
            }
        }
        let register = register(&systems.system(NodeId::new(1)));
        register
            .write_per_node(state("a", 1), |_, _| Some(state("a", 1)))
            .await
            .expect("nested");
        let read = register.read(ReadRequest {}).await.expect("nested");
        assert_eq!(read.value, "a");
    })
    .await;
}

/// An address where nobody listens.
const NOWHERE: &str = "127.0.0.1:1";

async fn serve(builder: SystemBuilder) -> (System, RunningSystem) {
    let system = builder.listen("127.0.0.1:0").bind().await;
    let system = system.expect("a free port");
    let running = system.serve(Member::server(&system)).expect("it serves");
    (system, running)
}

fn address(system: &System) -> SocketAddr {
    system.address().expect("it listens")
}

/// Calls node 1 at `address`, by TLS with a certificate of `authority` that has `names`, and claims to be `claimed`.
async fn call_as(
    transport: Transport,
    address: SocketAddr,
    authority: &Authority,
    names: &[&str],
    claimed: &'static str,
) -> Result<String, Status> {
    let mut metadata = MetadataMap::new();
    metadata.insert("gorums-node-id", claimed.parse().expect("ASCII"));
    let manager = Manager::builder()
        .transport(transport)
        .tls(authority.credentials(names))
        .metadata(metadata);
    read_no_qc(manager.node(NodeId::new(1), format!("localhost:{}", address.port()))).await
}

async fn read_no_qc(manager: ManagerBuilder) -> Result<String, Status> {
    let manager = manager.connect_lazy().await.expect("an address");
    let register = RegisterConfiguration::new(manager.configuration());
    let node = register.nodes().next().expect("a node");
    let reply = node.read_no_qc(ReadRequest {}).await;
    reply
        .map(|reply| reply.value)
        .map_err(|error| error.status().clone())
}

#[tokio::test]
async fn a_client_that_claims_an_id_without_proof_is_refused_with_what_it_claims_and_proves() {
    on_both(async |transport| {
        let authority = Authority::new();
        let members = [(1, NOWHERE), (2, "replica-2.test:1"), (3, "127.0.0.3:1")];
        let own = authority.credentials(&["gorums://node/1", "localhost"]);
        let (system, _running) = serve(System::builder(1, members).tls(own)).await;
        let call = async |names: &[&str], claimed| {
            call_as(transport, address(&system), &authority, names, claimed).await
        };
        let proved: [(&[&str], _); 6] = [
            (&["gorums://node/2"], "2"),
            (&["gorums://node/3", "client.test"], "3"),
            (&["replica-2.test"], "2"),
            (&["client.test", "REPLICA-2.TEST"], "2"),
            (&["127.0.0.3"], "3"),
            (&["spiffe://test/a", "127.0.0.3"], "3"),
        ];
        for (names, claimed) in proved {
            let caller = call(names, claimed).await;
            assert_eq!(caller.expect("a proof"), claimed, "{names:?}");
        }
        let unproved: [(&[&str], _, _); 8] = [
            (&["gorums://node/2"], "3", "proves node 2, not node 3"),
            (
                &["gorums://node/3", "replica-2.test"],
                "2",
                "proves node 3, not node 2",
            ),
            (
                &["gorums://node/two", "replica-2.test"],
                "2",
                "does not prove node 2",
            ),
            (&["gorums://node/+2"], "2", "does not prove node 2"),
            (&["*.test"], "2", "does not prove node 2"),
            (
                &["client.test"],
                "2",
                "(its names: CN=client.test, DNS:client.test)",
            ),
            (&["127.0.0.2"], "3", "does not prove node 3"),
            (&["localhost"], "1", "does not prove node 1"),
        ];
        for (names, claimed, why) in unproved {
            let refused = call(names, claimed).await.expect_err("no proof");
            assert_eq!(refused.code(), Code::PermissionDenied, "{names:?}");
            let claims = format!("claims to be node {claimed}: the certificate");
            assert!(refused.message().contains(&claims), "{refused}");
            assert!(refused.message().contains(why), "{refused}");
        }
        // No member has the id 7, and 0 is no id.
        let strangers: [(&[&str], _, _); 4] = [
            (&["gorums://node/2"], "0", "a client"),
            (&["gorums://node/2"], "7", "a client"),
            (&["client.test"], "7", "a client"),
            (&["gorums://node/7"], "7", "stranger 7"),
        ];
        for (names, claimed, seen_as) in strangers {
            let caller = call(names, claimed).await;
            assert_eq!(caller.expect("a plain client"), seen_as, "{names:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_without_a_certificate_or_without_tls_is_refused() {
    on_both(async |transport| {
        let authority = Authority::new();
        let own = authority.credentials(&["gorums://node/1", "localhost"]);
        let (system, _running) = serve(System::builder(1, [(1, NOWHERE)]).tls(own)).await;
        let port = address(&system).port();
        let manager = || {
            let manager = Manager::builder().transport(transport);
            manager.node(NodeId::new(1), format!("localhost:{port}"))
        };
        let nameless = authority.trusting().build().expect("valid");
        let stranger =
            Authority::named("another").credentials_trusting(&["client.test"], &[&authority]);
        for (client, why) in [
            (manager().tls(nameless), "requires a client certificate"),
            (manager().tls(stranger), "its authority is unknown"),
            (manager(), "requires TLS"),
        ] {
            let refused = read_no_qc(client).await.expect_err(why);
            assert_eq!(refused.code(), Code::Unavailable);
            assert!(refused.message().contains(why), "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_that_answers_without_proof_is_not_connected() {
    on_both(async |transport| {
        let authority = Authority::new();
        let (third, _running) =
            serve(System::builder(3, [(3, NOWHERE)]).tls(authority.member(3))).await;
        let stranger = Authority::new();
        let (unknown, _running) =
            serve(System::builder(2, [(2, NOWHERE)]).tls(stranger.member(2))).await;
        for (at, why) in [
            (
                &third,
                "another node answers: the certificate proves node 3, not node 2",
            ),
            (
                &unknown,
                "no authority that this process trusts has signed the node's certificate",
            ),
        ] {
            let members = [(1, NOWHERE.to_string()), (2, address(at).to_string())];
            let builder = System::builder(1, members).tls(authority.member(1));
            let builder = builder.manager(|manager| manager.transport(transport));
            let (system, _running) = serve(builder).await;
            let node = register(&system).node(NodeId::new(2)).expect("a member");
            let error = node.read_no_qc(ReadRequest {}).await.expect_err("no proof");
            assert_eq!(error.code(), Code::Unavailable);
            assert!(error.status().message().contains(why), "{error}");
            assert!(!system.connectivity().is_connected(NodeId::new(2)));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_decides_which_id_a_certificate_proves_and_its_panic_proves_none() {
    on_both(async |transport| {
        let authority = Authority::new();
        let configure = move |id: NodeId, builder: SystemBuilder| {
            let name = ["alice", "bob", "carol"][id.get() as usize - 1];
            let builder = builder.manager(|manager| manager.transport(transport));
            let builder = builder.tls(authority.credentials(&[name]));
            let rule = move |certificate: &PeerCertificate| {
                let ids = HashMap::from([("alice", 1), ("bob", 2), ("carol", 3)]);
                let name = certificate.common_name()?;
                assert!(id.get() == 3 || name != "carol", "not her");
                ids.get(name).copied().map(NodeId::new)
            };
            builder.identify_by(rule)
        };
        let systems = testing::systems_with(3, configure, Member::server).await;
        let systems = systems.expect("they start");
        let [one, two, three] = [1, 2, 3].map(NodeId::new);
        let call = async |from, to| {
            let node = register(&systems.system(from)).node(to).expect("a member");
            node.read_no_qc(ReadRequest {}).await
        };
        assert_eq!(call(one, two).await.expect("proved").value, "1");
        assert_eq!(call(two, one).await.expect("proved").value, "2");
        let error = call(three, one).await.expect_err("no proof");
        assert_eq!(error.code(), Code::PermissionDenied, "{error}");
        let error = call(one, three).await.expect_err("no proof");
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    })
    .await;
}

/// Tells who calls, and from which generation the certificate of the caller is.
struct Generations;

impl PingerReplica for Generations {
    async fn ping(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        let id = ctx.peer().map_or(0, |id| id.get().into());
        Ok(Pong { count: id })
    }

    async fn ping_one(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        let own = ctx.peer_certificates().and_then(<[_]>::first);
        let own = own.ok_or_else(|| Status::not_found("it is the process itself"))?;
        let name = own
            .common_name()
            .and_then(|name| name.strip_prefix("generation-"));
        let generation = name.and_then(|name| name.parse().ok());
        generation
            .map(|count| Pong { count })
            .ok_or_else(|| Status::internal(own.to_string()))
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_replaced_without_the_loss_of_a_call_and_hold_for_new_connections() {
    on_both(async |transport| {
        let [old, new] = [Authority::new(), Authority::new()];
        let credentials =
            |authority: &Authority, generation, id: NodeId, trusted: &[&Authority]| {
                let names = [
                    format!("generation-{generation}"),
                    format!("gorums://node/{id}"),
                ];
                let names = names.each_ref().map(String::as_str);
                authority.credentials_trusting(&names, trusted)
            };
        let by_id: HashMap<NodeId, Credentials> = (1..=2)
            .map(NodeId::new)
            .map(|id| (id, credentials(&old, 1, id, &[&old])))
            .collect();
        let configure = move |id: NodeId, builder: SystemBuilder| {
            let builder = builder.manager(|manager| manager.transport(transport));
            builder.tls(by_id[&id].clone())
        };
        let systems =
            testing::systems_with(2, configure, |_| PingerReplicaServer::new(Generations));
        let systems = systems.await.expect("they start");
        soon("the connections", systems.connected()).await;
        let [one, two] = [1, 2].map(NodeId::new);
        let generation = async |from: NodeId, to: NodeId| {
            let pinger = PingerConfiguration::new(systems.system(from).configuration());
            let node = pinger.node(to).expect("a member");
            node.ping_one(Ping {}).await.map(|pong| pong.count)
        };
        let reconnect = async || {
            systems.cut_off(two);
            let connectivity = systems.system(one).connectivity();
            let gone = connectivity.wait_until(|connected| connected.len() == 1);
            soon("the end of the connections", gone)
                .await
                .expect("it runs");
            systems.heal();
            soon("new connections", systems.connected()).await;
        };
        for (from, to) in [(one, two), (two, one)] {
            assert_eq!(generation(from, to).await.expect("a reply"), 1);
        }
        let steps: [(_, &Authority, &[&Authority]); 3] = [
            (2, &old, &[&old, &new]),
            (3, &new, &[&old, &new]),
            (4, &new, &[&new]),
        ];
        for (next, authority, trusted) in steps {
            for id in [one, two] {
                let next = credentials(authority, next, id, trusted);
                systems
                    .system(id)
                    .replace_credentials(next)
                    .expect("its own");
                for (from, to) in [(one, two), (two, one)] {
                    let before = generation(from, to).await;
                    before.expect("the connections go on");
                }
            }
            assert_eq!(generation(one, two).await.expect("a reply"), next - 1);
            reconnect().await;
            for (from, to) in [(one, two), (two, one)] {
                assert_eq!(generation(from, to).await.expect("a reply"), next);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn credentials_that_do_not_prove_the_own_id_are_refused_and_change_nothing() {
    let authority = Authority::new();
    let builder = || System::builder(1, [(1, "localhost:1")]).listen("127.0.0.1:0");
    let refused = builder().tls(authority.member(2)).bind().await;
    let error = refused.expect_err("another id");
    assert!(matches!(error, SystemError::Unproved { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("proves node 2, not node 1"), "{text}");
    assert!(
        text.contains("give node 1 a certificate of its own"),
        "{text}"
    );

    let (system, _running) = serve(builder().tls(authority.credentials(&["localhost"]))).await;
    let error = system.replace_credentials(authority.member(2));
    assert!(error.is_err(), "another id");
    let caller = call_as(
        Transport::Grpc,
        address(&system),
        &authority,
        &["client.test"],
        "7",
    );
    assert_eq!(caller.await.expect("a plain client"), "a client");
    system
        .replace_credentials(authority.member(1))
        .expect("its own");

    for lacking in [authority.trusting(), authority.presenting(&["localhost"])] {
        let lacking = lacking.build().expect("enough for a client or a server");
        let error = system.replace_credentials(lacking.clone());
        assert!(
            matches!(error, Err(SystemError::Credentials(_))),
            "{error:?}"
        );
        let refused = builder().tls(lacking).bind().await;
        let error = refused.expect_err("too little for a system");
        let text = "members of a system need a certificate and authorities: ";
        assert!(error.to_string().starts_with(text), "{error}");
    }

    let (plain, _running) = serve(builder()).await;
    let error = plain.replace_credentials(authority.member(1));
    assert!(matches!(error, Err(SystemError::NoTls)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_does_not_shake_hands_is_closed_in_time() {
    let authority = Authority::new();
    let builder = System::builder(1, [(1, NOWHERE)]).tls(authority.member(1));
    let system = builder.listen("127.0.0.1:0").bind().await;
    let system = system.expect("a free port");
    let server = gorums_runtime::Server::new(Member::server(&system));
    let server = server.handshake_timeout(Duration::from_millis(50));
    let _running = system.serve(server).expect("it serves");
    let mut silent = TcpStream::connect(address(&system))
        .await
        .expect("accepted");
    let mut rest = Vec::new();
    let closed = tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut rest);
    // A reset is as good.
    let _ = soon("the end of the connection", closed).await;
}

#[test]
fn credentials_that_cannot_be_used_say_what_is_wrong() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue_pem(&["gorums://node/1"]);
    let (_, another) = authority.issue_pem(&["gorums://node/1"]);
    let trusted = authority.pem();
    for (certificate, key, trusted, why) in [
        ("", &key, &trusted, "the certificate cannot be read"),
        (
            &certificate,
            &String::new(),
            &trusted,
            "the private key cannot be read",
        ),
        (
            &certificate,
            &certificate,
            &trusted,
            "the private key cannot be read",
        ),
        (
            &certificate,
            &key,
            &String::new(),
            "the certificate of the authority cannot be read",
        ),
        (&certificate, &another, &trusted, "cannot be used"),
    ] {
        let error = Credentials::from_pem(certificate, key, trusted).expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
    let credentials = Credentials::from_pem(certificate, key, trusted).expect("valid");
    let names = credentials.certificate().expect("its own");
    assert_eq!(names.node_id(), Some(NodeId::new(1)));
    assert_eq!(names.uris(), ["gorums://node/1"]);
    assert_eq!(PeerCertificate::parse(names.der()).expect("valid"), *names);
    assert!(
        PeerCertificate::parse(&names.der()[..40]).is_err(),
        "cut off"
    );
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("PRIVATE"), "{shown}");
}

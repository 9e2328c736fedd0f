//! Connections by TLS, over TCP.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorums_runtime::errors::{CredentialsError, ManagerError, ServerError};
use gorums_runtime::server::RunningServer;
use gorums_runtime::{
    Backoff, Context, Credentials, Manager, ManagerBuilder, NodeId, RotatingCredentials, Transport,
};
use tests::authority::Authority;
use tests::golden::no_package::pinger_gorums::{
    PingerConfiguration, PingerReplica, PingerReplicaServer,
};
use tests::golden::no_package::{Ping, Pong};
use tests::golden::register_2017;
use tests::on_both;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::register_2017::{Quorums, state};
use tests::replica::{Behaviour, Cluster};
use tests::spec::Count;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Status};

/// A replica that is served by TLS, and what it saw of its clients.
struct Replica {
    _cluster: Cluster,
    transport: Transport,
    address: SocketAddr,
    /// How many certificates the client of each call presented.
    certificates: Arc<Mutex<Vec<usize>>>,
}

impl Replica {
    async fn start(transport: Transport, tls: ServerTlsConfig) -> Self {
        let cluster = Cluster::start(transport, []);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let certificates = Arc::default();
        let seen: Arc<Mutex<Vec<usize>>> = Arc::clone(&certificates);
        let look = move |request: Request<()>| -> Result<_, Status> {
            let presented = request
                .peer_certs()
                .map_or(0, |certificates| certificates.len());
            seen.lock().expect("not poisoned").push(presented);
            Ok(request)
        };
        let server = Server::builder()
            .tls_config(tls)
            .expect("valid")
            .layer(tonic::service::InterceptorLayer::new(look))
            .add_routes(cluster.services(1, Behaviour::Answer).into_routes());
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            _cluster: cluster,
            transport,
            address,
            certificates,
        }
    }

    fn builder(&self) -> ManagerBuilder {
        Manager::builder().transport(self.transport)
    }

    /// A manager of the replica, by its name.
    fn manager(&self, credentials: Credentials) -> ManagerBuilder {
        let address = format!("localhost:{}", self.address.port());
        self.builder().address(address).tls(credentials)
    }
}

async fn read(manager: &Manager) -> Result<(), Status> {
    let register = RegisterConfiguration::new(manager.configuration()).with_spec(Count(1));
    match register.read(ReadRequest {}).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.errors()[0].status().clone()),
    }
}

#[tokio::test]
async fn a_node_is_known_by_a_certificate_for_the_host_in_its_address() {
    on_both(async |transport| {
        let authority = Authority::new();
        let tls = ServerTlsConfig::new().identity(authority.identity("localhost"));
        let replica = Replica::start(transport, tls).await;
        let trusting = authority.trusting().build().expect("valid");
        let manager = replica.manager(trusting.clone()).connect().await;
        read(&manager.expect("trusted")).await.expect("a reply");
        let manager = replica.manager(trusting.clone()).connect_lazy().await;
        read(&manager.expect("valid")).await.expect("a reply");

        // The certificate is for a name, and not for the address that it resolves to.
        let by_address = || replica.builder().address(replica.address.to_string());
        let manager = by_address().tls(trusting.clone()).connect().await;
        let error = manager.expect_err("another name").to_string();
        assert!(
            error.contains(&format!("({}): Unavailable", replica.address)),
            "{error}"
        );
        assert!(
            error.contains("not for 127.0.0.1, but for localhost"),
            "{error}"
        );
        let named = authority.trusting().server_name("localhost").build();
        let manager = by_address().tls(named.expect("valid")).connect().await;
        read(&manager.expect("the name is given"))
            .await
            .expect("a reply");
    })
    .await;
}

#[tokio::test]
async fn a_node_with_a_certificate_of_an_unknown_authority_is_unavailable_and_left_alone() {
    on_both(async |transport| {
        let tls = ServerTlsConfig::new().identity(Authority::new().identity("localhost"));
        let replica = Replica::start(transport, tls).await;
        let trusting = Authority::new().trusting().build().expect("valid");
        let error = replica.manager(trusting.clone()).connect().await;
        let error = error.expect_err("unknown");
        assert!(matches!(error, ManagerError::Connect { .. }), "{error}");
        assert!(
            error.to_string().contains("no authority that this process"),
            "{error}"
        );
        assert!(error.to_string().contains("(localhost:"), "{error}");

        let long = Duration::from_secs(3600);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let lazy = replica.manager(trusting).backoff(Backoff::new(long, long));
        let lazy = lazy.connector(move |address| {
            count.fetch_add(1, Ordering::SeqCst);
            TcpStream::connect(address)
        });
        let manager = lazy.connect_lazy().await.expect("valid");
        for _ in 0..2 {
            let error = read(&manager).await.expect_err("unknown");
            assert_eq!(error.code(), Code::Unavailable);
            assert!(
                error.message().contains("no authority that this process"),
                "{error}"
            );
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    })
    .await;
}

#[tokio::test]
async fn a_node_that_asks_for_a_certificate_sees_that_of_its_client() {
    on_both(async |transport| {
        let authority = Authority::new();
        let tls = ServerTlsConfig::new()
            .identity(authority.identity("localhost"))
            .client_ca_root(authority.certificate());
        let replica = Replica::start(transport, tls).await;
        let known = authority.credentials(&["client"]);
        let manager = replica.manager(known).connect().await.expect("known");
        read(&manager).await.expect("a reply");
        assert_eq!(*replica.certificates.lock().expect("not poisoned"), [1]);
    })
    .await;
}

#[tokio::test]
async fn tls_is_spoken_over_the_connections_of_a_connector_as_well() {
    on_both(async |transport| {
        let authority = Authority::new();
        let tls = ServerTlsConfig::new().identity(authority.identity("replica.test"));
        let replica = Replica::start(transport, tls).await;
        let address = replica.address;
        let trusting = authority.trusting().server_name("replica.test");
        let manager = replica
            .builder()
            .address("10.0.0.1:4000")
            .connector(move |_| TcpStream::connect(address))
            .tls(trusting.build().expect("valid"))
            .connect()
            .await;
        read(&manager.expect("connected")).await.expect("a reply");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_ends_at_the_connect_timeout() {
    let manager = Manager::builder()
        .address("10.0.0.1:4000")
        .connector(|_| async {
            let (client, server) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                let _open = server;
                std::future::pending::<()>().await;
            });
            Ok(client)
        })
        .connect_timeout(Duration::from_secs(2))
        .tls(Authority::new().trusting().build().expect("valid"))
        .connect();
    let start = tokio::time::Instant::now();
    let error = manager.await.expect_err("no answer");
    assert_eq!(start.elapsed().as_secs(), 2);
    assert!(error.to_string().contains("handshake"), "{error}");
}

#[tokio::test]
async fn managers_and_servers_refuse_credentials_that_lack_what_they_need() {
    let authority = Authority::new();
    let no_authorities = authority.presenting(&["replica.test"]).build();
    let no_authorities = no_authorities.expect("valid");
    let manager = Manager::builder().address("127.0.0.1:4000");
    let error = manager.tls(no_authorities.clone()).connect_lazy().await;
    let error = error.expect_err("nobody is trusted");
    let expected = CredentialsError::NoAuthority.to_string();
    assert!(matches!(error, ManagerError::Credentials(_)), "{error:?}");
    assert_eq!(error.to_string(), expected);

    let no_certificate = authority.trusting().build().expect("valid");
    let replica = PingerReplicaServer::new(Watchful {
        expected: Vec::new(),
    });
    let server = gorums_runtime::Server::new(replica);
    let error = server.tls(no_certificate.clone()).expect_err("nameless");
    let expected = CredentialsError::NoCertificate.to_string();
    assert!(matches!(error, ServerError::Credentials(_)), "{error:?}");
    assert_eq!(error.to_string(), expected);

    for (first, next) in [
        (no_authorities.clone(), no_certificate.clone()),
        (no_certificate, no_authorities),
    ] {
        let rotating = RotatingCredentials::new(first);
        let before = format!("{:?}", rotating.current());
        rotating.replace(next).expect_err("others may need them");
        assert_eq!(format!("{:?}", rotating.current()), before);
    }
}

/// Tells how many certificates each caller presented, and whether the first is the one that it should be.
struct Watchful {
    expected: Vec<u8>,
}

impl PingerReplica for Watchful {
    async fn ping(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        let presented = ctx.peer_certificates();
        let presented = presented.ok_or_else(|| Status::unauthenticated("no certificate"))?;
        if presented[0].der().as_ref() != self.expected {
            return Err(Status::permission_denied("another certificate"));
        }
        let count = presented.len() as u64;
        Ok(Pong { count })
    }

    async fn ping_one(&self, ctx: &Context, request: Ping) -> Result<Pong, Status> {
        self.ping(ctx, request).await
    }
}

async fn served(server: Result<gorums_runtime::Server, ServerError>) -> RunningServer {
    let bound = server.expect("valid").bind("127.0.0.1:0").await;
    bound.expect("a free port").start()
}

#[tokio::test]
async fn a_handler_sees_the_certificate_that_its_caller_presents() {
    on_both(async |transport| {
        let authority = Authority::new();
        let known = authority.credentials(&["client"]);
        let certificate = known.certificate().expect("its own").der().to_vec();
        let replica = || {
            let expected = certificate.clone();
            gorums_runtime::Server::new(PingerReplicaServer::new(Watchful { expected }))
        };
        let tls = authority
            .presenting(&["localhost"])
            .authorities(authority.pem());
        let tls = tls.optional_client_certificates().build().expect("valid");
        let server = served(replica().tls(tls)).await;
        let plain = served(Ok(replica())).await;

        let ping = async |server: &RunningServer, tls: Option<Credentials>| {
            let address = format!("localhost:{}", server.address().port());
            let builder = Manager::builder()
                .transport(transport)
                .node(NodeId::new(1), address);
            let builder = tls.into_iter().fold(builder, ManagerBuilder::tls);
            let manager = builder.connect().await.expect("connected");
            let pinger = PingerConfiguration::new(manager.configuration());
            let node = pinger.node(NodeId::new(1)).expect("a node");
            let outcome = node.ping_one(Ping {}).await;
            outcome.map(|pong| pong.count).map_err(|error| error.code())
        };
        assert_eq!(ping(&server, Some(known)).await, Ok(1));
        let another = authority.credentials(&["client"]);
        let another = ping(&server, Some(another)).await;
        assert_eq!(another, Err(Code::PermissionDenied));
        let nameless = authority.trusting().build().expect("valid");
        let nameless = ping(&server, Some(nameless)).await;
        assert_eq!(nameless, Err(Code::Unauthenticated));
        assert_eq!(ping(&plain, None).await, Err(Code::Unauthenticated));
    })
    .await;
}

#[tokio::test]
async fn quorums_write_and_read_by_tls_from_servers_of_another_name() {
    on_both(async |transport| {
        use register_2017::register_gorums::{RegisterConfiguration, RegisterReplicaServer};

        let authority = Authority::new();
        let mut servers = Vec::new();
        for _ in 0..3 {
            let replica = tests::register_2017::Replica::default();
            let server = gorums_runtime::Server::new(RegisterReplicaServer::new(replica));
            let credentials = authority.presenting(&["replica.test"]).build();
            servers.push(served(server.tls(credentials.expect("valid"))).await);
        }
        let trusting = authority.trusting().server_name("replica.test");
        let addresses = servers.iter().map(|server| server.address().to_string());
        let manager = Manager::builder()
            .transport(transport)
            .addresses(addresses)
            .tls(trusting.build().expect("valid"))
            .connect()
            .await
            .expect("trusted");
        let quorums = Quorums { read: 2, write: 3 };
        let register = RegisterConfiguration::new(manager.configuration()).with_spec(quorums);
        let written = register.write(state("secret", 1)).await;
        assert!(written.expect("all three").new);
        let read = register.read(register_2017::ReadRequest {}).await;
        assert_eq!(read.expect("two"), state("secret", 1));
    })
    .await;
}

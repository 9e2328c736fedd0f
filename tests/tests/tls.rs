//! Connections by TLS, over TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorums_runtime::{Backoff, Manager, ManagerBuilder, ManagerError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster};
use tests::spec::Count;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, ClientTlsConfig, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Status};

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.0.pem())
    }

    /// An identity with a certificate for `name`.
    fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_string()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity::from_pem(certificate.pem(), key.serialize_pem())
    }
}

/// A replica that is served by TLS, and what it saw of its clients.
struct Replica {
    _cluster: Cluster,
    address: SocketAddr,
    /// How many certificates the client of each call presented.
    certificates: Arc<Mutex<Vec<usize>>>,
}

impl Replica {
    async fn start(tls: ServerTlsConfig) -> Self {
        let cluster = Cluster::start([]);
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
            .add_routes(cluster.services(1, Behaviour::Answer));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            _cluster: cluster,
            address,
            certificates,
        }
    }

    /// A manager of the replica, by its name.
    fn manager(&self, tls: ClientTlsConfig) -> ManagerBuilder {
        let address = format!("localhost:{}", self.address.port());
        Manager::builder().address(address).tls(tls)
    }
}

async fn read(manager: &Manager) -> Result<(), Status> {
    let register = RegisterConfiguration::new(manager.configuration(), Count(1));
    match register.read(ReadRequest {}).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.errors()[0].status().clone()),
    }
}

#[tokio::test]
async fn a_node_is_known_by_a_certificate_for_the_host_in_its_address() {
    let authority = Authority::new();
    let tls = ServerTlsConfig::new().identity(authority.identity("localhost"));
    let replica = Replica::start(tls).await;
    let trusting = ClientTlsConfig::new().ca_certificate(authority.certificate());
    let manager = replica.manager(trusting.clone()).connect().await;
    read(&manager.expect("trusted")).await.expect("a reply");
    let manager = replica.manager(trusting.clone()).connect_lazy().await;
    read(&manager.expect("valid")).await.expect("a reply");

    // The certificate is for a name, and not for the address that it resolves to.
    let by_address = || Manager::builder().address(replica.address.to_string());
    let manager = by_address().tls(trusting.clone()).connect().await;
    let error = manager.expect_err("another name").to_string();
    assert!(
        error.contains(&format!("({}): Unavailable", replica.address)),
        "{error}"
    );
    assert!(error.contains("not valid for name"), "{error}");
    let named = trusting.domain_name("localhost");
    let manager = by_address().tls(named).connect().await;
    read(&manager.expect("the name is given"))
        .await
        .expect("a reply");
}

#[tokio::test]
async fn a_node_with_a_certificate_of_an_unknown_authority_is_unavailable_and_left_alone() {
    let tls = ServerTlsConfig::new().identity(Authority::new().identity("localhost"));
    let replica = Replica::start(tls).await;
    let trusting = ClientTlsConfig::new().ca_certificate(Authority::new().certificate());
    let error = replica.manager(trusting.clone()).connect().await;
    let error = error.expect_err("unknown");
    assert!(matches!(error, ManagerError::Connect { .. }), "{error}");
    assert!(
        error.to_string().contains("invalid peer certificate"),
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
            error.message().contains("invalid peer certificate"),
            "{error}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_node_that_asks_for_a_certificate_sees_that_of_its_client() {
    let authority = Authority::new();
    let tls = ServerTlsConfig::new()
        .identity(authority.identity("localhost"))
        .client_ca_root(authority.certificate());
    let replica = Replica::start(tls).await;
    let trusting = ClientTlsConfig::new().ca_certificate(authority.certificate());
    let known = trusting.clone().identity(authority.identity("client"));
    let manager = replica.manager(known).connect().await.expect("known");
    read(&manager).await.expect("a reply");
    assert_eq!(*replica.certificates.lock().expect("not poisoned"), [1]);

    let manager = replica.manager(trusting.clone()).connect_lazy().await;
    let error = read(&manager.expect("valid"))
        .await
        .expect_err("no certificate");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("CertificateRequired"), "{error}");

    let unknown = trusting.identity(Authority::new().identity("client"));
    let manager = replica.manager(unknown).connect_lazy().await;
    let error = read(&manager.expect("valid")).await.expect_err("unknown");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("fatal alert"), "{error}");
    assert_eq!(replica.certificates.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn tls_is_spoken_over_the_connections_of_a_connector_as_well() {
    let authority = Authority::new();
    let tls = ServerTlsConfig::new().identity(authority.identity("replica.test"));
    let replica = Replica::start(tls).await;
    let address = replica.address;
    let trusting = ClientTlsConfig::new().ca_certificate(authority.certificate());
    let manager = Manager::builder()
        .address("10.0.0.1:4000")
        .connector(move |_| TcpStream::connect(address))
        .tls(trusting.domain_name("replica.test"))
        .connect()
        .await;
    read(&manager.expect("connected")).await.expect("a reply");
}

#[tokio::test]
async fn a_node_without_tls_is_unavailable_by_tls_and_the_other_way_round() {
    let authority = Authority::new();
    let tls = ServerTlsConfig::new().identity(authority.identity("localhost"));
    let replica = Replica::start(tls).await;
    let manager = Manager::builder().address(replica.address.to_string());
    let manager = manager.connect_lazy().await.expect("valid");
    let error = read(&manager).await.expect_err("no TLS");
    assert_eq!(error.code(), Code::Unavailable, "{error}");

    let (client, server) = tokio::io::duplex(1024);
    let client = Mutex::new(Some(client));
    let answering = tokio::spawn(async move {
        let mut server = server;
        tokio::io::AsyncWriteExt::write_all(&mut server, b"220 mail.example.com\r\n").await
    });
    let manager = Manager::builder()
        .address("10.0.0.1:4000")
        .connector(move |_| {
            let client = client.lock().expect("not poisoned").take();
            async { client.ok_or(io::Error::from(io::ErrorKind::ConnectionRefused)) }
        })
        .tls(ClientTlsConfig::new().ca_certificate(authority.certificate()))
        .connect()
        .await;
    let error = manager.expect_err("another protocol");
    assert!(matches!(error, ManagerError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("Unavailable: "), "{error}");
    answering.await.expect("no panic").expect("sent");
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
        .tls(ClientTlsConfig::new())
        .connect();
    let start = tokio::time::Instant::now();
    let error = manager.await.expect_err("no answer");
    assert_eq!(start.elapsed().as_secs(), 2);
    assert!(error.to_string().contains("handshake"), "{error}");
}

#[tokio::test]
async fn tls_settings_that_are_not_valid_are_refused() {
    let broken = Identity::from_pem("no certificate", "no key");
    let manager = Manager::builder().address("127.0.0.1:4000");
    let manager = manager.tls(ClientTlsConfig::new().identity(broken));
    let error = manager.connect_lazy().await.expect_err("no key");
    assert!(
        matches!(error, ManagerError::InvalidOptions { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("(127.0.0.1:4000)"), "{error}");
}

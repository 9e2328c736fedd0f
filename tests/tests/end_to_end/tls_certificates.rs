//! What a certificate says about its owner, and certificates that are made to do harm.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use gorums_runtime::server::Router;
use gorums_runtime::{Context, Credentials, Manager, NodeId, PeerCertificate, Server, Transport};
use tests::authority::Authority;
use tests::golden::no_package::pinger_gorums::{
    PingerConfiguration, PingerReplica, PingerReplicaServer,
};
use tests::golden::no_package::{Ping, Pong};
use tests::{on_both, soon};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// Keeps the certificates of its caller, and checks that what tonic has for its own services is there, too.
#[derive(Clone, Default)]
struct Curious(Arc<Mutex<Vec<PeerCertificate>>>);

impl PingerReplica for Curious {
    async fn ping(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        let presented = ctx.peer_certificates().unwrap_or_default().to_vec();
        let info: Option<&TlsConnectInfo<TcpConnectInfo>> = ctx.extensions().get();
        let chain = info
            .and_then(TlsConnectInfo::peer_certs)
            .unwrap_or_default();
        assert!(presented.iter().map(PeerCertificate::der).eq(chain.iter()));
        let tcp: Option<&TcpConnectInfo> = ctx.extensions().get();
        let address = tcp.and_then(TcpConnectInfo::remote_addr);
        assert!(address.is_some() && address == ctx.peer_address());
        *self.0.lock().expect("not poisoned") = presented;
        Ok(Pong::default())
    }

    async fn ping_one(&self, ctx: &Context, request: Ping) -> Result<Pong, Status> {
        self.ping(ctx, request).await
    }
}

/// What a replica at `address` sees of a client with `credentials`.
async fn seen(
    replica: &Curious,
    transport: Transport,
    address: SocketAddr,
    credentials: Credentials,
) -> Result<Vec<PeerCertificate>, Status> {
    let builder = Manager::builder().transport(transport).tls(credentials);
    let address = format!("localhost:{}", address.port());
    let manager = builder.node(NodeId::new(1), address).connect_lazy().await;
    let pinger = PingerConfiguration::new(manager.expect("valid").configuration());
    let node = pinger.node(NodeId::new(1)).expect("a node");
    let pong = node.ping_one(Ping {}).await;
    pong.map_err(|error| error.status().clone())?;
    Ok(replica.0.lock().expect("not poisoned").clone())
}

async fn serve(router: impl Into<Router>, authority: &Authority) -> SocketAddr {
    let server = Server::new(router).tls(authority.credentials(&["localhost"]));
    let bound = server.expect("a certificate").bind("127.0.0.1:0").await;
    let bound = bound.expect("a free port");
    let address = bound.address();
    tokio::spawn(bound.serve());
    address
}

async fn serve_on_tonic(router: impl Into<Router>, authority: &Authority) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (certificate, key) = authority.issue_pem(&["localhost"]);
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    let server = tonic::transport::Server::builder().tls_config(tls);
    let routes = router.into().into_routes();
    let server = server.expect("valid").add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

#[tokio::test]
async fn a_handler_sees_the_names_and_the_validity_of_its_callers_certificate() {
    on_both(async |transport| {
        let authority = Authority::new();
        let replica = Curious::default();
        let server = || PingerReplicaServer::new(replica.clone());
        let names = [
            "client.test",
            "10.0.0.7",
            "::1",
            "spiffe://test/client",
            "gorums://node/7",
        ];
        let (certificate, key) = authority.issue_between([2020, 3000], &names);
        let credentials = authority.trusting().certificate(certificate, key);
        let credentials = credentials.build().expect("valid");
        for address in [
            serve(server(), &authority).await,
            serve_on_tonic(server(), &authority).await,
        ] {
            let seen = seen(&replica, transport, address, credentials.clone()).await;
            let seen = seen.expect("a reply");
            assert_eq!(seen, [credentials.certificate().expect("its own").clone()]);
            let own = &seen[0];
            assert_eq!(own.common_name(), Some("client.test"));
            assert_eq!(own.dns_names(), ["client.test"]);
            let addresses = ["10.0.0.7", "::1"].map(|it| it.parse::<IpAddr>().expect("an address"));
            assert_eq!(own.ip_addresses(), addresses);
            assert_eq!(own.uris(), ["spiffe://test/client", "gorums://node/7"]);
            assert_eq!(own.node_id(), Some(NodeId::new(7)));
            let year_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
            assert_eq!(own.not_before(), year_2020);
            assert!(own.not_after() > SystemTime::now());
        }
    })
    .await;
}

/// Connects to `address` with a certificate of `authority` that has `names`, which this crate's clients would refuse to have.
/// How many bytes the server sends before it closes the connection, or until it waits for the client.
async fn greeting(address: SocketAddr, authority: &Authority, names: &[&str]) -> usize {
    let (certificate, key) = authority.issue_pem(names);
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem().as_bytes());
    roots.add(root.expect("PEM")).expect("an authority");
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .expect("its own key");
    let connection = TcpStream::connect(address).await.expect("accepted");
    let name = ServerName::try_from("localhost").expect("a name");
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, connection);
    let mut connection = connecting.await.expect("TLS 1.3 refuses clients later");
    let read = soon("an answer", connection.read(&mut [0; 64])).await;
    read.unwrap_or(0)
}

#[tokio::test]
async fn a_client_whose_certificate_has_too_many_names_is_not_served() {
    let names: Vec<String> = (0..1025).map(|n| format!("{n}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let authority = Authority::new();
    let address = serve(PingerReplicaServer::new(Curious::default()), &authority).await;
    assert_eq!(greeting(address, &authority, &names).await, 0);
    // The settings of HTTP/2.
    assert!(greeting(address, &authority, &names[..1024]).await > 0);
}

#[test]
fn certificates_that_are_too_large_or_have_too_many_names_are_refused() {
    let authority = Authority::new();
    let large = "x".repeat(32);
    let names: Vec<String> = (0..1025).map(|n| format!("{n}.{large}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let der = authority.issue_der(&names);
    assert!(der.len() < 64 * 1024, "{} bytes", der.len());
    let error = PeerCertificate::parse(&der).expect_err("too many names");
    assert!(
        error.to_string().contains("more than 1024 names"),
        "{error}"
    );
    PeerCertificate::parse(&authority.issue_der(&names[..1024])).expect("just as many");

    let huge = format!("spiffe://test/{}", "x".repeat(64 * 1024));
    let error = PeerCertificate::parse(&authority.issue_der(&["a", &huge]));
    let error = error.expect_err("too large");
    assert!(error.to_string().contains("larger than 64 KiB"), "{error}");
}

#[test]
fn names_with_control_characters_do_not_break_lines() {
    let forged = "spiffe://test/\nWARN all is well\x1b[2J";
    let der = Authority::new().issue_der(&["client", forged]);
    let certificate = PeerCertificate::parse(&der).expect("odd, but well-formed");
    assert_eq!(certificate.uris(), [forged]);
    let shown = certificate.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

#[test]
fn malformed_certificates_are_errors_and_no_panics() {
    let names = ["client.test", "10.0.0.7", "gorums://node/7"];
    let der = Authority::new().issue_der(&names);
    let expected = PeerCertificate::parse(&der).expect("valid");
    let mut errors = 0;
    let mut parse = |der: &[u8]| match PeerCertificate::parse(der) {
        Ok(parsed) => assert!(parsed.to_string().len() < 1024, "{parsed}"),
        Err(_) => errors += 1,
    };
    for at in 0..der.len() {
        parse(&der[..at]);
        for value in [0, 1, 0x7f, 0x80, 0xff, der[at] ^ 1, der[at] ^ 0x20] {
            let mut changed = der.clone();
            changed[at] = value;
            parse(&changed);
        }
    }
    assert!(errors > der.len(), "{errors} errors");
    assert_eq!(PeerCertificate::parse(&der).expect("valid"), expected);
    let trailing = [&der[..], &[0; 16]].concat();
    PeerCertificate::parse(&trailing).expect_err("more than a certificate");
}

//! What calls fail with, and what servers report, when TLS fails.

use std::net::SocketAddr;

use gorums_runtime::errors::{ManagerError, NodeError, TlsError};
use gorums_runtime::{Credentials, CredentialsBuilder, Manager, NodeId, Server, Transport};
use tests::authority::Authority;
use tests::register::ReadRequest;
use tests::register::register_gorums::RegisterConfiguration;
use tests::replica::{Behaviour, Cluster};
use tests::{on_both, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// A replica that is served with or without TLS.
struct Served {
    _cluster: Cluster,
    transport: Transport,
    address: SocketAddr,
}

impl Served {
    async fn start(transport: Transport, credentials: Option<Credentials>) -> Self {
        let cluster = Cluster::start(transport, []);
        let server = Server::new(cluster.services(1, Behaviour::Answer));
        let server = credentials
            .into_iter()
            .fold(server, |server, it| server.tls(it).expect("a certificate"));
        let bound = server.bind("127.0.0.1:0").await.expect("a free port");
        let address = bound.address();
        tokio::spawn(bound.serve());
        Self {
            _cluster: cluster,
            transport,
            address,
        }
    }

    /// The same by a tonic server, with TLS as tonic has it.
    async fn start_on_tonic(transport: Transport, tls: ServerTlsConfig) -> Self {
        let cluster = Cluster::start(transport, []);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let server = tonic::transport::Server::builder().tls_config(tls);
        let routes = cluster.services(1, Behaviour::Answer).into_routes();
        let server = server.expect("valid").add_routes(routes);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            _cluster: cluster,
            transport,
            address,
        }
    }

    /// Fails to connect, and to call over a connection that is made by the call, with the same error: that is returned.
    async fn refuses(&self, credentials: Option<Credentials>) -> TlsError {
        refused(self.transport, self.address, credentials).await
    }
}

/// The error with which a manager of `address` fails to connect, in advance and by its first calls.
async fn refused(
    transport: Transport,
    address: SocketAddr,
    credentials: Option<Credentials>,
) -> TlsError {
    let name = format!("localhost:{}", address.port());
    let builder = Manager::builder()
        .transport(transport)
        .node(NodeId::new(7), &name)
        .resolver(move |_| async move { Ok(vec![address]) });
    let builder = credentials
        .into_iter()
        .fold(builder, |builder, it| builder.tls(it));
    let connected = soon("a refusal", builder.clone().connect()).await;
    let failed = match connected.expect_err("TLS fails") {
        ManagerError::Connect { failed, .. } => failed,
        other => panic!("{other}"),
    };
    let expected = why(&failed[0], &name);

    let manager = builder.connect_lazy().await.expect("an address");
    let register = RegisterConfiguration::new(manager.configuration());
    let node = register.node(NodeId::new(7)).expect("a node");
    // The first call makes the connection, the second one fails while the back-off lasts.
    for _ in 0..2 {
        let failed = node
            .read_no_qc(ReadRequest {})
            .await
            .expect_err("TLS fails");
        assert_eq!(why(&failed, &name), expected);
    }
    expected
}

/// The reason in an error, which names the node.
fn why(error: &NodeError, address: &str) -> TlsError {
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let tls = error.tls().unwrap_or_else(|| panic!("{error:?}")).clone();
    let expected = format!("node 7 ({address}): Unavailable: {tls}");
    assert_eq!(error.to_string(), expected);
    assert!(expected.contains("Unavailable: TLS: "), "{expected}");
    tls
}

fn build(credentials: CredentialsBuilder) -> Option<Credentials> {
    Some(credentials.build().expect("valid"))
}

/// A server that requires certificates of `authority`, on this crate's `Server` and on tonic's.
async fn requiring_certificates(transport: Transport, authority: &Authority) -> [Served; 2] {
    let own = authority.credentials(&["localhost"]);
    let (certificate, key) = authority.issue_pem(&["localhost"]);
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    [
        Served::start(transport, Some(own)).await,
        Served::start_on_tonic(transport, tls).await,
    ]
}

#[tokio::test]
async fn a_client_without_a_certificate_learns_that_the_node_requires_one() {
    on_both(async |transport| {
        let authority = Authority::new();
        for replica in requiring_certificates(transport, &authority).await {
            let refused = replica.refuses(build(authority.trusting())).await;
            assert_eq!(refused, TlsError::ClientCertificateRequired);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_learns_why_the_node_does_not_accept_its_certificate() {
    on_both(async |transport| {
        let authority = Authority::new();
        let stranger = Authority::new().credentials_trusting(&["client"], &[&authority]);
        let issued = |years| {
            let (certificate, key) = authority.issue_between(years, &["client"]);
            let credentials = authority.trusting().certificate(certificate, key);
            credentials.build().expect("valid")
        };
        let unknown = Authority::named("another").credentials_trusting(&["client"], &[&authority]);
        for (credentials, expected) in [
            (unknown, "its authority is unknown"),
            (stranger, "its signature is not that of a trusted authority"),
            (issued([2000, 2001]), "it has expired, or is not valid yet"),
            (issued([3000, 3001]), "it has expired, or is not valid yet"),
        ] {
            for replica in requiring_certificates(transport, &authority).await {
                let refused = replica.refuses(Some(credentials.clone())).await;
                let why = expected.to_owned();
                assert_eq!(refused, TlsError::ClientCertificateRefused { why });
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_without_tls_learns_that_the_node_requires_it() {
    on_both(async |transport| {
        let authority = Authority::new();
        let tls = ServerTlsConfig::new().identity(authority.identity("localhost"));
        for replica in [
            Served::start(transport, build(authority.presenting(&["localhost"]))).await,
            Served::start_on_tonic(transport, tls).await,
        ] {
            assert_eq!(replica.refuses(None).await, TlsError::Required);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_with_tls_learns_that_the_node_answers_without() {
    on_both(async |transport| {
        let authority = Authority::new();
        let replica = Served::start(transport, None).await;
        let refused = replica.refuses(build(authority.trusting())).await;
        assert_eq!(refused, TlsError::NotSpoken);
    })
    .await;
}

#[tokio::test]
async fn a_client_with_tls_learns_that_another_protocol_is_spoken_at_the_nodes_address() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"220 mail.example.com\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let greeted = client.read(&mut [0; 1024]).await;
                    greeted.expect("a greeting");
                    client.write_all(answer).await.expect("it is taken");
                    // Until the client has had enough.
                    let _ = client.read_to_end(&mut Vec::new()).await;
                });
            }
        });
        on_both(async |transport| {
            let credentials = build(Authority::new().trusting());
            let refused = refused(transport, address, credentials).await;
            assert_eq!(refused, TlsError::NotSpoken);
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_with_tls_learns_that_the_node_closes_the_connection_in_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let greeted = client.read(&mut [0; 1024]).await;
            greeted.expect("a greeting");
        }
    });
    on_both(async |transport| {
        let credentials = build(Authority::new().trusting());
        let refused = refused(transport, address, credentials).await;
        let why = "the node closed the connection".to_owned();
        assert_eq!(refused, TlsError::Handshake { why });
    })
    .await;
}

#[tokio::test]
async fn a_client_learns_which_name_was_expected_and_which_ones_the_certificate_has() {
    on_both(async |transport| {
        let authority = Authority::new();
        let named = |names: &[&str]| build(authority.presenting(names));
        let wrong_name = |expected: &str, names: &[&str]| TlsError::WrongName {
            expected: expected.to_owned(),
            names: names.iter().map(ToString::to_string).collect(),
        };
        let names = ["replica.test", "*.replica.test", "10.0.0.1"];
        let replica = Served::start(transport, named(&names)).await;
        let refused = replica.refuses(build(authority.trusting())).await;
        assert_eq!(refused, wrong_name("localhost", &names));
        let text = "TLS: the node's certificate is not for localhost, but for replica.test, *.replica.test, 10.0.0.1;";
        assert!(refused.to_string().starts_with(text), "{refused}");

        let credentials = authority.trusting().server_name("10.0.0.2");
        let refused = replica.refuses(build(credentials)).await;
        assert_eq!(refused, wrong_name("10.0.0.2", &names));

        let replica = Served::start(transport, named(&["gorums://node/1"])).await;
        let refused = replica.refuses(build(authority.trusting())).await;
        assert_eq!(refused, wrong_name("localhost", &["gorums://node/1"]));

        let many: Vec<String> = (0..100).map(|n| format!("{n}.replica.test")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let replica = Served::start(transport, named(&many)).await;
        let refused = replica.refuses(build(authority.trusting())).await;
        assert_eq!(refused, wrong_name("localhost", &many[..8]));
    })
    .await;
}

#[tokio::test]
async fn a_client_learns_that_the_nodes_certificate_is_not_valid_now_or_of_an_unknown_authority() {
    on_both(async |transport| {
        let authority = Authority::new();
        for (years, expected) in [
            ([2000, 2001], "expired at Jan  1 00:00:00 2001 +00:00"),
            (
                [3000, 3001],
                "is not valid before Jan  1 00:00:00 3000 +00:00",
            ),
        ] {
            let (certificate, key) = authority.issue_between(years, &["localhost"]);
            let credentials = Credentials::builder().certificate(certificate, key);
            let replica = Served::start(transport, build(credentials)).await;
            let refused = replica.refuses(build(authority.trusting())).await;
            let why = expected.to_owned();
            assert_eq!(refused, TlsError::InvalidCertificate { why });
        }
        for stranger in [Authority::new(), Authority::named("another")] {
            let credentials = build(stranger.presenting(&["localhost"]));
            let replica = Served::start(transport, credentials).await;
            let refused = replica.refuses(build(authority.trusting())).await;
            assert_eq!(refused, TlsError::UnknownAuthority);
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_that_no_certificate_can_be_for_needs_a_server_name() {
    on_both(async |transport| {
        let authority = Authority::new();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let replica =
            Served::start(transport, build(authority.presenting(&["replica.test"]))).await;
        let builder = || {
            Manager::builder()
                .transport(transport)
                .node(NodeId::new(7), "replica 1:4000")
                .resolver(move |_| async move { Ok(vec![address]) })
                .connector({
                    let address = replica.address;
                    move |_| tokio::net::TcpStream::connect(address)
                })
        };
        let credentials = authority.trusting().build().expect("valid");
        let failed = builder().tls(credentials).connect().await;
        let error = failed.expect_err("no name").to_string();
        assert!(
            error.contains("the credentials need a server name"),
            "{error}"
        );
        let credentials = authority.trusting().server_name("replica.test").build();
        let connected = builder().tls(credentials.expect("valid")).connect().await;
        connected.expect("the name is given");
    })
    .await;
}

//! Servers of replicas over TCP: where they listen, and how they end.

use std::sync::Arc;
use std::time::Duration;

use gorums_runtime::errors::ServerError;
use gorums_runtime::server::{Health, ReplicaServer, Router, RunningServer};
use gorums_runtime::{Context, Manager, Server};
use tests::golden::one_way::Entry;
use tests::golden::one_way::one_way_client::OneWayClient;
use tests::golden::one_way::one_way_gorums::{
    OneWayConfiguration, OneWayReplica, OneWayReplicaServer, OneWayService,
};
use tests::golden::relab_import::relab_client::RelabClient;
use tests::golden::relab_import::relab_gorums::{RelabReplica, RelabReplicaServer};
use tests::golden::relab_import::{Reply, Request};
use tests::soon;
use tests::waiting::Events;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Tells of each entry and where it came from. An entry "wait" waits for a permit.
#[derive(Clone)]
struct Replica {
    events: mpsc::UnboundedSender<(String, Option<std::net::SocketAddr>)>,
    permits: Arc<Semaphore>,
}

impl Replica {
    fn new() -> (Self, Events<(String, Option<std::net::SocketAddr>)>) {
        let (events, received) = Events::channel();
        let permits = Arc::new(Semaphore::new(0));
        (Self { events, permits }, received)
    }

    async fn take(&self, ctx: &Context, entry: Entry) {
        let wait = entry.text == "wait";
        // The test may have ended.
        let _ = self.events.send((entry.text, ctx.peer_address()));
        if wait {
            self.permits.acquire().await.expect("never closed").forget();
        }
    }
}

impl OneWayReplica for Replica {
    async fn append(&self, ctx: &Context, request: Entry) {
        self.take(ctx, request).await;
    }

    async fn append_per_node(&self, ctx: &Context, request: Entry) {
        self.take(ctx, request).await;
    }

    async fn append_in_order(&self, ctx: &Context, request: Entry) {
        self.take(ctx, request).await;
    }

    async fn append_in_order_per_node(&self, ctx: &Context, request: Entry) {
        self.take(ctx, request).await;
    }

    async fn append_to(&self, ctx: &Context, request: Entry) {
        self.take(ctx, request).await;
    }

    async fn notify(&self, ctx: &Context, request: Entry) {
        self.take(ctx, request).await;
    }
}

fn entry(text: &str) -> Entry {
    Entry {
        text: text.to_string(),
    }
}

async fn start(services: impl Into<Router>, grace: Duration) -> RunningServer {
    let server = Server::new(services).grace(grace);
    server
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start()
}

async fn channel(server: &RunningServer) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
    endpoint
        .expect("an address")
        .connect()
        .await
        .expect("a connection")
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_server_serves_where_it_says_and_tells_handlers_where_calls_come_from() {
    let (replica, mut events) = Replica::new();
    let server = start(OneWayReplicaServer::new(replica), LONG).await;
    let manager = Manager::connect([server.address().to_string()])
        .await
        .expect("it listens");
    let one_way = OneWayConfiguration::new(manager.configuration());
    one_way.append(entry("hello")).await.expect("sent");
    let (text, peer) = events.next().await;
    assert_eq!(text, "hello");
    assert_eq!(peer.expect("a TCP address").ip(), server.address().ip());
    manager.close();
    server.shutdown().await.expect("no call is under way");
}

#[tokio::test]
async fn an_address_that_is_in_use_is_an_error_that_names_it() {
    let (replica, _events) = Replica::new();
    let service = OneWayReplicaServer::new(replica);
    let first = start(service.clone(), LONG).await;
    let address = first.address().to_string();
    let error = Server::new(service)
        .serve(&address)
        .await
        .expect_err("in use");
    assert!(matches!(error, ServerError::Bind { .. }));
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on \"{address}\": ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_shuts_down_finishes_the_calls_that_are_under_way_and_takes_no_more() {
    let (replica, mut events) = Replica::new();
    let server = start(OneWayReplicaServer::new(replica.clone()), LONG).await;
    let address = server.address();
    let mut client = OneWayClient::new(channel(&server).await);
    let call = tokio::spawn(async move { client.notify(entry("wait")).await });
    events.next().await;

    let shutdown = tokio::spawn(server.shutdown());
    // The listener is closed first.
    soon("a closed listener", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!shutdown.is_finished(), "a call is under way");
    replica.permits.add_permits(1);
    call.await
        .expect("no panic")
        .expect("the call was finished");
    shutdown
        .await
        .expect("no panic")
        .expect("all calls have ended");
}

#[tokio::test]
async fn calls_that_outlast_the_grace_of_a_shutdown_lose_their_connections() {
    let (replica, mut events) = Replica::new();
    let server = start(OneWayReplicaServer::new(replica), Duration::from_millis(10)).await;
    let mut client = OneWayClient::new(channel(&server).await);
    let call = tokio::spawn(async move { client.notify(entry("wait")).await });
    events.next().await;
    server.shutdown().await.expect("it ends all the same");
    call.await
        .expect("no panic")
        .expect_err("it was not finished");
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let (replica, _events) = Replica::new();
    let server = start(OneWayReplicaServer::new(replica), Duration::ZERO).await;
    let mut connection = TcpStream::connect(server.address())
        .await
        .expect("it listens");
    drop(server);
    let mut rest = Vec::new();
    // Ended or reset: both are the end of it.
    let _ = connection.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn replicas_can_be_served_by_a_tonic_server_of_ones_own() {
    let (replica, mut events) = Replica::new();
    let router = Router::new().add_replica(OneWayReplicaServer::new(replica));
    assert_eq!(router.names().collect::<Vec<_>>(), ["one_way.OneWay"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tonic::transport::Server::builder().add_routes(router.into_routes());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tokio::spawn(server.serve_with_incoming(incoming));
    let manager = Manager::connect([address.to_string()])
        .await
        .expect("it listens");
    let one_way = OneWayConfiguration::new(manager.configuration());
    one_way.append(entry("hello")).await.expect("sent");
    assert_eq!(events.next().await.0, "hello");
    server.abort();
}

/// Answers with what the server's layers attached.
struct Layered;

/// The layers that a call came through.
#[derive(Clone, Default)]
struct Layers(Vec<&'static str>);

impl RelabReplica for Layered {
    async fn get(&self, ctx: &Context, _: Request) -> Result<Reply, Status> {
        let layers = ctx.extensions().get::<Layers>();
        let value = layers.map_or_else(String::new, |layers| layers.0.join(", "));
        Ok(Reply { value })
    }
}

#[tokio::test]
async fn layers_of_a_tonic_server_go_around_a_replica() {
    let layer = |name| {
        tonic::service::InterceptorLayer::new(move |mut request: tonic::Request<()>| {
            let Layers(mut names) = request.extensions_mut().remove().unwrap_or_default();
            names.push(name);
            request.extensions_mut().insert(Layers(names));
            Ok(request)
        })
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tonic::transport::Server::builder()
        .layer(layer("outer"))
        .layer(layer("inner"))
        .add_service(RelabReplicaServer::new(Layered));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tokio::spawn(server.serve_with_incoming(incoming));
    let manager = Manager::connect([address.to_string()]).await;
    let configuration = manager.expect("it listens").configuration();
    let node = configuration.nodes().next().expect("a node");
    let mut client = RelabClient::new(node.channel());
    let reply = client.get(Request::default()).await.expect("a reply");
    assert_eq!(reply.into_inner().value, "outer, inner");
    server.abort();
}

#[tokio::test]
async fn the_health_service_tells_of_every_service_until_the_server_shuts_down() {
    use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let (replica, _events) = Replica::new();
    let service: ReplicaServer<OneWayService> = OneWayReplicaServer::new(replica);
    let server = Server::new(service)
        .health(&Health::new())
        .bind("127.0.0.1:0")
        .await;
    let server = server.expect("a free port").start();
    let mut health = HealthClient::new(channel(&server).await);
    for name in ["", "one_way.OneWay"] {
        let service = name.to_string();
        let reply = health
            .check(HealthCheckRequest { service })
            .await
            .expect("it is known");
        assert_eq!(reply.into_inner().status(), Serving, "{name}");
    }
    let service = "two.Services".to_string();
    let unknown = health.check(HealthCheckRequest { service }).await;
    assert_eq!(
        unknown.expect_err("it is not served").code(),
        Code::NotFound
    );

    let service = "one_way.OneWay".to_string();
    let watch = health
        .watch(HealthCheckRequest { service })
        .await
        .expect("it is known");
    let mut changes = watch.into_inner();
    let mut next = async || {
        changes
            .message()
            .await
            .expect("no error")
            .expect("no end")
            .status()
    };
    assert_eq!(next().await, Serving);
    let shutdown = tokio::spawn(server.shutdown());
    assert_eq!(next().await, NotServing);
    drop(changes);
    shutdown
        .await
        .expect("no panic")
        .expect("the watch has ended");
}

#[tokio::test]
async fn the_application_decides_when_a_server_and_its_services_are_ready() {
    use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let health = Health::new();
    health.set_ready(false).await;
    let router = Router::new()
        .add_replica(OneWayReplicaServer::new(Replica::new().0))
        .add_replica(RelabReplicaServer::new(Layered));
    let server = Server::new(router).health(&health).bind("127.0.0.1:0");
    let server = server.await.expect("a free port").start();
    let client = HealthClient::new(channel(&server).await);
    let reported = async || {
        let mut reported = Vec::new();
        for name in ["", "one_way.OneWay", "relab_import.Relab"] {
            let service = name.to_owned();
            let mut client = client.clone();
            let reply = client.check(HealthCheckRequest { service });
            reported.push(reply.await.expect("it is served").into_inner().status());
        }
        reported
    };
    assert_eq!(reported().await, [NotServing; 3]);
    health.set_ready(true).await;
    assert_eq!(reported().await, [Serving; 3]);
    health.set_service_ready::<OneWayService>(false).await;
    assert_eq!(reported().await, [Serving, NotServing, Serving]);
    health.set_ready(false).await;
    health.set_service_ready::<OneWayService>(true).await;
    assert_eq!(reported().await, [NotServing; 3]);
    health.set_ready(true).await;
    assert_eq!(reported().await, [Serving; 3]);
}

#[tokio::test]
async fn the_reflection_service_knows_what_is_in_its_descriptor_set() {
    use gorums_runtime::prost_types::{
        FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
    };
    use prost::Message;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServiceResponse};

    let file = FileDescriptorProto {
        name: Some("one_way.proto".to_string()),
        package: Some("one_way".to_string()),
        service: vec![ServiceDescriptorProto {
            name: Some("OneWay".to_string()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let set = FileDescriptorSet { file: vec![file] }.encode_to_vec();
    let (replica, _events) = Replica::new();
    let server = Server::new(OneWayReplicaServer::new(replica)).reflection(set);
    let server = server
        .bind("127.0.0.1:0")
        .await
        .expect("a free port")
        .start();
    let mut reflection = ServerReflectionClient::new(channel(&server).await);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let replies = reflection
        .server_reflection_info(tokio_stream::iter([list]))
        .await;
    let reply = replies
        .expect("a stream")
        .into_inner()
        .message()
        .await
        .expect("a reply");
    let Some(MessageResponse::ListServicesResponse(list)) =
        reply.expect("a reply").message_response
    else {
        panic!("no list");
    };
    let name = "one_way.OneWay".to_string();
    assert!(list.service.contains(&ServiceResponse { name }), "{list:?}");
}

#[tokio::test]
async fn a_descriptor_set_that_is_none_is_an_error() {
    let (replica, _events) = Replica::new();
    let server = Server::new(OneWayReplicaServer::new(replica)).reflection(*b"no descriptors");
    let error = server
        .serve("127.0.0.1:0")
        .await
        .expect_err("no descriptors");
    assert!(matches!(error, ServerError::DescriptorSet(_)), "{error}");
}

//! The keep-alive messages of our server, at the interval that the client asks for.

use std::time::Duration;

use gorums_runtime::server::{Router, StreamLimits};
use gorums_runtime::testing::{Replicas, replicas};
use prost::bytes::Bytes;
use tests::golden::proto::storage_gorums::StorageReplicaServer;
use tokio::time::Instant;
use tonic::Code;

use crate::wire::bytes::hex;
use crate::wire::key;
use crate::wire::message::request;
use crate::wire::raw_client::RawClient;
use crate::wire::replica::Replica;

const KEEP_ALIVE: &str = "gorums-keep-alive";

const EVERY: Duration = Duration::from_secs(5);

/// The message that shows that a stream is alive: an entry with the key "gorums-keep-alive", and no value.
fn alive() -> Bytes {
    hex("22130a11676f72756d732d6b6565702d616c697665")
}

async fn open(replicas: &Replicas) -> RawClient {
    let headers = [(KEEP_ALIVE, "5000m")];
    RawClient::open(replicas, &headers).await.expect("a stream")
}

/// Checks that the next message is a keep-alive, after this time.
async fn is_alive_after(client: &mut RawClient, time: Duration) {
    let begin = Instant::now();
    assert_eq!(client.reply().await, alive());
    // A timer is exact to a millisecond.
    let waited = begin.elapsed();
    assert!(
        time <= waited && waited <= time + Duration::from_millis(2),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_interval_that_is_kept_is_told_at_once() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    for (asked, kept) in [
        ("5000m", "5000m"),
        ("5S", "5000m"),
        ("1500500u", "1500m"),
        ("1S", "1000m"),
        ("999m", "1000m"),
        ("0n", "1000m"),
        ("1H", "3600000m"),
        ("61M", "3600000m"),
        ("99999999H", "3600000m"),
    ] {
        let headers = [(KEEP_ALIVE, asked)];
        let client = RawClient::open(&replicas, &headers).await;
        let client = client.expect("a stream");
        let told = client.headers.get(KEEP_ALIVE).expect("it is kept");
        assert_eq!(told, kept, "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interval_that_is_malformed_is_refused_by_its_header() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    for asked in ["", "5", "m", "-5m", "5 m", "123456789m", "5x"] {
        let refused = RawClient::open(&replicas, &[(KEEP_ALIVE, asked)]).await;
        let status = refused.expect_err("no interval");
        assert_eq!(status.code(), Code::InvalidArgument, "{asked:?}: {status}");
        assert!(status.message().contains(KEEP_ALIVE), "{asked:?}: {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_idle_shows_that_it_is_alive_in_each_interval() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = open(&replicas).await;
    for _ in 0..100 {
        is_alive_after(&mut client, EVERY).await;
    }
    client.half_close();
    client.end().await.expect("the stream ends well");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_sent_a_reply_shows_that_it_is_alive_an_interval_later() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let mut client = open(&replicas).await;
    for _ in 0..10 {
        assert!(client.is_silent_for(EVERY - Duration::from_secs(1)).await);
        client.send(request(1, "ReadQC").bytes());
        assert_eq!(client.reply().await, request(1, "ReadQC").bytes());
    }
    is_alive_after(&mut client, EVERY).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_client_does_not_ask_shows_nothing() {
    let (replica, _events) = Replica::new();
    let replicas = replica.start().await;
    let headers = [("gorums-ext", "1")];
    let mut client = RawClient::open(&replicas, &headers)
        .await
        .expect("a stream");
    assert_eq!(client.headers.get(KEEP_ALIVE), None);
    assert!(
        client
            .is_silent_for(Duration::from_secs(24 * 60 * 60))
            .await
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_handler_and_a_full_backlog_do_not_keep_a_stream_from_showing_that_it_is_alive() {
    let (replica, mut events) = Replica::new();
    let limits = StreamLimits::new().backlog(1, 1);
    let router = || Router::new().add_replica(StorageReplicaServer::new(replica.clone()));
    let replicas = replicas(1, |_| router().stream_limits(limits)).await;
    let replicas = replicas.expect("a replica");
    let mut client = open(&replicas).await;
    for number in 1..=100 {
        client.send(request(number, "ReadQC").with(&key("hold")).bytes());
    }
    for _ in 0..3 {
        is_alive_after(&mut client, EVERY).await;
    }
    assert_eq!(events.next().await, "holding");
    assert!(events.past().is_empty(), "a second handler was started");
    replica.gate.open();
    for number in 1..=100 {
        assert_eq!(client.reply().await, request(number, "ReadQC").bytes());
    }
    is_alive_after(&mut client, EVERY).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_for_an_older_one_shows_that_it_is_alive() {
    let (replica, mut events) = Replica::new();
    let replicas = replica.start().await;
    let headers = |stream: &'static str| {
        let client = ("gorums-client", "00000000000000000000000000000001");
        [client, ("gorums-stream", stream), (KEEP_ALIVE, "5000m")]
    };
    let older = RawClient::open(&replicas, &headers("1")).await;
    let older = older.expect("a stream");
    older.send(request(1, "ReadQC").with(&key("hold")).bytes());
    assert_eq!(events.next().await, "holding");
    let newer = RawClient::open(&replicas, &headers("2")).await;
    let mut newer = newer.expect("a stream");
    newer.send(request(2, "ReadQC").bytes());
    for _ in 0..3 {
        is_alive_after(&mut newer, EVERY).await;
    }
    replica.gate.open();
    assert_eq!(newer.reply().await, request(2, "ReadQC").bytes());
}

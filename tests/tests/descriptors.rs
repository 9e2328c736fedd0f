//! A server whose process has run out of descriptors: a separate process, since the limit is for the process.

#![cfg(unix)]

use std::fs::File;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use gorums_runtime::{Manager, Server};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use tests::numbered_replica::{Cluster, connect, request};
use tests::spec::Count;

/// The CPU time of the process.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let [user, system] = [usage.user_time(), usage.system_time()].map(|time| {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(micros.try_into().expect("it has passed"))
    });
    user + system
}

#[tokio::test]
async fn a_server_without_descriptors_waits_for_them_and_then_serves() {
    const OBSERVED: Duration = Duration::from_millis(500);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
    setrlimit(Resource::RLIMIT_NOFILE, 60, hard).expect("a lower limit");
    let cluster = Cluster::start(0);
    let server = Server::new(cluster.router(1)).bind("127.0.0.1:0").await;
    let server = server.expect("a free port");
    let address = server.address();
    let waiting: Vec<_> = (0..5).map(|_| TcpStream::connect(address)).collect();
    assert!(waiting.iter().all(Result::is_ok), "the kernel takes them");
    let all_others: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(!all_others.is_empty());

    let before = (Instant::now(), used());
    let _running = server.start();
    tokio::time::sleep(OBSERVED).await;
    let (passed, used) = (before.0.elapsed(), used() - before.1);
    assert!(used < passed / 4, "{used:?} of CPU time in {passed:?}");

    drop((all_others, waiting));
    let manager = Manager::builder().address(address.to_string());
    let numbered = connect(manager, Count(1)).await;
    let node = numbered.nodes().next().expect("a node");
    let call = node.call(request(1)).into_future();
    let reply = tests::soon("a reply, once there are descriptors", call).await;
    reply.expect("a reply");
}

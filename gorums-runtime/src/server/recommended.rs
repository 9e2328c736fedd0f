//! What a tonic server needs in order to serve replicas well.

use std::time::Duration;

use tonic::transport::Server;

use crate::wire::MAX_FRAME;

/// How many calls a connection remembers that were withdrawn before their handler was started.
///
/// A server that has more of them closes the connection, as it would that of an attacker. HTTP/2's default is 20, which
/// a burst of withdrawn calls exceeds at once.
const REMEMBERED_RESETS: usize = 16_384;

/// How many plain gRPC calls and streams of one connection may be under way. Further ones wait at the client.
///
/// hyper's default is 200, so that as many calls whose handlers wait would keep all others from being started. Replies
/// of up to 16 KiB are bounded by this number only: 64 MiB per connection.
pub(super) const CONCURRENT_CALLS: u32 = 4096;

/// How long nothing may arrive on a connection before the server sends a ping.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer to a ping may take.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Applies what [`Server`](crate::Server) sets to a tonic server of your own.
///
/// tonic's defaults do not fit quorum calls, which are withdrawn in large numbers: a connection on which 20 calls were
/// withdrawn before their handlers began is closed, and all other calls on it fail. This sets:
///
/// * 16,384 withdrawn calls per connection, instead of 20;
/// * 4096 calls under way per connection, instead of 200;
/// * frames of up to 128 KiB, instead of 16 KiB;
/// * a ping when nothing has arrived for 10 s, whose answer may take 5 s, so that dead clients are noticed.
///
/// Set what should differ afterwards.
///
/// ```no_run
/// # async fn example(router: gorums_runtime::server::Router) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::server::recommended_server;
/// use gorums_runtime::tonic::transport::Server;
///
/// recommended_server(Server::builder())
///     .add_routes(router.into_routes())
///     .serve("127.0.0.1:4000".parse()?)
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn recommended_server<L>(server: Server<L>) -> Server<L> {
    server
        .max_frame_size(MAX_FRAME)
        .http2_max_pending_accept_reset_streams(Some(REMEMBERED_RESETS))
        .max_concurrent_streams(CONCURRENT_CALLS)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
}

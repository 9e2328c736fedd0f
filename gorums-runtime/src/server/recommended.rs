//! The options that a tonic server needs in order to serve replicas well.

use std::time::Duration;

use tonic::transport::Server;

use crate::wire::MAX_FRAME;

/// How many calls of one connection may have been cancelled before hyper has accepted their streams.
///
/// Beyond that, the server closes the connection, because it looks like an attack. The default of 20 is too low: one
/// burst of cancelled calls exceeds it.
const REMEMBERED_RESETS: usize = 16_384;

/// How many plain gRPC calls and node streams of one connection may be in flight. Further ones wait at the client.
///
/// With hyper's default of 200, that many waiting handlers would block all other calls. No other limit holds for the
/// replies of up to 16 KiB: they may take 64 MiB per connection.
pub(super) const CONCURRENT_CALLS: u32 = 4096;

/// How many bytes a connection may have received that no stream has read yet, in place of hyper's 1 MiB.
///
/// HTTP/2 closes a connection once its unread frames of less than 256 bytes, each of them counted by what it has less,
/// exceed half of this. A server that is short of processor time reads up to 128 KiB at once: some 4,500 of the smallest
/// messages, which count 1 MiB.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How long a connection may be silent before the server sends a ping.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer to a ping may take.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Applies the options of [`Server`](crate::Server) to a tonic server of your own.
///
/// tonic's defaults do not suit quorum calls, because clients cancel many of those. tonic closes a connection once 20
/// of its calls were cancelled before their handlers began, and all its other calls fail. This function sets:
///
/// * 16,384 such cancelled calls per connection, instead of 20;
/// * 4096 calls in flight per connection, instead of 200;
/// * frames of up to 128 KiB, instead of 16 KiB;
/// * 4 MiB that a connection may receive before they are read, instead of 1 MiB: many small messages count as more than
///   their bytes, and beyond that the connection is closed;
/// * a ping after 10 s of silence, whose answer may take 5 s, to detect dead clients.
///
/// Change single options afterwards.
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
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_pending_accept_reset_streams(Some(REMEMBERED_RESETS))
        .max_concurrent_streams(CONCURRENT_CALLS)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
}

//! How many calls there are, how long they take and how they fail: figures for monitoring.
//!
//! [`Metrics`] has the figures of everything that it is given to: [managers](crate::ManagerBuilder::metrics) and
//! [servers](crate::Server::metrics). For a [`System`](crate::System), give it to both.
//!
//! ```no_run
//! # async fn example(replica: impl IntoServer) -> Result<(), Box<dyn std::error::Error>> {
//! use gorums_runtime::metrics::Metrics;
//! use gorums_runtime::{Server, System};
//!
//! let metrics = Metrics::new();
//! let system = System::builder(1, [(1, "10.0.0.1:4000"), (2, "10.0.0.2:4000"), (3, "10.0.0.3:4000")])
//!     .manager(|manager| manager.metrics(&metrics))
//!     .bind()
//!     .await?;
//! let running = system.serve(Server::new(replica.into_router()).metrics(&metrics))?;
//! # Ok(())
//! # }
//! # trait IntoServer { fn into_router(self) -> gorums_runtime::server::Router; }
//! ```
//!
//! # How to export them
//!
//! * **Prometheus**, and all that read its format, such as OpenTelemetry's collector: with the crate's feature
//!   `prometheus`, [`Metrics`] is a `Collector` of the crate
//!   [prometheus-client](https://docs.rs/prometheus-client): `registry.register_collector(Box::new(metrics.clone()))`. The
//!   storage example serves them with `storage serve --metrics ADDRESS`.
//! * **Anything else**: [`Metrics::snapshot`] returns all values as they are now.
//!
//! # All metrics
//!
//! Names and units are those of OpenTelemetry's conventions for RPCs, where these have one: the names that begin with
//! `rpc.`. Prometheus has `_` in place of `.`, the unit at the end, if it is seconds or bytes, and `_total` after that of
//! counters: `rpc_client_call_duration_seconds`, `gorums_client_node_errors_total`.
//!
//! | metric | type | unit | labels | what it measures |
//! |---|---|---|---|---|
//! | `rpc.client.call.duration` | histogram | `s` | `rpc.system.name`, `rpc.method`, `gorums.outcome`, `error.type` | how long calls took, from their start until they ended; of all types, to one node or several |
//! | `gorums.client.active_calls` | gauge | `{call}` | `rpc.method` | calls in flight |
//! | `gorums.client.node.reply.duration` | histogram | `s` | *node* | how long a node took to answer calls with one reply, without the time until its stream was open; also after the call was decided |
//! | `gorums.client.node.errors` | counter | `{error}` | *node*, `rpc.response.status_code` | calls that failed on a node: those that [`NodeErrors`](crate::errors::NodeErrors) reports |
//! | `gorums.client.node.connected` | gauge | `1` | *node* | 1 while the node stream is open, otherwise 0; see [`Connectivity`](crate::Connectivity) |
//! | `gorums.client.node.connections` | counter | `{connection}` | *node* | node streams that were opened; beyond the first these are reconnections |
//! | `gorums.client.node.connection_failures` | counter | `{failure}` | *node* | node streams that broke, or could not be opened |
//! | `gorums.client.node.queue.messages` | gauge | `{message}` | *node* | messages that wait to be sent on the node stream |
//! | `gorums.client.node.queue.messages.limit` | gauge | `{message}` | *node* | the most that may: [`queue_limit`](crate::ManagerBuilder::queue_limit) |
//! | `gorums.client.node.queue.size` | gauge | `By` | *node* | bytes of these messages |
//! | `gorums.client.node.queue.size.limit` | gauge | `By` | *node* | the most bytes |
//! | `gorums.client.node.stragglers` | gauge | `{call}` | *node* | decided calls that go on at the node, which has not answered yet |
//! | `gorums.client.node.dropped_one_way_calls` | counter | `{call}` | *node* | detached one-way calls that were dropped because there was no room for them |
//! | `rpc.server.call.duration` | histogram | `s` | `rpc.system.name`, `rpc.method`, `rpc.response.status_code`, `error.type` | how long handlers took; calls that no handler got count as 0 s |
//! | `gorums.server.wait.duration` | histogram | `s` | `rpc.method` | how long requests on node streams waited for their turn, of those that had to wait |
//! | `gorums.server.waiting_requests` | gauge | `{request}` | | requests on node streams that wait for their turn |
//! | `gorums.server.streams` | gauge | `{stream}` | | open node streams |
//! | `gorums.server.unread.size` | gauge | `By` | | bytes of replies that clients with an IP address have not read |
//!
//! With [`Transport::Grpc`](crate::Transport::Grpc), the three metrics of connections are there with
//! [`keep_connected`](crate::ManagerBuilder::keep_connected) only.
//!
//! # Labels, and how many values they may have
//!
//! Nobody outside of the process can make a series, other than with one of a fixed set of labels.
//!
//! | label | values |
//! |---|---|
//! | `rpc.system.name` | `grpc` |
//! | `rpc.method` | the methods that the program calls, and those that the server has, such as `register.Register/Read`. All other methods that clients ask for count as `_OTHER` |
//! | `gorums.outcome` | the ten names of [`CallOutcome`](crate::interceptors::CallOutcome), such as `decided` |
//! | `rpc.response.status_code` | the 17 names of gRPC, such as `DEADLINE_EXCEEDED` |
//! | `error.type` | of a call that failed: its outcome; at a server: its code, if that is one of those that are the server's fault |
//! | *node*: `gorums.node.id`, `server.address`, `server.port` | the nodes that the manager has; a node that it no longer has leaves the metrics once no handle is left. All [clients](crate::server::Clients) that a server calls count as one node, `clients` |
//!
//! Managers that share the metrics share the series, too: if several have a node with the same id and address, its
//! `connected` is the number of its open streams, and the limits of its queues add up.
//!
//! # What they cost
//!
//! The runtime counts in variables of its own, of which most threads have their own, and reads gauges when a snapshot is
//! taken. Of handlers that end at once, one after the other on one stream, one in eight is timed; the seven after it count as
//! long as it took. [Benchmarks] has the measured cost. The common facades cost more for each value: the Prometheus exporter of
//! the crate `metrics` keeps each duration with its time until it is scraped, and OpenTelemetry's SDK looks up the labels each
//! time. Interceptors would allocate for each call.
//!
//! [Benchmarks]: https://github.com/gorums-rs/gorums-rs/blob/main/docs/benchmarks.md#metrics

// Owns what is measured, and the names. Imports `identity`. Does not know what reports to it: calls, nodes and servers hold
// the meters.

#[cfg(feature = "metrics")]
mod catalogue;
#[cfg(feature = "metrics")]
mod client;
mod client_meter;
#[cfg(feature = "metrics")]
mod codes;
mod handler_timer;
#[cfg(feature = "metrics")]
mod histogram;
#[cfg(feature = "metrics")]
mod method_table;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(feature = "metrics")]
mod registry;
#[cfg(feature = "metrics")]
mod server;
mod server_meter;
#[cfg(feature = "metrics")]
mod snapshot;
#[cfg(feature = "metrics")]
mod sources;
#[cfg(feature = "metrics")]
mod thread_number;

#[cfg(feature = "metrics")]
pub use catalogue::{Description, Kind};
#[cfg(feature = "metrics")]
pub(crate) use catalogue::{
    NODE_CONNECTED, NODE_CONNECTION_FAILURES, NODE_CONNECTIONS, NODE_QUEUE, NODE_QUEUE_LIMIT,
    NODE_QUEUE_SIZE, NODE_QUEUE_SIZE_LIMIT, NODE_STRAGGLERS, SERVER_STREAMS, SERVER_UNREAD,
};
pub(crate) use client_meter::{CallMeter, ClientMeter, NodeMeter};
#[cfg(feature = "metrics")]
pub(crate) use handler_timer::Began;
pub(crate) use handler_timer::{HandlerBurst, HandlerTimer};
#[cfg(feature = "metrics")]
pub use registry::Metrics;
pub(crate) use server_meter::{HandlerMeter, ServerMeter, WaitTimer};
#[cfg(feature = "metrics")]
pub(crate) use snapshot::Samples;
#[cfg(feature = "metrics")]
pub use snapshot::{Buckets, Family, Labels, Sample, Value};
#[cfg(feature = "metrics")]
pub(crate) use sources::Source;

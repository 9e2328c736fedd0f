//! The options of connections to the nodes, and of the messages on them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;

use super::builder::ManagerBuilder;
use crate::call::{ClientInterceptor, MessageOptions, MessageSize, ReplyLimit, Side};
use crate::connection::{Adjustment, Backoff, Connector, KeepAlive, Resolver};
use crate::identity::NodeSpec;
use crate::support::Connection;
#[cfg(feature = "_tls-any")]
use crate::tls::{Dialled, Proves, RotatingCredentials};

/// The connections to the nodes.
impl ManagerBuilder {
    /// The default of [`connect_timeout`](Self::connect_timeout).
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Bounds each attempt to connect to a node, in which its name is resolved, all of its IP addresses are tried, and
    /// the TLS handshake is made. [`connect`](Self::connect) then waits as long for the first answer of the node. The
    /// default is [`DEFAULT_CONNECT_TIMEOUT`](Self::DEFAULT_CONNECT_TIMEOUT).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connection.connect_timeout = timeout;
        self
    }

    /// Resolves names with `resolve` in place of the system's resolver. It gets the address of a node as it was given, in
    /// lower case, if that is not `ip:port`, and returns the IP addresses to try, in order.
    ///
    /// A name is resolved in each attempt to connect, so a node may move, and a name that is not known yet fails that
    /// attempt only. A panic of `resolve` counts as a failed attempt.
    ///
    /// ```no_run
    /// # fn example(builder: gorums_runtime::ManagerBuilder) -> gorums_runtime::ManagerBuilder {
    /// // Asks the system's resolver, and prefers IPv6.
    /// builder.resolver(|address| async move {
    ///     let mut addresses: Vec<_> = tokio::net::lookup_host(address).await?.collect();
    ///     addresses.sort_by_key(|address| address.is_ipv4());
    ///     Ok(addresses)
    /// })
    /// # }
    /// ```
    pub fn resolver<F, Fut>(mut self, resolve: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.connection.resolver = Resolver::new(resolve);
        self
    }

    /// Connects with `connect` in place of TCP: in memory, under simulation, or through a tunnel. Names are still
    /// [resolved](Self::resolver).
    ///
    /// A panic of `connect`, or of the future that it returns, counts as a failed attempt. A panic of the connection
    /// counts as its loss.
    pub fn connector<F, Fut, C>(mut self, connect: F) -> Self
    where
        F: Fn(SocketAddr) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<C>> + Send + 'static,
        C: Connection,
    {
        self.connection.connector = Connector::new(connect);
        self
    }

    /// Sets the time between failed attempts to connect to a node. The default is [`Backoff::default`].
    ///
    /// A call that needs a connection during an attempt waits for its outcome, and fails with `Unavailable` if the
    /// attempt does. After a connection that was established breaks, the next attempt is made at once.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.connection.backoff = backoff;
        self
    }

    /// Sends an HTTP/2 ping to a node from which nothing has arrived for `interval`, even if no call is in flight. If
    /// nothing arrives for `timeout` after that, the connection is closed, and calls in flight fail with `Unavailable`.
    /// Both are at least a millisecond.
    ///
    /// By default there are no pings. Node streams to servers of this crate do without them; see
    /// [`stream_keep_alive`](Self::stream_keep_alive). With [`Transport::Grpc`](crate::Transport::Grpc), and with node
    /// streams to servers in Go, only the deadlines of calls then detect a node whose host or network has vanished: **a
    /// call without a deadline waits for as long as the operating system keeps the connection**. Set one of the two:
    ///
    /// * a timeout for every call, with [`CallOptions::timeout`](crate::CallOptions::timeout). Nodes that hang need one
    ///   anyway, because their connections still answer pings;
    /// * `keep_alive`, as often as the servers allow. Servers of this crate and of tonic allow any interval:
    ///   `keep_alive(Duration::from_secs(10), Duration::from_secs(5))` detects a vanished node within 15 s. Other servers
    ///   close the connections of clients that ping too often (`too_many_pings`). Those in Go, C++ and Java allow a ping
    ///   every five minutes while a call is in flight, and every two hours otherwise, unless they are configured to allow
    ///   more (in Go with `keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}`).
    ///
    /// Pings are off by default because a plain gRPC client does not know what its servers allow.
    pub fn keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        let shortest = Duration::from_millis(1);
        self.connection.keep_alive = Some(KeepAlive {
            interval: interval.max(shortest),
            timeout: timeout.max(shortest),
        });
        self
    }

    /// The default of [`stream_keep_alive`](Self::stream_keep_alive): 5 seconds.
    pub const DEFAULT_STREAM_KEEP_ALIVE: Duration = MessageOptions::STREAM_KEEP_ALIVE;

    /// Asks each node to send something on its stream at least every `interval`, clamped to between a second and an
    /// hour. The default is [`DEFAULT_STREAM_KEEP_ALIVE`](Self::DEFAULT_STREAM_KEEP_ALIVE). `None` turns it off.
    ///
    /// If nothing arrives for three intervals, the stream ends: calls in flight fail with `Unavailable`, and the next
    /// call makes a new connection. A node whose host or network has vanished is thus detected without HTTP/2 pings,
    /// which some servers penalise. Servers that do not know the request, such as those in Go, are not watched. For
    /// those, and for
    /// [`Transport::Grpc`](crate::Transport::Grpc), see [`keep_alive`](Self::keep_alive).
    pub fn stream_keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(60 * 60));
        let interval = interval.into();
        self.messages.stream_keep_alive =
            interval.map(|interval| interval.clamp(shortest, longest));
        self
    }

    /// Connects by TLS, over TCP or over the connections of the [`connector`](Self::connector). Without this call,
    /// connections are not encrypted. Needs one of the crate's features `tls-ring` and `tls-aws-lc`.
    ///
    /// A node has to present a certificate for the host in its address as it was given, or for the credentials'
    /// [`server_name`](crate::CredentialsBuilder::server_name), which an authority in the credentials has signed. If the
    /// credentials have a certificate of their own, the manager presents it to the node. [`RotatingCredentials`] can be
    /// replaced while the manager uses them.
    ///
    /// If TLS fails, calls on the node fail with `Unavailable` and a [`TlsError`](crate::errors::TlsError), and so does
    /// [`connect`](Self::connect).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use gorums_runtime::{Credentials, Manager};
    ///
    /// let [certificate, key, authorities] = ["client.pem", "client.key", "ca.pem"].map(std::fs::read);
    /// let manager = Manager::builder()
    ///     .address("replica-1.example.com:4000")
    ///     .tls(Credentials::from_pem(certificate?, key?, authorities?)?)
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn tls(mut self, credentials: impl Into<RotatingCredentials>) -> Self {
        self.connection.tls = Some(Dialled {
            credentials: credentials.into(),
            proves: Proves::Host,
        });
        self
    }

    /// Sends `user_agent`, such as `name/1`, in front of the default `user-agent`. The default names this crate, or
    /// tonic for calls on the node's [channel](crate::Node::channel). `user_agent` must consist of visible ASCII
    /// characters and spaces; otherwise the manager is not created.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.connection.user_agent = Some(user_agent.into());
        self
    }

    /// Lets `adjust` change each node's endpoint, after everything else is set, for options of tonic that this builder
    /// does not have.
    ///
    /// The [`connector`](Self::connector) still makes the connections, so options of TCP and TLS have no effect. Neither
    /// has an executor.
    ///
    /// ```
    /// # use gorums_runtime::Manager;
    /// let builder = Manager::builder()
    ///     .endpoint(|_, endpoint| endpoint.initial_connection_window_size(16 * 1024 * 1024));
    /// ```
    pub fn endpoint<F>(mut self, adjust: F) -> Self
    where
        F: Fn(&NodeSpec, Endpoint) -> Endpoint + Send + Sync + 'static,
    {
        self.connection.adjustment = Some(Adjustment(Arc::new(adjust)));
        self
    }
}

/// The messages on the connections. These options apply to all calls except those of a tonic client on a
/// [`channel`](crate::Node::channel).
impl ManagerBuilder {
    /// The default of [`max_message_size`](Self::max_message_size): 4 MiB, as everywhere in gRPC.
    pub const DEFAULT_MAX_MESSAGE_SIZE: usize = MessageSize::DEFAULT;

    /// Sends `metadata` with every call. A call's own entries replace those with the same key. There is none by
    /// default.
    pub fn metadata(mut self, metadata: MetadataMap) -> Self {
        self.messages.metadata = metadata.into_headers();
        self
    }

    /// Puts `interceptor` around all calls, inside of those that were added before; see [`ClientInterceptor`].
    pub fn intercept(mut self, interceptor: impl ClientInterceptor) -> Self {
        self.messages.interceptors.push(interceptor);
        self
    }

    /// Measures the calls and the nodes of this manager; see [`metrics`](crate::metrics). Needs the crate's feature
    /// `metrics`.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: &crate::metrics::Metrics) -> Self {
        self.messages.meter = crate::metrics::ClientMeter::new(metrics);
        self
    }

    /// Limits the size of a request that is sent and of a reply that is accepted, in bytes without metadata and before
    /// compression, on both transports. The default is [`DEFAULT_MAX_MESSAGE_SIZE`](Self::DEFAULT_MAX_MESSAGE_SIZE); gRPC has
    /// no messages of more than 4 GiB.
    ///
    /// A larger request is not sent, and a larger reply is dropped: the call fails on that node with `OutOfRange`. The
    /// servers have [a limit of their own](crate::Server::max_message_size), so raise both.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.messages.max_message_size = MessageSize::new(bytes, Side::Client);
        self
    }

    /// Limits the replies of one node, and their bytes as received, that one call with streams of replies holds: those
    /// that it has not read, and those that its quorum function has seen and not taken. The default is 16,384 replies
    /// and 64 MiB. One reply of any size is accepted if there is no other.
    ///
    /// If a node sends more, the call fails on it with `ResourceExhausted`; its replies so far still count. Each node
    /// has a limit of its own.
    pub fn reply_limit(mut self, replies: usize, bytes: usize) -> Self {
        self.messages.reply_limit = ReplyLimit { replies, bytes };
        self
    }

    /// Compresses requests, once per call, if that makes them smaller. By default they are not compressed. Nodes that
    /// do not accept the encoding answer `Unimplemented`. Needs the crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn send_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.send_compressed = Some(encoding);
        self
    }

    /// Lets the nodes compress their replies with `encoding`. Repeated calls add encodings; earlier ones are preferred.
    /// By default, nodes must not compress replies. Needs the crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn accept_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.accept_compressed.push(encoding);
        self
    }
}

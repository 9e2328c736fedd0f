//! The options of connections to the nodes, and of the messages on them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;

use super::builder::ManagerBuilder;
use crate::call::{MessageOptions, ReplyLimit};
use crate::connection::{Adjustment, Backoff, Connector, KeepAlive};
use crate::identity::NodeSpec;
use crate::support::Connection;

/// The connections to the nodes.
impl ManagerBuilder {
    /// The default of [`connect_timeout`](Self::connect_timeout).
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Bounds each of three steps: resolving an address, connecting to it, and the TLS handshake. The default is
    /// [`DEFAULT_CONNECT_TIMEOUT`](Self::DEFAULT_CONNECT_TIMEOUT).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connection.connect_timeout = timeout;
        self
    }

    /// Connects with `connect` in place of TCP: in memory, under simulation, or through a tunnel. Addresses other
    /// than `ip:port` are still resolved by DNS.
    ///
    /// A panic of `connect`, or of the future that it returns, counts as a failed attempt. A panic of the connection counts
    /// as its loss.
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
    /// A call that needs a connection during an attempt waits for its outcome, and fails with `Unavailable` if the attempt
    /// does. After a connection that was established breaks, the next attempt is made at once.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.connection.backoff = backoff;
        self
    }

    /// Sends an HTTP/2 ping to a node from which nothing has arrived for `interval`, even if no call is in flight. If nothing
    /// arrives for `timeout` after that, the connection is closed, and calls in flight fail with `Unavailable`. Both are at
    /// least a millisecond.
    ///
    /// By default there are no pings. Node streams to servers of this crate are watched without them; see
    /// [`stream_keep_alive`](Self::stream_keep_alive). With [`Transport::Grpc`](crate::Transport::Grpc), and with node
    /// streams to servers in Go, a node whose host or network vanished without a word is then noticed by the deadlines of
    /// calls only: **a call without a deadline waits for as long as the operating system keeps the connection**. Set one of
    /// the two:
    ///
    /// * a timeout for every call, with [`CallOptions::timeout`](crate::CallOptions::timeout), which is needed for nodes
    ///   that hang anyhow, as their connections answer pings;
    /// * `keep_alive`, with what the servers allow. Servers of this crate and of tonic allow any interval, so that
    ///   `keep_alive(Duration::from_secs(10), Duration::from_secs(5))` notices a node that vanished in 15 s. Others close
    ///   the connections of clients that ping too often (`too_many_pings`): those in Go, C++ and Java allow a ping every
    ///   five minutes while a call is under way, and every two hours otherwise, unless they are set up to allow more (in
    ///   Go with `keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}`).
    ///
    /// It is not on by default because a client of plain gRPC does not know whose server it calls before it has called.
    pub fn keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        let shortest = Duration::from_millis(1);
        self.connection.keep_alive = Some(KeepAlive {
            interval: interval.max(shortest),
            timeout: timeout.max(shortest),
        });
        self
    }

    /// How often a node is asked to send something on its stream when it has nothing else to send, unless
    /// [`stream_keep_alive`](Self::stream_keep_alive) says otherwise: every 5 seconds.
    pub const DEFAULT_STREAM_KEEP_ALIVE: Duration = MessageOptions::STREAM_KEEP_ALIVE;

    /// How often a node is asked to send something on its stream when it has nothing else to send, from a second to an
    /// hour; [`DEFAULT_STREAM_KEEP_ALIVE`](Self::DEFAULT_STREAM_KEEP_ALIVE) by default, and never with `None`.
    ///
    /// When nothing has come for three intervals the stream ends: calls that were under way fail with `Unavailable`, and
    /// the next call connects anew. That is how a node whose host or network vanished without a word is noticed. It takes
    /// no HTTP/2 pings, so that no server takes offence at it; a server that does not know the request, such as one in Go,
    /// is not watched. For those, and for [`Transport::Grpc`](crate::Transport::Grpc), see
    /// [`keep_alive`](Self::keep_alive).
    pub fn stream_keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(60 * 60));
        let interval = interval.into();
        self.messages.stream_keep_alive =
            interval.map(|interval| interval.clamp(shortest, longest));
        self
    }

    /// Connects by TLS, over TCP or what [`connector`](Self::connector) makes; without this in the clear. Needs one
    /// of the crate's features `tls-ring` and `tls-aws-lc`.
    ///
    /// A node has to present a certificate for the host in its address as it was given, or for the
    /// [`domain_name`](tonic::transport::ClientTlsConfig::domain_name) in `tls`, signed by an authority in `tls`: its
    /// `ca_certificate`s, and those of the platform or of Mozilla (`with_enabled_roots`, with the features
    /// `tls-native-roots` and `tls-webpki-roots`). If `tls` has an `identity`, that is presented to the node. The
    /// handshake may take as long as the [`connect_timeout`](Self::connect_timeout), whatever `tls` says of that.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use gorums_runtime::Manager;
    /// use gorums_runtime::tonic::transport::{Certificate, ClientTlsConfig, Identity};
    ///
    /// let tls = ClientTlsConfig::new()
    ///     .ca_certificate(Certificate::from_pem(std::fs::read("ca.pem")?))
    ///     .identity(Identity::from_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?));
    /// let manager = Manager::builder()
    ///     .address("replica-1.example.com:4000")
    ///     .tls(tls)
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "_tls-any")]
    pub fn tls(mut self, tls: tonic::transport::ClientTlsConfig) -> Self {
        self.connection.tls = Some(tls);
        self
    }

    /// Puts `user_agent`, such as `name/1`, in front of the `user-agent` that is sent alone by default: that of this crate,
    /// or tonic's where a call takes the node's [channel](crate::Node::channel). It is of visible ASCII characters and
    /// spaces, or the manager cannot be made.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.connection.user_agent = Some(user_agent.into());
        self
    }

    /// Lets `adjust` change the endpoint of each node, for what tonic offers and this builder does not, after
    /// everything else is set.
    ///
    /// The connection is made by the [`connector`](Self::connector) even so: what concerns TCP has no effect. Nor has
    /// an executor.
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

/// What is sent over the connections. It holds for all calls but those through a tonic client on a
/// [`channel`](crate::Node::channel).
impl ManagerBuilder {
    /// The size in bytes that a reply may have, unless [`max_reply_size`](Self::max_reply_size) says otherwise: 4 MiB,
    /// as everywhere in gRPC.
    pub const DEFAULT_MAX_REPLY_SIZE: usize = 4 * 1024 * 1024;

    /// Sends `metadata` with every call. A call's own entries take the place of those with the same key. None by
    /// default.
    pub fn metadata(mut self, metadata: MetadataMap) -> Self {
        self.messages.metadata = metadata.into_headers();
        self
    }

    /// How many bytes a request may have, before compression; by default as many as gRPC can carry, 4 GiB. A call
    /// with a larger one fails on each node that it would go to with `ResourceExhausted`, and is not sent there.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.messages.max_request_size = bytes;
        self
    }

    /// How many bytes a reply may have, as it came and decompressed;
    /// [`DEFAULT_MAX_REPLY_SIZE`](Self::DEFAULT_MAX_REPLY_SIZE) by default. A larger one is its node's error,
    /// `OutOfRange`.
    pub fn max_reply_size(mut self, bytes: usize) -> Self {
        self.messages.max_reply_size = bytes;
        self
    }

    /// How many replies of one node, and how many bytes of them as they came, one call with streams of replies holds:
    /// those that it has not read, and those that its quorum function has seen and not taken. 16,384 replies and 64 MiB by
    /// default, and one reply of any size if there is no other.
    ///
    /// A node that sends more fails in that call, with `ResourceExhausted`, and what it has sent still counts. The others
    /// have room of their own.
    pub fn reply_limit(mut self, replies: usize, bytes: usize) -> Self {
        self.messages.reply_limit = ReplyLimit { replies, bytes };
        self
    }

    /// Compresses requests, once per call, if that makes them smaller; by default they are sent as they are. The
    /// nodes have to accept the encoding, or answer `Unimplemented`. Needs the crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn send_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.send_compressed = Some(encoding);
        self
    }

    /// Lets the nodes compress their replies with `encoding`, and with those of earlier calls of this method, which
    /// are preferred; by default with none. Needs the crate's feature `gzip` or `zstd`.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub fn accept_compressed(mut self, encoding: tonic::codec::CompressionEncoding) -> Self {
        self.messages.accept_compressed.push(encoding);
        self
    }
}

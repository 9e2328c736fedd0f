//! Connections that the server can close.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::support::Turns;
use crate::telemetry;

/// Length of the HTTP/2 client preface. Once it has arrived, pings detect a client that goes silent.
const PREFACE: usize = 24;

/// The first byte of a TLS handshake. The preface of HTTP/2 begins with a letter.
const TLS_HANDSHAKE: u8 = 0x16;

/// A connection that fails once the server closes it. Otherwise tonic keeps a connection open as long as its calls
/// last.
#[derive(Debug)]
pub(super) struct Closable<C> {
    connection: C,
    turns: Turns,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    /// `None` once the client has completed the handshakes.
    handshake: Option<Box<Handshake>>,
    /// The connection's share of the server's connection limit.
    _place: OwnedSemaphorePermit,
}

/// The handshakes of TLS, if the server uses it, and of HTTP/2.
#[derive(Debug)]
struct Handshake {
    /// The bytes of HTTP/2 that were read.
    read: usize,
    late: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Tells connections when to close.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    /// Cancelled when all connections have to close.
    pub(super) close: CancellationToken,
    /// Cancelled when the server shuts down, which closes connections whose handshakes are incomplete.
    pub(super) stopping: CancellationToken,
    /// How long the handshakes may take.
    pub(super) handshake_timeout: Duration,
}

impl<C> Closable<C> {
    /// Wraps `connection`, which fails once `closing` tells it to close.
    pub(super) fn new(connection: C, place: OwnedSemaphorePermit, closing: Closing) -> Self {
        let handshake = Handshake {
            read: 0,
            late: Box::pin(tokio::time::sleep(closing.handshake_timeout)),
            stopping: Box::pin(closing.stopping.cancelled_owned()),
        };
        Self {
            connection,
            turns: Turns::default(),
            closed: Box::pin(closing.close.cancelled_owned()),
            handshake: Some(Box::new(handshake)),
            _place: place,
        }
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.poll_in_time(cx)
    }

    /// Fails if the handshakes take too long. HTTP/2 writes before it reads, and a write may wait for TLS.
    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match &mut self.handshake {
            Some(handshake) => handshake.poll_in_time(cx),
            None => Ok(()),
        }
    }

    /// Notes that `bytes` were read.
    fn note_read(&mut self, bytes: &[u8])
    where
        C: Connected,
    {
        let Some(handshake) = &mut self.handshake else {
            return;
        };
        if handshake.read == 0 && bytes.first() == Some(&TLS_HANDSHAKE) {
            let why = "the client connects by TLS, and this server does not use it; give the server credentials";
            telemetry::handshake_failed(why, address(&self.connection));
        }
        handshake.read += bytes.len();
        if handshake.read >= PREFACE {
            self.handshake = None;
        }
    }
}

impl Handshake {
    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.late.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match self.stopping.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

/// Where a connection comes from, if it has an address.
fn address(connection: &impl Connected) -> Option<SocketAddr> {
    let info = connection.connect_info();
    let info: &dyn Any = &info;
    info.downcast_ref::<TcpConnectInfo>()?.remote_addr()
}

impl<C: Connected> Connected for Closable<C> {
    type ConnectInfo = ConnectionInfo<C::ConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        ConnectionInfo {
            connection: self.connection.connect_info(),
            turns: self.turns.clone(),
        }
    }
}

/// What the requests of a connection have among their extensions until it is revealed to the services.
#[derive(Clone)]
pub(super) struct ConnectionInfo<I> {
    connection: I,
    turns: Turns,
}

impl<I: Clone + Send + Sync + 'static> ConnectionInfo<I> {
    /// Replaces itself among the extensions of a request by its parts.
    pub(super) fn reveal(extensions: &mut Extensions) {
        if let Some(Self { connection, turns }) = extensions.remove() {
            extensions.insert(connection);
            extensions.insert(turns);
        }
    }
}

impl<C: AsyncRead + Connected + Unpin> AsyncRead for Closable<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_open(cx)?;
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.connection).poll_read(cx, buffer);
        let read = &buffer.filled()[before..];
        self.turns.count_moved(cx, read.len());
        self.note_read(read);
        outcome
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Closable<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_in_time(cx)?;
        let written = Pin::new(&mut self.connection).poll_write(cx, bytes);
        self.turns.count_written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_in_time(cx)?;
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, bytes);
        self.turns.count_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

//! The server's end of a connection by TLS.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

use super::certificate::PeerCertificate;
use super::diagnosis;
use super::rotating::RotatingCredentials;

/// What is told of a client whose handshake fails: why, and its address, if it has one.
pub(crate) type Refused = fn(&str, Option<SocketAddr>);

/// A connection whose TLS handshake is made when it is first read or written.
pub(crate) struct Accepted<C, T> {
    state: State<C>,
    peer: AcceptedPeer<T>,
    refused: Refused,
}

enum State<C> {
    ShakingHands(tokio_rustls::Accept<C>),
    Open(TlsStream<C>),
    Failed,
}

/// Who is at the other end of a connection by TLS.
#[derive(Clone, Debug)]
pub(crate) struct AcceptedPeer<T>(Arc<PeerParts<T>>);

#[derive(Debug)]
struct PeerParts<T> {
    connection: T,
    /// Set once the handshake is complete, and thus before the first request.
    handshake: OnceLock<Handshake<T>>,
}

#[derive(Debug)]
struct Handshake<T> {
    info: TlsConnectInfo<T>,
    certificates: PeerCertificates,
}

/// The certificates that a client presented, its own first, among the extensions of its requests. There are none if it
/// presented none.
#[derive(Clone, Debug)]
pub(crate) struct PeerCertificates(pub(crate) Arc<[PeerCertificate]>);

impl<T: Clone + Send + Sync + 'static> AcceptedPeer<T> {
    /// Replaces itself among the extensions of a request by the properties of the connection, as tonic has them, and the
    /// client's certificates.
    pub(crate) fn reveal(extensions: &mut Extensions) {
        let Some(peer) = extensions.remove::<Self>() else {
            return;
        };
        extensions.insert(peer.0.connection.clone());
        if let Some(Handshake { info, certificates }) = peer.0.handshake.get() {
            extensions.insert(info.clone());
            extensions.insert(certificates.clone());
        }
    }
}

impl<C, T> Accepted<C, T>
where
    C: AsyncRead + AsyncWrite + Connected<ConnectInfo = T> + Unpin,
    T: Clone + Send + Sync + 'static,
{
    /// Shakes hands on `connection`, with credentials that have a certificate. If that fails, `refused` is called.
    pub(crate) fn new(connection: C, credentials: &RotatingCredentials, refused: Refused) -> Self {
        let peer = AcceptedPeer(Arc::new(PeerParts {
            connection: connection.connect_info(),
            handshake: OnceLock::new(),
        }));
        let state = match credentials.current().server() {
            Ok(config) => {
                let acceptor = TlsAcceptor::from(Arc::clone(config));
                State::ShakingHands(acceptor.accept(connection))
            }
            // A server is not set up with such credentials, nor are its own replaced by such.
            Err(_) => State::Failed,
        };
        Self {
            state,
            peer,
            refused,
        }
    }

    /// The connection, once the handshake is complete.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<C>>>> {
        if let State::ShakingHands(accept) = &mut self.state {
            let outcome = ready!(Pin::new(accept).poll(cx));
            self.state = State::Failed;
            let opened = outcome.and_then(|stream| self.open(stream));
            if let Err(error) = opened {
                // A client that goes away is not reported: load balancers only look whether the port is open.
                if error.kind() == io::ErrorKind::InvalidData {
                    (self.refused)(&diagnosis::at_server(&error), self.address());
                }
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(match &mut self.state {
            State::Open(stream) => Ok(Pin::new(stream)),
            State::ShakingHands(_) | State::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }

    fn open(&mut self, stream: TlsStream<C>) -> io::Result<()> {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let handshake = Handshake {
            certificates: PeerCertificates(PeerCertificate::parse_all(chain)?.into()),
            info: stream.connect_info(),
        };
        // Nothing else sets it.
        let _ = self.peer.0.handshake.set(handshake);
        self.state = State::Open(stream);
        Ok(())
    }

    fn address(&self) -> Option<SocketAddr> {
        let info: &dyn Any = &self.peer.0.connection;
        info.downcast_ref::<TcpConnectInfo>()?.remote_addr()
    }
}

impl<C, T: Clone + Send + Sync + 'static> Connected for Accepted<C, T> {
    type ConnectInfo = AcceptedPeer<T>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.peer.clone()
    }
}

impl<C, T> AsyncRead for Accepted<C, T>
where
    C: AsyncRead + AsyncWrite + Connected<ConnectInfo = T> + Unpin,
    T: Clone + Send + Sync + 'static,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl<C, T> AsyncWrite for Accepted<C, T>
where
    C: AsyncRead + AsyncWrite + Connected<ConnectInfo = T> + Unpin,
    T: Clone + Send + Sync + 'static,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) => Pin::new(stream).poll_flush(cx),
            // Nothing was written yet.
            State::ShakingHands(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) => Pin::new(stream).poll_shutdown(cx),
            State::ShakingHands(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }
}

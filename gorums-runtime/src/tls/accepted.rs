//! The server's end of a connection by TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::certificate::PeerCertificate;
use super::credentials::CurrentCredentials;

/// A connection whose TLS handshake is made when it is first read or written.
pub(crate) struct Accepted<C> {
    state: State<C>,
    peer: AcceptedPeer,
}

enum State<C> {
    ShakingHands(tokio_rustls::Accept<C>),
    Open(TlsStream<C>),
    Failed,
}

/// Who is at the other end of a connection by TLS, among the extensions of its requests.
#[derive(Clone, Debug)]
pub(crate) struct AcceptedPeer {
    pub(crate) address: Option<SocketAddr>,
    /// Set once the handshake is complete, and thus before the first request.
    certificates: Arc<OnceLock<Certificates>>,
}

#[derive(Debug)]
struct Certificates {
    names: PeerCertificate,
    /// In DER; the peer's own first.
    chain: Arc<Vec<CertificateDer<'static>>>,
}

impl AcceptedPeer {
    /// The peer's own certificate. `None` before the handshake is complete.
    pub(crate) fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificates.get().map(|it| &it.names)
    }

    /// All certificates that the peer presented.
    pub(crate) fn chain(&self) -> Option<Arc<Vec<CertificateDer<'static>>>> {
        self.certificates.get().map(|it| Arc::clone(&it.chain))
    }
}

/// Where a connection comes from.
pub(crate) trait ConnectedFrom {
    /// The peer's address, if it has one.
    fn address(&self) -> Option<SocketAddr>;
}

impl ConnectedFrom for TcpConnectInfo {
    fn address(&self) -> Option<SocketAddr> {
        self.remote_addr()
    }
}

impl ConnectedFrom for () {
    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

impl<C> Accepted<C>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin,
    C::ConnectInfo: ConnectedFrom,
{
    pub(crate) fn new(connection: C, credentials: &CurrentCredentials) -> Self {
        let address = connection.connect_info().address();
        let acceptor = TlsAcceptor::from(credentials.server());
        Self {
            state: State::ShakingHands(acceptor.accept(connection)),
            peer: AcceptedPeer {
                address,
                certificates: Arc::default(),
            },
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> Accepted<C> {
    /// The connection, once the handshake is complete.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<C>>>> {
        if let State::ShakingHands(accept) = &mut self.state {
            let outcome = ready!(Pin::new(accept).poll(cx));
            self.state = State::Failed;
            let stream = outcome?;
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let chain: Vec<_> = chain
                .iter()
                .cloned()
                .map(CertificateDer::into_owned)
                .collect();
            let own = chain.first().map_or(&[][..], |certificate| certificate);
            let certificates = Certificates {
                names: PeerCertificate::parse(own)?,
                chain: Arc::new(chain),
            };
            // Nothing else sets it.
            let _ = self.peer.certificates.set(certificates);
            self.state = State::Open(stream);
        }
        Poll::Ready(match &mut self.state {
            State::Open(stream) => Ok(Pin::new(stream)),
            State::ShakingHands(_) | State::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl<C> Connected for Accepted<C> {
    type ConnectInfo = AcceptedPeer;

    fn connect_info(&self) -> AcceptedPeer {
        self.peer.clone()
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncRead for Accepted<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Accepted<C> {
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

//! The client's end of a connection by TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::PeerCertificate;
use super::credentials::Client;
use super::diagnosis;
use super::failure::TlsError;
use super::proof::{Claimed, Proof};
use super::rotating::RotatingCredentials;
use crate::support::BoxedConnection;

/// How the connections to nodes are encrypted, and how nodes prove who they are.
#[derive(Clone, Debug)]
pub(crate) struct Dialled {
    pub(crate) credentials: RotatingCredentials,
    pub(crate) proves: Proves,
}

/// What a node's certificate has to prove.
#[derive(Clone, Debug)]
pub(crate) enum Proves {
    /// The host in its address.
    Host,
    /// That it is a member of a system.
    Member(Proof),
}

impl Dialled {
    /// Shakes hands with `node`, which `connection` leads to at `address`.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if the handshake fails, or the node's certificate does not prove what it has to.
    pub(crate) async fn shake_hands(
        &self,
        connection: BoxedConnection,
        node: Claimed<'_>,
        address: SocketAddr,
    ) -> io::Result<BoxedConnection> {
        let credentials = self.credentials.current();
        let client = credentials.client().map_err(io::Error::other)?;
        let (config, name) = self.expected(client, node, address)?;
        let connecting = TlsConnector::from(Arc::clone(config)).connect(name, connection);
        let has_certificate = client.has_certificate;
        let stream = match connecting.await {
            Ok(stream) => stream,
            Err(error) => return Err(explained(error, has_certificate, true)),
        };
        let connection = Encrypted {
            stream,
            has_certificate,
        };
        if let Proves::Member(proof) = &self.proves {
            connection.check(proof, node)?;
        }
        Ok(Box::pin(connection))
    }

    /// What a connection needs, and the name of the node at its other end.
    fn expected<'a>(
        &self,
        client: &'a Client,
        node: Claimed<'_>,
        address: SocketAddr,
    ) -> io::Result<(&'a Arc<ClientConfig>, ServerName<'static>)> {
        let host = ServerName::try_from(node.host.to_owned());
        match (&self.proves, &client.server_name) {
            // It only helps a server with several certificates to choose one.
            (Proves::Member(_), _) => {
                let name = host.unwrap_or_else(|_| ServerName::IpAddress(address.ip().into()));
                Ok((&client.to_members, name))
            }
            (Proves::Host, Some(name)) => Ok((&client.to_hosts, name.clone())),
            (Proves::Host, None) => match host {
                Ok(name) => Ok((&client.to_hosts, name)),
                Err(_) => Err(failed(TlsError::Handshake {
                    why: format!(
                        "no certificate can be for {:?}, so the credentials need a server name",
                        node.host
                    ),
                })),
            },
        }
    }
}

fn failed(error: TlsError) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, error)
}

/// Returns an error of a connection with what it means, if TLS failed, or if the connection below failed in the
/// handshake.
fn explained(error: io::Error, has_certificate: bool, in_handshake: bool) -> io::Error {
    match diagnosis::at_client(&error, has_certificate) {
        Some(why) => failed(why),
        None if in_handshake => {
            let why = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the node closed the connection".to_owned(),
                _ => error.to_string(),
            };
            failed(TlsError::Handshake { why })
        }
        None => error,
    }
}

/// A connection by TLS whose errors say what they mean. Servers of TLS 1.3 refuse a client's certificate after the client's
/// end of the handshake.
struct Encrypted {
    stream: TlsStream<BoxedConnection>,
    has_certificate: bool,
}

impl Encrypted {
    /// Checks that the certificate of the other end proves that it is `member`.
    fn check(&self, proof: &Proof, member: Claimed<'_>) -> io::Result<()> {
        let (_, session) = self.stream.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let certificate = PeerCertificate::parse(certificate.map_or(&[], |it| it))
            .map_err(|error| error.to_string());
        let proved = certificate.and_then(|it| {
            let checked = proof.check(&it, member);
            checked.map_err(|unproved| unproved.to_string())
        });
        proved.map_err(|why| failed(TlsError::WrongNode { why }))
    }

    fn explained<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        outcome.map_err(|error| explained(error, self.has_certificate, false))
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.explained(read)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.explained(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.explained(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.explained(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

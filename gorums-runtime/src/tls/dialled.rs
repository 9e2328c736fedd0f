//! The client's end of a connection by TLS.

use std::io;
use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::certificate::PeerCertificate;
use super::credentials::CurrentCredentials;
use super::proof::{Claimed, Proof};
use crate::support::BoxedConnection;

/// How the connections to other members are encrypted, and how those prove who they are.
#[derive(Clone, Debug)]
pub(crate) struct Dialled {
    pub(crate) credentials: CurrentCredentials,
    pub(crate) proof: Proof,
}

impl Dialled {
    /// Shakes hands with `member`, which `connection` leads to at `address`.
    ///
    /// # Errors
    ///
    /// If the handshake fails, or the server's certificate does not prove that it is the member.
    pub(crate) async fn shake_hands(
        &self,
        connection: BoxedConnection,
        member: Claimed<'_>,
        address: SocketAddr,
    ) -> io::Result<BoxedConnection> {
        let connector = TlsConnector::from(self.credentials.client());
        // It only helps a server with several certificates to choose one.
        let name = ServerName::try_from(member.host.to_string())
            .unwrap_or_else(|_| ServerName::IpAddress(address.ip().into()));
        let connecting = connector.connect(name, connection).await;
        let connection = connecting.map_err(|error| {
            io::Error::new(error.kind(), format!("the TLS handshake failed: {error}"))
        })?;
        let (_, session) = connection.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.map_or(&[][..], |certificate| certificate);
        let certificate = PeerCertificate::parse(certificate)?;
        match self.proof.check(&certificate, member) {
            Ok(()) => Ok(Box::pin(connection)),
            Err(unproved) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("another node answers: {unproved}"),
            )),
        }
    }
}

//! The client that a call comes from.

use std::net::SocketAddr;
#[cfg(feature = "_tls-any")]
use std::sync::{Arc, OnceLock};

use http::Extensions;
use tonic::Request;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpConnectInfo;
#[cfg(feature = "_tls-any")]
use tonic::transport::server::TlsConnectInfo;

use super::members::Member;
use crate::identity::NodeId;
use crate::node::Node;
#[cfg(feature = "_tls-any")]
use crate::tls::{PeerCertificate, PeerCertificates};

/// The client that a stream comes from, as a node that can be called, among the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Node);

/// What the request of a call, or of its stream, says about the client.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(super) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    /// The client's id, if it is a member of the server's system.
    pub(super) member: Option<NodeId>,
    pub(crate) address: Option<SocketAddr>,
    /// What the client presented, once it was asked for.
    #[cfg(feature = "_tls-any")]
    certificates: OnceLock<Arc<[PeerCertificate]>>,
}

impl Peer {
    /// Splits `request` into its client and its message.
    pub(crate) fn of<T>(request: Request<T>) -> (Self, T) {
        let address = address(request.extensions());
        let (metadata, extensions, message) = request.into_parts();
        let member = extensions.get().map(|&Member(id)| id);
        let peer = Self {
            metadata,
            extensions,
            member,
            address,
            #[cfg(feature = "_tls-any")]
            certificates: OnceLock::new(),
        };
        (peer, message)
    }

    /// The certificates that the client presented, its own first. None if it presented none, or some that are malformed.
    #[cfg(feature = "_tls-any")]
    pub(super) fn certificates(&self) -> &[PeerCertificate] {
        self.certificates.get_or_init(|| {
            if let Some(PeerCertificates(certificates)) = self.extensions.get() {
                return Arc::clone(certificates);
            }
            // The server is one of tonic's own.
            let tls: Option<&TlsConnectInfo<TcpConnectInfo>> = self.extensions.get();
            let chain = tls.and_then(TlsConnectInfo::peer_certs);
            let parsed = chain.map(|chain| PeerCertificate::parse_all(&chain));
            parsed.and_then(Result::ok).unwrap_or_default().into()
        })
    }
}

/// Returns the address that a request with these extensions came from, if its connection has one.
pub(crate) fn address(extensions: &Extensions) -> Option<SocketAddr> {
    let tcp = extensions.get::<TcpConnectInfo>();
    #[cfg(feature = "_tls-any")]
    let tcp = tcp.or_else(|| {
        let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
        tls.map(TlsConnectInfo::get_ref)
    });
    tcp.and_then(TcpConnectInfo::remote_addr)
}

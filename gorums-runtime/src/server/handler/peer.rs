//! The client that a call comes from.

use std::net::SocketAddr;
#[cfg(feature = "_tls-any")]
use std::sync::Arc;

use http::Extensions;
use tonic::Request;
use tonic::metadata::MetadataMap;
#[cfg(feature = "_tls-any")]
use tonic::transport::CertificateDer;

use super::members::Member;
use crate::identity::NodeId;
use crate::node::Node;
#[cfg(feature = "_tls-any")]
use crate::tls::AcceptedPeer;

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
    #[cfg(feature = "_tls-any")]
    pub(super) certificates: Option<Arc<Vec<CertificateDer<'static>>>>,
}

impl Peer {
    /// Splits `request` into its client and its message.
    pub(crate) fn of<T>(request: Request<T>) -> (Self, T) {
        let address = address(request.extensions());
        #[cfg(feature = "_tls-any")]
        let certificates = request.peer_certs().or_else(|| {
            let peer: &AcceptedPeer = request.extensions().get()?;
            peer.chain()
        });
        let (metadata, extensions, message) = request.into_parts();
        let member = extensions.get().map(|&Member(id)| id);
        let peer = Self {
            metadata,
            extensions,
            member,
            address,
            #[cfg(feature = "_tls-any")]
            certificates,
        };
        (peer, message)
    }
}

/// Returns the address that a request with these extensions came from, if its connection has one.
pub(crate) fn address(extensions: &Extensions) -> Option<SocketAddr> {
    use tonic::transport::server::TcpConnectInfo;

    let tcp = extensions.get::<TcpConnectInfo>();
    #[cfg(feature = "_tls-any")]
    let tcp = tcp.or_else(|| {
        use tonic::transport::server::TlsConnectInfo;
        let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
        tls.map(TlsConnectInfo::get_ref)
    });
    let address = tcp.and_then(TcpConnectInfo::remote_addr);
    #[cfg(feature = "_tls-any")]
    let address = address.or_else(|| extensions.get::<AcceptedPeer>()?.address);
    address
}

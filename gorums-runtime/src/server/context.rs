//! What a handler knows of its call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::metadata::MetadataMap;
#[cfg(feature = "_tls-any")]
use tonic::transport::CertificateDer;

use crate::MethodDescriptor;
use crate::deadline::Deadline;

/// What a handler knows of its call besides the request: who calls, what came along, how much time is left, and
/// whether anybody still waits.
///
/// A cheap handle: clones are of the same call, and may outlive its handler.
///
/// A handler always runs to its end, also when its caller gives up, so that it is never left half done. One that works
/// for long should look at [`cancelled`](Self::cancelled):
///
/// ```
/// use gorums_runtime::Context;
/// use gorums_runtime::tonic::Status;
///
/// async fn search(ctx: &Context, work: impl Future<Output = u64>) -> Result<u64, Status> {
///     tokio::select! {
///         found = work => Ok(found),
///         () = ctx.cancelled() => Err(Status::cancelled("nobody waits for the result")),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    method: MethodDescriptor,
    metadata: MetadataMap,
    extensions: Extensions,
    peer_address: Option<SocketAddr>,
    #[cfg(feature = "_tls-any")]
    peer_certificates: Option<Arc<Vec<CertificateDer<'static>>>>,
    deadline: Deadline,
    abandoned: CancellationToken,
}

impl Context {
    /// The context of a call of `method` by `request`, and the message that the request carries.
    pub(super) fn of<T>(method: MethodDescriptor, request: Request<T>) -> (Self, T) {
        let peer_address = request.remote_addr();
        #[cfg(feature = "_tls-any")]
        let peer_certificates = request.peer_certs();
        let (metadata, extensions, message) = request.into_parts();
        let context = Self(Arc::new(Inner {
            method,
            deadline: Deadline::received(&metadata),
            metadata,
            extensions,
            peer_address,
            #[cfg(feature = "_tls-any")]
            peer_certificates,
            abandoned: CancellationToken::new(),
        }));
        (context, message)
    }

    /// The method that is called.
    pub fn method(&self) -> &MethodDescriptor {
        &self.0.method
    }

    /// The metadata that the caller sent along.
    pub fn metadata(&self) -> &MetadataMap {
        &self.0.metadata
    }

    /// The address that the call came from; none when the connection has none, such as one in memory.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.0.peer_address
    }

    /// The certificates that the caller presented by TLS, in DER, its own first; none when it presented none, or does
    /// not call by TLS over TCP.
    ///
    /// A server that has a `client_ca_root` has verified that an authority of its own signed them. What they say of who
    /// calls is for an X.509 parser to read. Needs one of the crate's features `tls-ring` and `tls-aws-lc`.
    #[cfg(feature = "_tls-any")]
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        let certificates = self.0.peer_certificates.as_ref()?;
        Some(certificates.as_slice())
    }

    /// What the server's layers and interceptors attached to the request.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// How much time is left until the caller's deadline: zero once it has passed, none without one.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.remaining()
    }

    /// Whether nobody waits for the call any more: the caller withdrew it, its connection broke, or its deadline
    /// passed.
    pub fn is_cancelled(&self) -> bool {
        self.0.abandoned.is_cancelled() || self.0.deadline.has_passed()
    }

    /// Waits until nobody waits for the call any more. Pending for ever if it is answered before.
    ///
    /// # Cancel safety
    ///
    /// May be left and called again.
    pub async fn cancelled(&self) {
        tokio::select! {
            () = self.0.abandoned.cancelled() => {}
            () = self.0.deadline.alarm() => {}
        }
    }

    /// Notes that nobody waits for the call any more.
    pub(super) fn abandon(&self) {
        self.0.abandoned.cancel();
    }
}

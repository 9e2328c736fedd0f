//! Why a connection by TLS failed.

use std::io;

/// Why there is no connection by TLS to a node, or no plain one to a node that uses TLS.
///
/// It is the innermost source of the status that calls on the node fail with, whose code is `Unavailable`, and its text
/// is the status's message. [`NodeError::tls`](crate::errors::NodeError::tls) finds it.
///
/// ```no_run
/// # async fn example() {
/// use gorums_runtime::Manager;
/// use gorums_runtime::errors::{ManagerError, TlsError};
///
/// let connected = Manager::connect(["replica-1.example.com:4000"]).await;
/// if let Err(ManagerError::Connect { failed, .. }) = connected {
///     for error in failed.iter().filter(|it| it.tls() == Some(&TlsError::Required)) {
///         eprintln!("{} uses TLS", error.address());
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The node uses TLS, and this process connected to it without.
    #[error("TLS: the node requires TLS, and this process connects without; give it credentials")]
    Required,
    /// This process uses TLS, and the node answered with something else.
    #[error(
        "TLS: the node answers without TLS; give its server credentials, or connect without them"
    )]
    NotSpoken,
    /// The node requires a certificate of its clients, and this process has none.
    #[error(
        "TLS: the node requires a client certificate, and this process has none; give its credentials a certificate that an authority of the node's has signed"
    )]
    ClientCertificateRequired,
    /// The node does not accept the certificate of this process.
    #[error(
        "TLS: the node does not accept this process's certificate: {why}; give this process a valid certificate of an authority that the node trusts"
    )]
    ClientCertificateRefused {
        /// The node's reason, as far as TLS can say it.
        why: String,
    },
    /// The node's certificate is for other names.
    #[error(
        "TLS: the node's certificate is not for {expected}, but for {}; connect by one of its names, give the credentials the server name, or give the node another certificate",
        listed(names)
    )]
    WrongName {
        /// The host in the node's address, or the credentials' server name.
        expected: String,
        /// The names in the certificate, of which the first 8 are kept.
        names: Vec<String>,
    },
    /// The node's certificate proves another id than that of the member at its address.
    #[error("TLS: another node answers: {why}; give the node a certificate of its own")]
    WrongNode {
        /// What the certificate proves, and its names.
        why: String,
    },
    /// No authority that this process trusts has signed the node's certificate.
    #[error(
        "TLS: no authority that this process trusts has signed the node's certificate; add the node's authority to the credentials"
    )]
    UnknownAuthority,
    /// The node's certificate is not valid now, or not at all.
    #[error("TLS: the node's certificate {why}; give the node a valid one, and check both clocks")]
    InvalidCertificate {
        /// What is wrong with it, such as `expired at Jan  1 00:00:00 2026 +00:00`.
        why: String,
    },
    /// The handshake failed for another reason.
    #[error("TLS: the handshake failed: {why}; check that the node serves TLS 1.2 or 1.3 here")]
    Handshake {
        /// The reason.
        why: String,
    },
}

impl TlsError {
    /// Whether `error` is one of these.
    pub(crate) fn is_in(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner.is_some_and(|inner| inner.is::<Self>())
    }
}

/// Names on one line.
fn listed(names: &[String]) -> String {
    match names {
        [] => "no name".to_owned(),
        names => names.join(", "),
    }
}

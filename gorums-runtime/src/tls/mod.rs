//! TLS among the members of a system: how they prove their ids.
//!
//! Owns certificates, what they prove, and the handshakes at both ends. Imports `identity` and `support`. Does not know
//! what the connections are used for.

mod accepted;
mod authority;
mod certificate;
mod credentials;
mod cryptography;
mod dialled;
mod error;
mod proof;

pub(crate) use accepted::{Accepted, AcceptedPeer, ConnectedFrom};
pub use certificate::PeerCertificate;
pub use credentials::Credentials;
pub(crate) use credentials::CurrentCredentials;
pub(crate) use cryptography::choose_cryptography;
pub(crate) use dialled::Dialled;
pub use error::CredentialsError;
pub(crate) use proof::{Claimed, Proof};

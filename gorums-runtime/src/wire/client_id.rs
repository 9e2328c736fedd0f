//! How a client names itself to servers.

use std::fmt;

use http::HeaderValue;

/// The name that a client gives itself towards one node, which knows by it which streams are the client's. It is chosen at
/// random from 2^128: nobody else can guess it, and take the client's place. Nor can another node of the client, which has
/// another name for it.
#[derive(Clone)]
pub(crate) struct ClientId(HeaderValue);

impl ClientId {
    /// A new name; none if the system has no random numbers.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        let id = format!("{:032x}", u128::from_ne_bytes(bytes));
        let mut id = HeaderValue::try_from(id).ok()?;
        // It is a secret between the client and the node.
        id.set_sensitive(true);
        Some(Self(id))
    }

    /// The name as it is sent.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientId")
    }
}

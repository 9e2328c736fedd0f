//! How a client names itself to servers.

use std::fmt;

use http::HeaderValue;

/// The name by which one node recognises a client's streams. It has 128 random bits, so nobody can guess it and take
/// the client's place. The client has another name for each of its nodes, so these cannot impersonate it to each other.
#[derive(Clone)]
pub(crate) struct ClientId(HeaderValue);

impl ClientId {
    /// A new name; `None` if the operating system has no random numbers.
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

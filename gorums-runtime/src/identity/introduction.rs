//! How the members of a system introduce themselves.

use http::{HeaderMap, HeaderValue};
use tonic::Status;

use super::id::NodeId;

/// The header by which a client, or a server that belongs to a system, says which node it is.
const NODE_ID: &str = "gorums-node-id";

/// The header by which a member of a system says which cluster it belongs to.
const CLUSTER: &str = "gorums-cluster";

/// The node id of a client that has no id of its own and accepts calls.
pub(crate) const DYNAMIC: u32 = 0;

/// Adds the header by which a client without an id says that it accepts calls.
pub(crate) fn accept_calls(headers: &mut HeaderMap) {
    headers.insert(NODE_ID, HeaderValue::from(DYNAMIC));
}

/// Introduces the sender of `headers` like that of `metadata`, which may have introduced itself or not.
pub(crate) fn introduce_like(metadata: &HeaderMap, headers: &mut HeaderMap) {
    for name in [NODE_ID, CLUSTER] {
        if let Some(value) = metadata.get(name) {
            headers.insert(name, value.clone());
        }
    }
}

/// How a member of a system introduces itself: to the servers that it calls, and to the clients that call it.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    id: NodeId,
    cluster: Option<HeaderValue>,
}

impl Introduction {
    /// The longest name of a cluster, in bytes.
    const LONGEST_CLUSTER: usize = 128;

    /// The introduction of member `id` of a system. If the system's cluster has a name, members of others are refused.
    ///
    /// Returns `None` if the name is not 1 to 128 visible ASCII characters.
    pub(crate) fn new(id: NodeId, cluster: Option<&str>) -> Option<Self> {
        let cluster = match cluster {
            Some(name) => Some(Self::cluster(name)?),
            None => None,
        };
        Some(Self { id, cluster })
    }

    fn cluster(name: &str) -> Option<HeaderValue> {
        let is_name = (1..=Self::LONGEST_CLUSTER).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then(|| HeaderValue::try_from(name).ok()).flatten()
    }

    /// The member's id.
    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    /// Adds the headers that introduce the member.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        headers.insert(NODE_ID, HeaderValue::from(self.id.get()));
        if let Some(cluster) = &self.cluster {
            headers.insert(CLUSTER, cluster.clone());
        }
    }

    /// Checks that a peer with these headers does not belong to another cluster.
    ///
    /// # Errors
    ///
    /// If it does.
    pub(crate) fn check_cluster(&self, headers: &HeaderMap) -> Result<(), Status> {
        match (&self.cluster, headers.get(CLUSTER)) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                Err(Status::failed_precondition(format!(
                    "node {} belongs to the cluster {:?}, and its peer to {:?}; correct the address of one of them",
                    self.id,
                    shown(ours),
                    shown(theirs)
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Checks that the node that answered with these headers is the one that was called. A node that does not introduce
/// itself passes.
///
/// # Errors
///
/// If it is another one.
pub(super) fn check_node_id(expected: NodeId, headers: &HeaderMap) -> Result<(), Status> {
    match claimed_id(headers)? {
        Some(id) if id != expected.get() => Err(Status::failed_precondition(format!(
            "node {id} answers at the address of node {expected}; correct the address of node {expected}"
        ))),
        _ => Ok(()),
    }
}

/// Returns the node id in a peer's headers, if there is one.
///
/// # Errors
///
/// If it is not a decimal number of 32 bits.
pub(crate) fn claimed_id(headers: &HeaderMap) -> Result<Option<u32>, Status> {
    let Some(value) = headers.get(NODE_ID) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("not ASCII");
    // Rust's parser would accept a leading `+`.
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = is_decimal.then(|| text.parse().ok()).flatten();
    id.map(Some).ok_or_else(|| {
        Status::invalid_argument(format!(
            "the header {NODE_ID} is {:?}; give a number of 32 bits, or leave it out",
            shown(value)
        ))
    })
}

/// Returns the beginning of a header's value. A status has room for little more.
fn shown(value: &HeaderValue) -> String {
    value
        .to_str()
        .unwrap_or("not ASCII")
        .chars()
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn headers(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        let entry = |&(name, value)| (name, value);
        entries
            .iter()
            .map(entry)
            .map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn the_name_of_a_cluster_is_visible_ascii_of_limited_length() {
        let id = NodeId::new(1);
        for name in ["a", "prod-1", &"x".repeat(128)] {
            assert!(Introduction::new(id, Some(name)).is_some(), "{name}");
        }
        for name in ["", "two words", "caf\u{e9}", "a\n", &"x".repeat(129)] {
            assert!(Introduction::new(id, Some(name)).is_none(), "{name:?}");
        }
    }

    #[test]
    fn peers_of_another_cluster_are_refused_and_those_without_one_are_not() {
        let ours = Introduction::new(NodeId::new(1), Some("prod")).expect("a name");
        assert!(ours.check_cluster(&headers(&[])).is_ok());
        assert!(ours.check_cluster(&headers(&[(CLUSTER, "prod")])).is_ok());
        let refused = ours.check_cluster(&headers(&[(CLUSTER, "test")]));
        let status = refused.expect_err("it is another one");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(
            status
                .message()
                .contains(r#""prod", and its peer to "test""#)
        );
        let nameless = Introduction::new(NodeId::new(1), None).expect("no name");
        assert!(nameless.check_cluster(&headers(&[(CLUSTER, "x")])).is_ok());
    }

    #[test]
    fn an_answer_of_another_node_is_refused_with_both_ids() {
        let expected = NodeId::new(3);
        assert!(check_node_id(expected, &headers(&[])).is_ok());
        assert!(check_node_id(expected, &headers(&[(NODE_ID, "3")])).is_ok());
        let refused = check_node_id(expected, &headers(&[(NODE_ID, "7")]));
        let status = refused.expect_err("it is another one");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(
            status
                .message()
                .starts_with("node 7 answers at the address of node 3")
        );
    }

    #[test]
    fn an_id_is_a_decimal_number_of_32_bits() {
        let claimed = |value| claimed_id(&headers(&[(NODE_ID, value)]));
        for (value, id) in [("0", 0), ("7", 7), ("4294967295", u32::MAX)] {
            assert_eq!(claimed(value).expect("a number"), Some(id));
        }
        for value in ["", "+1", "-1", "4294967296", "seven", " 1"] {
            let status = claimed(value).expect_err(value);
            assert_eq!(status.code(), Code::InvalidArgument, "{value:?}");
        }
    }
}

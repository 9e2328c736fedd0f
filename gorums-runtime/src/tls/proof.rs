//! Which ids certificates prove.

use std::fmt;
use std::sync::Arc;

use super::certificate::PeerCertificate;
use crate::identity::NodeId;
use crate::support::{cut, guard};

type Rule = dyn Fn(&PeerCertificate) -> Option<NodeId> + Send + Sync;

/// How many bytes of a certificate's names a message has.
const NAMES: usize = 256;

/// The rule by which a certificate proves that its owner is a member.
#[derive(Clone, Default)]
pub(crate) enum Proof {
    /// By its URIs, or else by its hosts.
    #[default]
    Names,
    /// By a function of the user.
    Rule(Arc<Rule>),
}

/// The member that somebody claims to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed<'a> {
    pub(crate) id: NodeId,
    /// The host of its address.
    pub(crate) host: &'a str,
}

impl Proof {
    /// Whether `certificate` proves that its owner has this id, whatever its address is.
    pub(crate) fn proves(&self, certificate: &PeerCertificate, id: NodeId) -> bool {
        let proved = match self {
            Self::Names => certificate.node_id(),
            // A panic of the rule proves nothing.
            Self::Rule(rule) => guard(|| rule(certificate)).unwrap_or_default(),
        };
        proved == Some(id)
    }

    /// Checks that `certificate` proves that its owner is `member`.
    ///
    /// # Errors
    ///
    /// If it does not, what it proves instead.
    pub(crate) fn check(
        &self,
        certificate: &PeerCertificate,
        member: Claimed<'_>,
    ) -> Result<(), Unproved> {
        let unproved = |proved| {
            Err(Unproved {
                claimed: member.id,
                proved,
                names: certificate.to_string(),
            })
        };
        match self {
            Self::Names if certificate.names_nodes() => match certificate.node_id() {
                Some(id) if id == member.id => Ok(()),
                proved => unproved(proved),
            },
            Self::Names if certificate.has_host(member.host) => Ok(()),
            Self::Names => unproved(None),
            // A panic of the rule proves nothing.
            Self::Rule(rule) => match guard(|| rule(certificate)) {
                Ok(Some(id)) if id == member.id => Ok(()),
                outcome => unproved(outcome.unwrap_or_default()),
            },
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Names => "Names",
            Self::Rule(_) => "Rule",
        })
    }
}

/// What a certificate proves in place of what its owner claims.
#[derive(Debug)]
pub(crate) struct Unproved {
    claimed: NodeId,
    proved: Option<NodeId>,
    /// All names in the certificate.
    names: String,
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            claimed,
            proved,
            names,
        } = self;
        match proved {
            Some(proved) => write!(
                f,
                "the certificate proves node {proved}, not node {claimed}"
            ),
            None => write!(f, "the certificate does not prove node {claimed}"),
        }?;
        write!(f, " (its names: {})", cut(names.clone(), NAMES))
    }
}

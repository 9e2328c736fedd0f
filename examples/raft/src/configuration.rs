//! Who the members are, and which of them are quorums (section 6).

use std::collections::{BTreeMap, BTreeSet};

use gorums_runtime::NodeId;
use gorums_runtime::quorum::Quorums;

use crate::flaw::Flaw;
use crate::proto::{Configuration, Member};

/// Members by their ids, with their addresses.
type Addresses = BTreeMap<NodeId, String>;

/// The members of one configuration, or of two while a change is under way. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    members: Addresses,
    /// "C_new" of a joint configuration.
    next: Option<Addresses>,
}

impl Members {
    /// Members with their addresses (`host:port`).
    pub fn new(members: impl IntoIterator<Item = (NodeId, String)>) -> Self {
        Self {
            members: members.into_iter().collect(),
            next: None,
        }
    }

    /// Whether a change is under way: "C_old,new".
    pub fn is_joint(&self) -> bool {
        self.next.is_some()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The joint configuration of these members and the `next` ones.
    pub(crate) fn joint_with(&self, next: Self) -> Self {
        Self {
            members: self.members.clone(),
            next: Some(next.members),
        }
    }

    /// "C_new" of a joint configuration.
    pub(crate) fn next(&self) -> Option<Self> {
        let members = self.next.clone()?;
        Some(Self {
            members,
            next: None,
        })
    }

    /// Whether `id` is a member, of either set.
    pub fn contains(&self, id: NodeId) -> bool {
        self.members.contains_key(&id) || self.next.as_ref().is_some_and(|it| it.contains_key(&id))
    }

    /// All members of both sets, with their addresses. If a new member has the address of an old one, the old one is gone
    /// from there, and left out.
    pub fn addresses(&self) -> BTreeMap<NodeId, String> {
        let Some(next) = &self.next else {
            return self.members.clone();
        };
        let mut all = next.clone();
        for (id, address) in &self.members {
            if !next.values().any(|other| other == address) {
                all.entry(*id).or_insert_with(|| address.clone());
            }
        }
        all
    }

    /// The ids of all members of both sets.
    pub(crate) fn ids(&self) -> BTreeSet<NodeId> {
        let all = self
            .members
            .keys()
            .chain(self.next.iter().flatten().map(|(id, _)| id));
        all.copied().collect()
    }

    /// What elects a leader and commits an entry: a majority, or one of the old and one of the new members.
    pub fn quorums(&self) -> Quorums<NodeId> {
        self.quorums_with(None)
    }

    /// Quorums with a flaw, for tests.
    pub(crate) fn quorums_with(&self, flaw: Option<Flaw>) -> Quorums<NodeId> {
        let majority = |members: &Addresses| {
            let ids = members.keys().copied();
            if flaw == Some(Flaw::SmallQuorum)
                && let Ok(small) = Quorums::at_least(members.len() / 2, ids.clone())
            {
                return small;
            }
            Quorums::majority(ids)
        };
        match &self.next {
            Some(next) => majority(&self.members).and(majority(next)),
            None => majority(&self.members),
        }
    }
}

impl From<Configuration> for Members {
    fn from(configuration: Configuration) -> Self {
        let addresses = |members: Vec<Member>| {
            let members = members.into_iter();
            members.map(|it| (NodeId::new(it.id), it.address)).collect()
        };
        let next = configuration.next;
        Self {
            members: addresses(configuration.members),
            next: (!next.is_empty()).then(|| addresses(next)),
        }
    }
}

impl From<&Members> for Configuration {
    fn from(members: &Members) -> Self {
        let list = |addresses: &Addresses| {
            let members = addresses.iter().map(|(id, address)| Member {
                id: id.get(),
                address: address.clone(),
            });
            members.collect()
        };
        Self {
            members: list(&members.members),
            next: members.next.as_ref().map(list).unwrap_or_default(),
        }
    }
}

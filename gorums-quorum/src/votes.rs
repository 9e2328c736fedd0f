//! Counting yes and no.

use crate::{NodeSet, QuorumSystem, Verdict};

/// The nodes that have said yes or no to something, an election for example.
///
/// A node counts once, whatever it says: what it said first stands.
///
/// ```
/// use gorums_quorum::{Quorums, Verdict, Votes};
///
/// let voters = Quorums::majority([1, 2, 3]);
/// let mut votes = Votes::new(&voters);
/// assert_eq!(votes.yes(&1), Verdict::Possible);
/// assert_eq!(votes.yes(&1), Verdict::Possible);
/// assert_eq!(votes.no(&2), Verdict::Possible);
/// assert_eq!(votes.yes(&3), Verdict::Formed);
/// ```
#[derive(Clone, Debug)]
pub struct Votes<S> {
    system: S,
    yes: NodeSet,
    no: NodeSet,
}

impl<S: QuorumSystem> Votes<S> {
    /// No votes yet.
    pub fn new(system: S) -> Self {
        let nodes = system.universe().len();
        Self {
            system,
            yes: NodeSet::with_room_for(nodes),
            no: NodeSet::with_room_for(nodes),
        }
    }

    /// Counts a yes.
    pub fn yes(&mut self, node: &S::Node) -> Verdict {
        if let Some(position) = self.system.universe().position(node)
            && !self.no.contains(position)
        {
            self.yes.insert(position);
        }
        self.verdict()
    }

    /// Counts a no, or that the node will not answer.
    pub fn no(&mut self, node: &S::Node) -> Verdict {
        if let Some(position) = self.system.universe().position(node)
            && !self.yes.contains(position)
        {
            self.no.insert(position);
        }
        self.verdict()
    }

    /// What is known now.
    pub fn verdict(&self) -> Verdict {
        self.system.verdict(&self.yes, &self.no)
    }

    /// The nodes that have said yes, in ascending order.
    pub fn supporters(&self) -> impl Iterator<Item = &S::Node> {
        self.system.universe().nodes(&self.yes)
    }
}

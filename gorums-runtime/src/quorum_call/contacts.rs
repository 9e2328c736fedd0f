//! Which nodes a thrifty call contacts.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use gorums_quorum::{NodeSet, QuorumSystem};
use tokio::time::Instant;
use tonic::Code;

use crate::call::{Alarm, Deadline};
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::thrifty::{Pick, Thrifty};

/// The nodes of a thrifty call: which of them are contacted, and what came of it.
pub(super) struct Contacts {
    thrifty: Thrifty,
    configuration: Configuration,
    /// By the index of the node in the configuration.
    nodes: Vec<Contact>,
    /// When the next contacted node is late, and the alarm for that.
    alarm: Option<(Instant, Alarm)>,
}

/// What is known of one node.
#[derive(Clone, Copy, Debug)]
enum Contact {
    None,
    Waiting {
        since: Instant,
        /// When it is late. `None` if it is already, or nobody cares.
        late_at: Option<Instant>,
    },
    Replied,
    Lost,
}

/// What it costs to have a node in the quorum that the call waits for. Within a class, fast nodes cost less.
mod cost {
    pub(super) const REPLIED: u64 = 0;
    pub(super) const WAITING: u64 = 1;
    /// The latency in nanoseconds comes on top. That of 30 years does not reach the next class.
    pub(super) const NOT_CONTACTED: u64 = 2;
    pub(super) const LATE: u64 = u64::MAX;
}

impl Contacts {
    pub(super) fn new(thrifty: Thrifty, configuration: Configuration) -> Self {
        Self {
            nodes: vec![Contact::None; configuration.size()],
            thrifty,
            configuration,
            alarm: None,
        }
    }

    /// The nodes to contact first.
    pub(super) fn first(&mut self) -> Vec<usize> {
        match self.thrifty.pick() {
            Pick::Fastest => self.missing(|contacts, index| contacts.latency(index)),
            Pick::Any => self.missing(|_, _| fastrand::u64(..cost::LATE / 2)),
            Pick::These(nodes) => {
                let ids = self.configuration.node_ids().enumerate();
                let picked = ids.filter(|(_, id)| nodes.contains(id));
                picked.map(|(index, _)| index).collect()
            }
        }
    }

    /// Notes that these nodes are contacted now.
    pub(super) fn contacted(&mut self, nodes: &[usize]) {
        let since = Instant::now();
        for &index in nodes {
            let id = self.configuration.node_ids().nth(index);
            let delay = id.and_then(|id| self.thrifty.delay(id));
            let late_at = delay.and_then(|delay| since.checked_add(delay));
            self.nodes[index] = Contact::Waiting { since, late_at };
        }
        self.set_alarm();
    }

    /// Notes that a node has replied.
    pub(super) fn replied(&mut self, node: NodeId) {
        if let Some(index) = self.index(node)
            && let Contact::Waiting { since, .. } = self.nodes[index]
        {
            self.thrifty.measure(node, since.elapsed());
            self.nodes[index] = Contact::Replied;
        }
    }

    /// Notes that a node sends no reply any more. Returns the nodes to contact in its place.
    pub(super) fn lost(&mut self, node: NodeId, code: Option<Code>) -> Vec<usize> {
        if let Some(index) = self.index(node)
            && !matches!(self.nodes[index], Contact::Replied)
        {
            self.nodes[index] = Contact::Lost;
        }
        match code.is_none_or(|code| self.thrifty.replaces_after(code)) {
            true => self.missing(Self::latency),
            false => Vec::new(),
        }
    }

    /// Ready when nodes are late, with those to contact in their place.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Vec<usize>> {
        let Some((_, alarm)) = &mut self.alarm else {
            return Poll::Pending;
        };
        ready!(alarm.poll_unpin(cx));
        self.alarm = None;
        let now = Instant::now();
        let mut late = Vec::new();
        for (index, contact) in self.nodes.iter_mut().enumerate() {
            if let Contact::Waiting { late_at, .. } = contact
                && late_at.is_some_and(|at| at <= now)
            {
                *late_at = None;
                late.push(index);
            }
        }
        let mut missing = self.missing(Self::latency);
        let affordable = self.thrifty.take_tokens(missing.len());
        if affordable < missing.len() {
            // The others are looked at again, once later calls may have brought tokens.
            let again = late.iter().filter_map(|&index| self.look_again(index, now));
            let again: Vec<(usize, Instant)> = again.collect();
            for (index, at) in again {
                if let Contact::Waiting { late_at, .. } = &mut self.nodes[index] {
                    *late_at = Some(at);
                }
            }
        }
        missing.truncate(affordable);
        self.set_alarm();
        Poll::Ready(missing)
    }

    /// When a late node that could not be replaced is looked at again.
    fn look_again(&self, index: usize, now: Instant) -> Option<(usize, Instant)> {
        let id = self.configuration.node_ids().nth(index)?;
        // Not at once, even if nodes are late at once.
        let delay = self.thrifty.delay(id)?.max(Duration::from_millis(1));
        Some((index, now.checked_add(delay)?))
    }

    /// The nodes that are not contacted.
    pub(super) fn rest(&self) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        let rest = nodes.filter(|(_, contact)| matches!(contact, Contact::None));
        rest.map(|(index, _)| index).collect()
    }

    /// The nodes to contact for the cheapest quorum of those that replied, may reply, or are not contacted.
    /// `latency` tells apart the last ones.
    fn missing(&self, latency: impl Fn(&Self, usize) -> u64) -> Vec<usize> {
        let universe = self.thrifty.system().universe();
        let mut indices = vec![None; universe.len()];
        for (index, id) in self.configuration.node_ids().enumerate() {
            if let Some(position) = universe.position(&id) {
                indices[position] = Some(index);
            }
        }
        let cost = |id: &NodeId| {
            let index = indices[universe.position(id)?]?;
            match self.nodes[index] {
                Contact::Replied => Some(cost::REPLIED),
                Contact::Waiting { late_at: None, .. } if self.thrifty.hedges() => Some(cost::LATE),
                Contact::Waiting { .. } => Some(cost::WAITING),
                Contact::None => Some(latency(self, index).saturating_add(cost::NOT_CONTACTED)),
                Contact::Lost => None,
            }
        };
        let picked: NodeSet = self.thrifty.system().pick(cost).unwrap_or_default();
        let picked = picked.iter().filter_map(|position| indices[position]);
        picked
            .filter(|&index| matches!(self.nodes[index], Contact::None))
            .collect()
    }

    fn latency(&self, index: usize) -> u64 {
        let node = self.configuration.nodes().nth(index);
        let latency = node.and_then(|node| node.latency()).unwrap_or_default();
        u64::try_from(latency.as_nanos()).unwrap_or(cost::LATE / 2)
    }

    fn index(&self, node: NodeId) -> Option<usize> {
        self.configuration.node_ids().position(|id| id == node)
    }

    /// Sets the alarm to when the next node is late.
    fn set_alarm(&mut self) {
        let late_at = self.nodes.iter().filter_map(|contact| match contact {
            Contact::Waiting { late_at, .. } => *late_at,
            _ => None,
        });
        let late_at = late_at.min();
        if self.alarm.as_ref().map(|(at, _)| *at) != late_at {
            self.alarm = late_at.map(|at| (at, Deadline::at(at).alarm()));
        }
    }
}

impl Drop for Contacts {
    /// What has not come until now would have taken longer.
    fn drop(&mut self) {
        for (id, contact) in self.configuration.node_ids().zip(&self.nodes) {
            if let Contact::Waiting { since, .. } = contact {
                self.thrifty.measure(id, since.elapsed());
            }
        }
    }
}

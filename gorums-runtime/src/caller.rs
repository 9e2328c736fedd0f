//! Who is called, who decides, and how.

use std::fmt;
use std::sync::Arc;

use crate::call::CallOptions;
use crate::configuration::{Configuration, Membership, UnknownNode};
use crate::identity::NodeId;
use crate::node::Node;

/// What the calls of a service on a configuration have in common. Generated code wraps it, one type per service.
pub struct Caller<Q> {
    members: Membership,
    spec: Arc<Q>,
    options: CallOptions,
}

impl<Q> Caller<Q> {
    /// Calls on `members` that `spec` decides.
    pub fn new(members: impl Into<Membership>, spec: Q) -> Self {
        Self {
            members: members.into(),
            spec: Arc::new(spec),
            options: CallOptions::new(),
        }
    }

    /// The same, with `spec` to decide.
    pub fn with_spec<S>(&self, spec: S) -> Caller<S> {
        Caller {
            members: self.members.clone(),
            spec: Arc::new(spec),
            options: self.options.clone(),
        }
    }

    /// The same, with `options` for every call.
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self {
            options,
            ..self.clone()
        }
    }

    /// The nodes that a call goes to which is made now.
    pub fn configuration(&self) -> Configuration {
        self.members.now()
    }

    /// The quorum functions.
    pub fn spec(&self) -> &Q {
        &self.spec
    }

    /// One of the nodes, with the options for calls to it.
    ///
    /// # Errors
    ///
    /// [`UnknownNode`] when the node is not in the configuration.
    pub fn node(&self, id: NodeId) -> Result<NodeCaller, UnknownNode> {
        let node = self.configuration().node(id)?;
        Ok(NodeCaller::new(node).with_options(self.options.clone()))
    }

    /// The nodes, with the options for calls to them.
    pub fn nodes(&self) -> impl Iterator<Item = NodeCaller> + '_ {
        let configuration = self.configuration();
        let nodes = (0..configuration.size()).filter_map(move |index| configuration.at(index));
        nodes.map(|node| NodeCaller::new(node).with_options(self.options.clone()))
    }

    pub(crate) fn shared_spec(&self) -> Arc<Q> {
        Arc::clone(&self.spec)
    }

    pub(crate) fn options(&self) -> &CallOptions {
        &self.options
    }
}

impl<Q> Clone for Caller<Q> {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            spec: Arc::clone(&self.spec),
            options: self.options.clone(),
        }
    }
}

impl<Q> fmt::Debug for Caller<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("members", &self.members)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What the calls of a service on one node have in common. Generated code wraps it, one type per service.
#[derive(Clone, Debug)]
pub struct NodeCaller {
    node: Node,
    options: CallOptions,
}

impl NodeCaller {
    /// Calls on `node`.
    pub fn new(node: Node) -> Self {
        Self {
            node,
            options: CallOptions::new(),
        }
    }

    /// The same, with `options` for every call.
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self {
            node: self.node.clone(),
            options,
        }
    }

    /// The node that is called.
    pub fn as_node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn options(&self) -> &CallOptions {
        &self.options
    }
}

//! Which node gets which request.

use crate::call::PerNode;
use crate::configuration::Configuration;
use crate::node::Node;

/// Pairs the nodes of `configuration`, in its order, with what `seal` makes of `request`, once for all of them; or, with
/// `per_node`, with what it makes of each node's own request. A node for which `per_node` makes none is skipped.
pub(crate) fn address<R, T: Clone>(
    configuration: &Configuration,
    request: &R,
    mut per_node: Option<PerNode<R>>,
    mut seal: impl FnMut(&R, &Node) -> T,
) -> Vec<(Node, T)> {
    let mut shared: Option<T> = None;
    let address = |node: &Node| {
        let sealed = match &mut per_node {
            None => shared.get_or_insert_with(|| seal(request, node)).clone(),
            Some(per_node) => seal(&per_node(request, node.id())?, node),
        };
        Some((node.clone(), sealed))
    };
    configuration.nodes().filter_map(address).collect()
}

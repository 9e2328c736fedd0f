//! Which node gets which request.

use crate::call::PerNode;
use crate::node::Node;

/// Pairs `nodes`, in their order, with their encoded requests. Without `per_node`, `seal` encodes `request` once for all of
/// them. With it, `seal` encodes each node's own request, and nodes without one are skipped.
pub(crate) fn address<'a, R, T: Clone>(
    nodes: impl Iterator<Item = &'a Node>,
    request: &R,
    mut per_node: Option<&mut PerNode<R>>,
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
    nodes.filter_map(address).collect()
}

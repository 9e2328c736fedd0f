//! All metrics that there are.

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The name, as OpenTelemetry writes names: `rpc.client.call.duration`.
    pub name: &'static str,
    /// What it measures, in a sentence.
    pub help: &'static str,
    /// The unit, as OpenTelemetry writes units: `s`, `By`, or what is counted, such as `{call}`.
    pub unit: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The names of its labels. A sample may lack some of them.
    pub labels: &'static [&'static str],
}

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// How often something has happened.
    Counter,
    /// How much there is now.
    Gauge,
    /// How long something took, each time.
    Histogram,
}

impl Description {
    /// All metrics that there are.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// Its place among all.
    pub(super) fn position(&self) -> usize {
        let position = ALL.iter().position(|other| other.name == self.name);
        position.unwrap_or(ALL.len())
    }
}

/// Lists the metrics.
macro_rules! catalogue {
    ($($constant:ident: $kind:ident $name:literal $unit:literal $labels:expr, $help:literal;)*) => {
        $(pub(crate) const $constant: Description = Description {
            name: $name,
            help: $help,
            unit: $unit,
            kind: Kind::$kind,
            labels: $labels,
        };)*

        static ALL: [Description; [$($name),*].len()] = [$($constant),*];
    };
}

pub(super) const SYSTEM: &str = "rpc.system.name";
pub(super) const METHOD: &str = "rpc.method";
pub(super) const CODE: &str = "rpc.response.status_code";
pub(super) const ERROR: &str = "error.type";
pub(super) const OUTCOME: &str = "gorums.outcome";
pub(super) const NODE: &str = "gorums.node.id";
pub(super) const ADDRESS: &str = "server.address";
pub(super) const PORT: &str = "server.port";

const OF_NODE: &[&str] = &[NODE, ADDRESS, PORT];

catalogue! {
    CLIENT_CALLS: Histogram "rpc.client.call.duration" "s" &[SYSTEM, METHOD, OUTCOME, ERROR],
        "How long calls took, from their start until they ended";
    CLIENT_ACTIVE: Gauge "gorums.client.active_calls" "{call}" &[METHOD],
        "Calls in flight";
    NODE_REPLIES: Histogram "gorums.client.node.reply.duration" "s" OF_NODE,
        "How long a node took to answer calls with one reply";
    NODE_ERRORS: Counter "gorums.client.node.errors" "{error}" &[NODE, ADDRESS, PORT, CODE],
        "Calls that failed on a node";
    NODE_CONNECTED: Gauge "gorums.client.node.connected" "1" OF_NODE,
        "1 while the node stream to a node is open, otherwise 0";
    NODE_CONNECTIONS: Counter "gorums.client.node.connections" "{connection}" OF_NODE,
        "Node streams that were opened to a node";
    NODE_CONNECTION_FAILURES: Counter "gorums.client.node.connection_failures" "{failure}" OF_NODE,
        "Node streams to a node that broke, or could not be opened";
    NODE_QUEUE: Gauge "gorums.client.node.queue.messages" "{message}" OF_NODE,
        "Messages that wait to be sent to a node";
    NODE_QUEUE_LIMIT: Gauge "gorums.client.node.queue.messages.limit" "{message}" OF_NODE,
        "The most messages that may wait to be sent to a node";
    NODE_QUEUE_SIZE: Gauge "gorums.client.node.queue.size" "By" OF_NODE,
        "Bytes of the messages that wait to be sent to a node";
    NODE_QUEUE_SIZE_LIMIT: Gauge "gorums.client.node.queue.size.limit" "By" OF_NODE,
        "The most bytes of messages that may wait to be sent to a node";
    NODE_STRAGGLERS: Gauge "gorums.client.node.stragglers" "{call}" OF_NODE,
        "Decided calls that go on at a node, which has not answered yet";
    NODE_DROPPED: Counter "gorums.client.node.dropped_one_way_calls" "{call}" OF_NODE,
        "Detached one-way calls that were dropped because there was no room for them";
    SERVER_CALLS: Histogram "rpc.server.call.duration" "s" &[SYSTEM, METHOD, CODE, ERROR],
        "How long handlers took";
    SERVER_WAITS: Histogram "gorums.server.wait.duration" "s" &[METHOD],
        "How long requests on node streams waited for their turn, of those that had to wait";
    SERVER_WAITING: Gauge "gorums.server.waiting_requests" "{request}" &[],
        "Requests on node streams that wait for their turn";
    SERVER_STREAMS: Gauge "gorums.server.streams" "{stream}" &[],
        "Open node streams";
    SERVER_UNREAD: Gauge "gorums.server.unread.size" "By" &[],
        "Bytes of replies that clients have not read";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_metrics_have_the_same_name() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}

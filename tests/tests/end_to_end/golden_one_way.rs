//! The generated functions for one-way calls, end to end.

use gorums_runtime::Context;
use tests::golden::one_way::Entry;
use tests::golden::one_way::one_way_gorums::{
    OneWayConfiguration, OneWayReplica, OneWayReplicaServer,
};
use tests::network::Network;
use tests::service::{Received, serve};
use tests::{on_both, settle};

/// Records what arrives: the replica, the method and the entry.
struct Log {
    number: u8,
    received: Received<(u8, &'static str, String)>,
}

impl Log {
    fn keep(&self, method: &'static str, request: Entry) {
        self.received.push((self.number, method, request.text));
    }
}

impl OneWayReplica for Log {
    async fn append(&self, _: &Context, request: Entry) {
        self.keep("append", request);
    }

    async fn append_per_node(&self, _: &Context, request: Entry) {
        self.keep("append_per_node", request);
    }

    async fn append_in_order(&self, _: &Context, request: Entry) {
        self.keep("append_in_order", request);
    }

    async fn append_in_order_per_node(&self, _: &Context, request: Entry) {
        self.keep("append_in_order_per_node", request);
    }

    async fn append_to(&self, _: &Context, request: Entry) {
        self.keep("append_to", request);
    }

    async fn notify(&self, _: &Context, request: Entry) {
        self.keep("notify", request);
    }
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_reach_the_replicas_that_they_are_made_to() {
    on_both(async |transport| {
        let received = Received::default();
        let configuration = serve(Network::new(transport), |number| {
            let received = received.clone();
            OneWayReplicaServer::new(Log { number, received })
        });
        let service = OneWayConfiguration::new(configuration.await);
        let entry = |text: &str| Entry { text: text.into() };
        let arrived = async || {
            settle().await;
            let mut arrived = received.take();
            arrived.sort();
            arrived
        };

        service.append(entry("a")).await.expect("sent");
        let to = |number, method, text: &str| (number, method, text.to_string());
        let everywhere = [1, 2, 3].map(|number| to(number, "append", "a"));
        assert_eq!(arrived().await, everywhere);

        let own = service.append_per_node(entry("b"), |entry, node| {
            (node != Network::id(1)).then(|| Entry {
                text: format!("{}{node}", entry.text),
            })
        });
        own.await.expect("sent");
        let each = [
            to(2, "append_per_node", "b2"),
            to(3, "append_per_node", "b3"),
        ];
        assert_eq!(arrived().await, each);

        service.append_in_order(entry("e")).await.expect("sent");
        service.append_in_order(entry("f")).detach();
        let mut in_order = Vec::new();
        for number in 1..=3 {
            in_order.extend(["e", "f"].map(|text| to(number, "append_in_order", text)));
        }
        assert_eq!(arrived().await, in_order);

        let own = service.append_in_order_per_node(entry("g"), |entry, node| {
            (node == Network::id(3)).then(|| entry.clone())
        });
        own.await.expect("sent");
        assert_eq!(arrived().await, [to(3, "append_in_order_per_node", "g")]);

        let node = service.node(Network::id(2)).expect("a node");
        node.append_to(entry("c")).await.expect("sent");
        node.notify(entry("d")).detach();
        assert_eq!(
            arrived().await,
            [to(2, "append_to", "c"), to(2, "notify", "d")]
        );
    })
    .await;
}

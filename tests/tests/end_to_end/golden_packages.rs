//! Services whose types come from other packages, from well-known files, or from no package.

use gorums_runtime::{Context, Method, Replies};
use tests::golden::{imports, no_package, relab_import};
use tests::network::Network;
use tests::on_both;
use tests::service::{all, serve};
use tonic::Status;

/// Puts its number into its replies.
struct Replica(u8);

/// Decides by the replies of all replicas.
struct All;

mod serves_imports {
    use super::*;
    use imports::Request as Get;
    use imports::imports_gorums::{
        ImportsConfiguration, ImportsQuorumSpec, ImportsReplica, ImportsReplicaServer,
    };
    use imports::types::value::Version;
    use imports::types::{Summary, Value};

    impl ImportsReplica for Replica {
        async fn get(&self, _: &Context, request: Get) -> Result<Value, Status> {
            let value = request.value;
            let Value { text } = value.ok_or_else(|| Status::invalid_argument("no value"))?;
            let text = format!("{text}{}", self.0);
            Ok(Value { text })
        }

        async fn get_version(&self, _: &Context, request: Value) -> Result<Version, Status> {
            let length = request.text.len() as u64;
            let number = 10 * length + u64::from(self.0);
            Ok(Version { number })
        }

        async fn count(&self, _: &Context, _: Get) -> Result<Version, Status> {
            let number = self.0.into();
            Ok(Version { number })
        }

        async fn name(&self, _: &Context, _: Get) -> Result<String, Status> {
            Ok(self.0.to_string())
        }
    }

    impl ImportsQuorumSpec for All {
        fn get_qf(&self, replies: &mut Replies<Value>) -> Option<Value> {
            let texts = all(replies)?.into_iter().map(|value| value.text);
            let text = texts.collect::<Vec<_>>().join(" ");
            Some(Value { text })
        }

        fn get_version_qf(&self, replies: &mut Replies<Version>) -> Option<Summary> {
            let versions = all(replies)?.into_iter().map(|version| version.number);
            let count = versions.sum::<u64>() as u32;
            Some(Summary { count })
        }

        /// How many versions are greater than the length of the request's text.
        fn count_qf(&self, request: &Get, replies: &mut Replies<Version>) -> Option<Summary> {
            let length = request.value.as_ref().map_or(0, |value| value.text.len());
            let versions = all(replies)?.into_iter().map(|version| version.number);
            let count = versions.filter(|number| *number > length as u64).count() as u32;
            Some(Summary { count })
        }

        fn name_qf(&self, replies: &mut Replies<String>) -> Option<i64> {
            all(replies)?.concat().parse().ok()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_and_custom_return_types_may_be_from_other_packages_and_well_known() {
        on_both(async |transport| {
            let nodes = serve(Network::new(transport), |number| {
                ImportsReplicaServer::new(Replica(number))
            });
            let service = ImportsConfiguration::new(nodes.await).with_spec(All);
            let value = Value {
                text: "v".to_string(),
            };
            let request = Get {
                value: Some(value.clone()),
            };

            let got = service.get(request.clone()).await.expect("all");
            assert_eq!(got.text, "v1 v2 v3");
            let summary = service.get_version(value).await.expect("all");
            assert_eq!(
                summary,
                Summary {
                    count: 11 + 12 + 13
                }
            );
            let summary = service.count(request.clone()).await.expect("all");
            assert_eq!(summary, Summary { count: 2 });
            let name: i64 = service.name(request).await.expect("all");
            assert_eq!(name, 123);

            let error = service.get(Get::default()).await.expect_err("no value");
            assert_eq!(error.errors().len(), 3);
        })
        .await;
    }
}

mod serves_relab_import {
    use super::*;
    use relab_import::relab_gorums::{
        RelabConfiguration, RelabQuorumSpec, RelabReplica, RelabReplicaServer,
    };
    use relab_import::{Reply, Request as Get};

    impl RelabReplica for Replica {
        async fn get(&self, _: &Context, request: Get) -> Result<Reply, Status> {
            let value = format!("{}{}", request.key, self.0);
            Ok(Reply { value })
        }
    }

    impl RelabQuorumSpec for All {
        fn get_qf(&self, replies: &mut Replies<Reply>) -> Option<Reply> {
            let values = all(replies)?.into_iter().map(|reply| reply.value);
            let value = values.collect::<Vec<_>>().join(" ");
            Some(Reply { value })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn options_that_are_imported_under_their_path_in_go_make_quorum_calls() {
        on_both(async |transport| {
            let nodes = serve(Network::new(transport), |number| {
                RelabReplicaServer::new(Replica(number))
            });
            let service = RelabConfiguration::new(nodes.await).with_spec(All);
            let key = "k".to_string();
            let reply = service.get(Get { key }).await.expect("all");
            assert_eq!(reply.value, "k1 k2 k3");
        })
        .await;
    }
}

mod serves_no_package {
    use super::*;
    use no_package::pinger_gorums::{
        PingerConfiguration, PingerQuorumSpec, PingerReplica, PingerReplicaServer, methods,
    };
    use no_package::{Ping, Pong, Total};

    impl PingerReplica for Replica {
        async fn ping(&self, _: &Context, _: Ping) -> Result<Pong, Status> {
            let count = self.0.into();
            Ok(Pong { count })
        }

        async fn ping_one(&self, _: &Context, _: Ping) -> Result<Pong, Status> {
            let count = 100 + u64::from(self.0);
            Ok(Pong { count })
        }
    }

    impl PingerQuorumSpec for All {
        fn ping_qf(&self, replies: &mut Replies<Pong>) -> Option<Total> {
            let count = all(replies)?.into_iter().map(|pong| pong.count).sum();
            Some(Total { count })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_without_a_package_is_called_by_its_bare_name() {
        on_both(async |transport| {
            let nodes = serve(Network::new(transport), |number| {
                PingerReplicaServer::new(Replica(number))
            });
            let service = PingerConfiguration::new(nodes.await).with_spec(All);
            let total = service.ping(Ping {}).await.expect("all");
            assert_eq!(total, Total { count: 6 });
            let node = service.node(Network::id(2)).expect("a node");
            let pong = node.ping_one(Ping {}).await.expect("a reply");
            assert_eq!(pong, Pong { count: 102 });
            assert_eq!(methods::Ping::DESCRIPTOR.path(), "/Pinger/Ping");
            assert_eq!(methods::PingOne::DESCRIPTOR.path(), "/Pinger/PingOne");
        })
        .await;
    }
}

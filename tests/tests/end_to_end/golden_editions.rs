//! Services in proto2 and editions: the presence and the defaults of fields, at both ends.

use std::collections::HashMap;

use gorums_runtime::{Context, Replies};
use tests::golden::{edition_2023, edition_2024, proto2};
use tests::network::Network;
use tests::on_both;
use tests::service::{Received, all, serve};
use tonic::Status;

/// Remembers requests, and answers with its number.
struct Replica<T> {
    number: u8,
    received: Received<T>,
}

/// Decides by the replies of all replicas, and lists them in order.
struct InOrder;

mod serves_edition_2023 {
    use super::*;
    use edition_2023::edition2023_gorums::{
        Edition2023Configuration, Edition2023QuorumSpec, Edition2023Replica,
        Edition2023ReplicaServer,
    };
    use edition_2023::request::{Choice, Nested};
    use edition_2023::{Mode, Reply, Request as Get};

    impl Edition2023Replica for Replica<Get> {
        async fn get(&self, _: &Context, request: Get) -> Result<Reply, Status> {
            self.received.push(request);
            let value = Some(vec![self.number]);
            Ok(Reply { value })
        }
    }

    impl Edition2023QuorumSpec for InOrder {
        fn get_qf(&self, replies: &mut Replies<Reply>) -> Option<Reply> {
            let values = all(replies)?.into_iter().map(|reply| reply.value);
            Some(Reply {
                value: values.collect::<Option<Vec<_>>>().map(|all| all.concat()),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_field_with_presence_arrives_as_it_was_set_and_one_without_as_its_value() {
        on_both(async |transport| {
            let full = Get {
                key: Some("key".to_string()),
                limit: -1,
                packed: vec![1, 2, 3],
                expanded: vec![4, 5, 6],
                mode: Some(Mode::Fast.into()),
                modes: HashMap::from([
                    ("fast".to_string(), Mode::Fast.into()),
                    ("other".to_string(), Mode::Unspecified.into()),
                ]),
                message: Some(Nested { flag: Some(true) }),
                choice: Some(Choice::Name("name".to_string())),
            };
            let set_to_defaults = Get {
                key: Some(String::new()),
                mode: Some(Mode::Unspecified.into()),
                message: Some(Nested { flag: None }),
                choice: Some(Choice::Nested(Nested { flag: Some(false) })),
                ..Get::default()
            };
            let received = Received::default();
            let nodes = serve(Network::new(transport), |number| {
                Edition2023ReplicaServer::new(Replica {
                    number,
                    received: received.clone(),
                })
            });
            let service = Edition2023Configuration::new(nodes.await).with_spec(InOrder);
            for request in [full, set_to_defaults, Get::default()] {
                let reply = service.get(request.clone()).await.expect("all");
                assert_eq!(reply.value, Some(vec![1, 2, 3]));
                assert_eq!(received.take(), vec![request; 3]);
            }
        })
        .await;
    }
}

mod serves_edition_2024 {
    use super::*;
    use edition_2024::edition2024_gorums::{
        Edition2024Configuration, Edition2024QuorumSpec, Edition2024Replica,
        Edition2024ReplicaServer,
    };
    use edition_2024::{Reply, Request as Get};

    impl Edition2024Replica for Replica<Get> {
        async fn get(&self, _: &Context, request: Get) -> Result<Reply, Status> {
            self.received.push(request);
            let value = vec![self.number];
            Ok(Reply { value })
        }
    }

    /// Puts the request's key before the replies.
    impl Edition2024QuorumSpec for InOrder {
        fn get_qf(&self, request: &Get, replies: &mut Replies<Reply>) -> Option<Reply> {
            let mut value = request.key.clone().into_bytes();
            value.extend(all(replies)?.into_iter().flat_map(|reply| reply.value));
            Some(Reply { value })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn presence_is_what_the_file_and_the_field_say() {
        on_both(async |transport| {
            let received = Received::default();
            let nodes = serve(Network::new(transport), |number| {
                Edition2024ReplicaServer::new(Replica {
                    number,
                    received: received.clone(),
                })
            });
            let service = Edition2024Configuration::new(nodes.await).with_spec(InOrder);
            for limit in [None, Some(0), Some(i32::MIN)] {
                let key = "key".to_string();
                let request = Get { key, limit };
                let reply = service.get(request.clone()).await.expect("all");
                assert_eq!(reply.value, b"key\x01\x02\x03");
                assert_eq!(received.take(), vec![request; 3]);
            }
        })
        .await;
    }
}

mod serves_proto2 {
    use super::*;
    use proto2::proto2_gorums::{
        Proto2Configuration, Proto2QuorumSpec, Proto2Replica, Proto2ReplicaServer,
    };
    use proto2::{Mode, Reply, Request as Get};

    /// Answers with the limit and the mode that it received.
    impl Proto2Replica for Replica<Get> {
        async fn get(&self, _: &Context, request: Get) -> Result<Reply, Status> {
            let packed = vec![request.limit(), request.mode().into()];
            self.received.push(request);
            let value = Some(vec![self.number]);
            Ok(Reply { value, packed })
        }
    }

    impl Proto2QuorumSpec for InOrder {
        fn get_qf(&self, replies: &mut Replies<Reply>) -> Option<Reply> {
            let replies = all(replies)?;
            Some(Reply {
                value: Some(replies.iter().flat_map(Reply::value).copied().collect()),
                packed: replies.into_iter().flat_map(|reply| reply.packed).collect(),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_field_that_is_not_sent_has_its_default_at_the_replica() {
        on_both(async |transport| {
            let received = Received::default();
            let nodes = serve(Network::new(transport), |number| {
                Proto2ReplicaServer::new(Replica {
                    number,
                    received: received.clone(),
                })
            });
            let service = Proto2Configuration::new(nodes.await).with_spec(InOrder);
            let cases = [
                (None, None, [10, Mode::Fast.into()]),
                (Some(0), Some(Mode::Safe.into()), [0, Mode::Safe.into()]),
            ];
            for (limit, mode, seen) in cases {
                let request = Get {
                    key: String::new(),
                    limit,
                    versions: vec![1, 2, 3],
                    mode,
                };
                let reply = service.get(request.clone()).await.expect("all");
                assert_eq!(reply.value(), [1, 2, 3]);
                assert_eq!(reply.packed, [seen; 3].concat());
                assert_eq!(received.take(), vec![request; 3]);
            }
        })
        .await;
    }
}

//! Generated code in a crate that has neither prost nor tonic of its own: it compiles, without warnings, and runs.
#![deny(warnings)]

/// The code with the types that prost uses by default.
pub mod usual {
    include!(concat!(env!("OUT_DIR"), "/usual/mod.rs"));
}

/// The code with `bytes::Bytes`, `BTreeMap`, and well-known types of its own.
pub mod other_types {
    include!(concat!(env!("OUT_DIR"), "/other_types/mod.rs"));
}

/// A module of this name is not the runtime that generated code means.
pub mod gorums_runtime {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ::gorums_runtime::prost::bytes::Bytes;
    use ::gorums_runtime::prost::{Message, Name};
    use ::gorums_runtime::prost_types::{Any, Duration, Timestamp};
    use ::gorums_runtime::testing;
    use ::gorums_runtime::tonic::{Status, Streaming};
    use ::gorums_runtime::{Context, ReplySink};

    use crate::usual::kitchen_sink::everything::{Choice, Documented, Inner};
    use crate::usual::kitchen_sink::{Color, Everything};
    use crate::usual::proto2::{Defaults, Grouped, Mode, Request, grouped};
    use crate::usual::streaming::transfer_gorums::{
        TransferConfiguration, TransferReplica, TransferReplicaServer,
    };
    use crate::usual::streaming::{Chunk, Receipt};
    use crate::{other_types, usual};

    /// A message with something in each kind of field.
    fn everything() -> Everything {
        let inner = Inner {
            deepest: Some(usual::kitchen_sink::everything::inner::Deepest { level: 1 }),
        };
        Everything {
            maybe: Some(-1),
            names: vec!["a".to_owned(), "b".to_owned()],
            inners: [("key".to_owned(), inner)].into(),
            colors: [(3, Color::Green.into())].into(),
            choice: Some(Choice::Inner(inner)),
            documented: Some(Documented::First(true)),
            single: Some(inner),
            recursive: Some(Box::default()),
            time: Some(Timestamp {
                seconds: 1,
                nanos: 2,
            }),
            duration: Some(Duration {
                seconds: 3,
                nanos: 4,
            }),
            any: Some(Any::default()),
            wrapped: Some("wrapped".to_owned()),
            content: vec![1, 2, 3],
            number: 0.5,
            ..Everything::default()
        }
    }

    #[test]
    fn each_kind_of_field_is_encoded_and_decoded() {
        let message = everything();
        let encoded = message.encode_to_vec();
        assert_eq!(Everything::decode(&encoded[..]), Ok(message));
        assert_eq!(Everything::full_name(), "kitchen_sink.Everything");

        let again = other_types::kitchen_sink::Everything::decode(&encoded[..]);
        let again = again.expect("the same message");
        assert_eq!(again.content, Bytes::from_static(&[1, 2, 3]));
        assert_eq!(again.colors, BTreeMap::from([(3, 1)]));
        let time = other_types::google::protobuf::Timestamp {
            seconds: 1,
            nanos: 2,
        };
        assert_eq!(again.time, Some(time));
        let debug = format!("{again:?}");
        assert!(debug.contains("colors: {3: 1}"), "{debug}");
    }

    #[test]
    fn groups_and_default_values_of_proto2_are_there() {
        assert_eq!(Request::default().limit(), 10);
        assert_eq!(Request::default().mode(), Mode::Fast);
        assert_eq!(Defaults::default().whole(), 1.0);
        let group = Grouped {
            apart: Some(grouped::Apart { x: Some(7) }),
            ..Grouped::default()
        };
        let encoded = group.encode_to_vec();
        assert_eq!(Grouped::decode(&encoded[..]), Ok(group));
    }

    /// Counts the bytes of a chunk.
    struct Counter;

    impl TransferReplica for Counter {
        async fn send(&self, _: &Context, chunk: Chunk) -> Result<Receipt, Status> {
            let length = chunk.content.len() as u64;
            Ok(Receipt { length })
        }

        async fn upload(&self, _: &Context, _: Streaming<Chunk>) -> Result<Receipt, Status> {
            Err(Status::unimplemented("upload"))
        }

        async fn download(
            &self,
            _: &Context,
            _: Receipt,
            _: ReplySink<Chunk>,
        ) -> Result<(), Status> {
            Err(Status::unimplemented("download"))
        }

        async fn exchange(
            &self,
            _: &Context,
            _: Streaming<Chunk>,
            _: ReplySink<Chunk>,
        ) -> Result<(), Status> {
            Err(Status::unimplemented("exchange"))
        }

        async fn confirm(&self, _: &Context, receipt: Receipt) -> Result<Receipt, Status> {
            Ok(receipt)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_made_through_the_runtime_and_through_its_tonic() {
        let replicas = testing::replicas(1, |_| TransferReplicaServer::new(Counter));
        let replicas = replicas.await.expect("a replica");
        let transfer = TransferConfiguration::new(replicas.configuration());
        let node = transfer.nodes().next().expect("a node");
        let content = vec![0; 5];
        let chunk = Chunk { content };
        let receipt = node.send(chunk.clone()).await.expect("a reply");
        assert_eq!(receipt.length, 5);
        let response = node.client().send(chunk).await.expect("a response");
        assert_eq!(response.into_inner(), receipt);
    }
}

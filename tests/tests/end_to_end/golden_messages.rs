//! Messages with all kinds of fields, which arrive as they were sent.

use std::collections::{BTreeMap, HashMap};

use gorums_runtime::prost_types::value::Kind;
use gorums_runtime::prost_types::{Any, Duration, ListValue, Struct, Timestamp, Value};
use gorums_runtime::{Context, Replies, Transport};
use tests::golden::kitchen_sink::everything::inner::{Deepest, Level};
use tests::golden::kitchen_sink::everything::{Choice, Documented, Inner};
use tests::golden::kitchen_sink::sink_gorums::{
    SinkConfiguration, SinkQuorumSpec, SinkReplica, SinkReplicaServer,
};
use tests::golden::kitchen_sink::{Color, Commented, Everything};
use tests::network::Network;
use tests::on_both;
use tests::service::{Received, all, serve};
use tonic::Status;

/// Remembers its requests.
struct Replica {
    number: u8,
    received: Received<Everything>,
}

impl SinkReplica for Replica {
    async fn take(&self, _: &Context, request: Everything) -> Result<(), Status> {
        self.received.push(request);
        Ok(())
    }

    async fn take_inner(&self, _: &Context, request: Inner) -> Result<Deepest, Status> {
        let deepest = request.deepest;
        let deepest = deepest.ok_or_else(|| Status::invalid_argument("nothing inside"))?;
        Ok(deepest)
    }

    async fn old(&self, _: &Context, request: Commented) -> Result<Any, Status> {
        let Commented { x, y } = request;
        Ok(Any {
            type_url: format!("example.org/{x}/{y}"),
            value: vec![self.number],
        })
    }

    async fn old_one(&self, _: &Context, request: Timestamp) -> Result<bool, Status> {
        Ok(request.seconds < 0)
    }
}

/// Decides by the replies of all replicas.
struct All;

impl SinkQuorumSpec for All {
    fn take_qf(&self, replies: &mut Replies<()>) -> Option<()> {
        all(replies).map(|_| ())
    }

    /// The highest level, in the message of the request.
    fn take_inner_qf(&self, replies: &mut Replies<Deepest>) -> Option<Inner> {
        let deepest = all(replies)?
            .into_iter()
            .max_by_key(|deepest| deepest.level);
        Some(Inner { deepest })
    }

    fn old_qf(&self, replies: &mut Replies<Any>) -> Option<Any> {
        let replies = all(replies)?;
        Some(Any {
            type_url: replies.first()?.type_url.clone(),
            value: replies.into_iter().flat_map(|any| any.value).collect(),
        })
    }
}

async fn sink(transport: Transport, received: &Received<Everything>) -> SinkConfiguration<All> {
    let nodes = serve(Network::new(transport), |number| {
        SinkReplicaServer::new(Replica {
            number,
            received: received.clone(),
        })
    });
    SinkConfiguration::new(nodes.await).with_spec(All)
}

fn inner(level: Level) -> Inner {
    Inner {
        deepest: Some(Deepest {
            level: level.into(),
        }),
    }
}

fn structure() -> Struct {
    let kinds = [
        ("null", Kind::NullValue(0)),
        ("number", Kind::NumberValue(-0.5)),
        ("string", Kind::StringValue("s".to_string())),
        ("bool", Kind::BoolValue(false)),
        ("list", Kind::ListValue(ListValue { values: vec![] })),
        ("struct", Kind::StructValue(Struct::default())),
    ];
    let fields = kinds.into_iter().map(|(name, kind)| {
        let kind = Some(kind);
        (name.to_string(), Value { kind })
    });
    Struct {
        fields: fields.collect::<BTreeMap<_, _>>(),
    }
}

/// A value in every field, with the other cases of the oneofs in the field `recursive`.
#[allow(deprecated, reason = "deprecated fields are sent like others")]
fn everything() -> Everything {
    Everything {
        maybe: Some(-1),
        names: vec!["a".to_string(), String::new(), "ü".to_string()],
        inners: HashMap::from([
            ("high".to_string(), inner(Level::High)),
            (String::new(), Inner { deepest: None }),
        ]),
        colors: HashMap::from([
            (-1, Color::Green.into()),
            (0, Color::Red.into()),
            (i32::MAX, Color::Old.into()),
        ]),
        choice: Some(Choice::Inner(inner(Level::High))),
        documented: Some(Documented::First(true)),
        single: Some(inner(Level::Low)),
        recursive: Some(Box::new(Everything {
            choice: Some(Choice::Color(Color::Green.into())),
            documented: Some(Documented::Second(true)),
            ..Everything::default()
        })),
        time: Some(Timestamp {
            seconds: -62_135_596_800,
            nanos: 999_999_999,
        }),
        duration: Some(Duration {
            seconds: -1,
            nanos: -1,
        }),
        any: Some(Any {
            type_url: "type.googleapis.com/kitchen_sink.Commented".to_string(),
            value: vec![8, 1],
        }),
        structure: Some(structure()),
        wrapped: Some("wrapped".to_string()),
        empty: Some(()),
        content: (0..=u8::MAX).collect(),
        number: f64::MIN_POSITIVE,
        old: "old".to_string(),
    }
}

/// The default value in every field with presence.
fn defaults() -> Everything {
    Everything {
        maybe: Some(0),
        choice: Some(Choice::Text(String::new())),
        documented: Some(Documented::Second(false)),
        single: Some(Inner::default()),
        recursive: Some(Box::default()),
        time: Some(Timestamp::default()),
        duration: Some(Duration::default()),
        any: Some(Any::default()),
        structure: Some(Struct::default()),
        wrapped: Some(String::new()),
        empty: Some(()),
        ..Everything::default()
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_field_arrives_at_every_replica_as_it_was_sent() {
    on_both(async |transport| {
        let received = Received::default();
        let sink = sink(transport, &received).await;
        // A number that is not a value of the enum.
        let unknown_color = Everything {
            choice: Some(Choice::Color(77)),
            ..Everything::default()
        };
        for message in [
            everything(),
            defaults(),
            unknown_color,
            Everything::default(),
        ] {
            sink.take(message.clone()).await.expect("all");
            assert_eq!(received.take(), vec![message; 3]);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nested_messages_are_requests_replies_and_custom_return_types() {
    on_both(async |transport| {
        let sink = sink(transport, &Received::default()).await;
        let high = inner(Level::High);
        let decided: Inner = sink.take_inner(high).await.expect("all");
        assert_eq!(decided, high);
        let nothing = Inner { deepest: None };
        let error = sink.take_inner(nothing).await.expect_err("nothing inside");
        assert_eq!(error.errors().len(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
#[allow(deprecated, reason = "deprecated methods are called like others")]
async fn deprecated_methods_and_well_known_replies_work() {
    on_both(async |transport| {
        let sink = sink(transport, &Received::default()).await;
        let any = sink.old(Commented { x: 1, y: -2 }).await.expect("all");
        assert_eq!(any.type_url, "example.org/1/-2");
        assert_eq!(any.value, [1, 2, 3]);

        let node = sink.node(Network::id(2)).expect("a node");
        for (seconds, before) in [(-1, true), (1, false)] {
            let time = Timestamp { seconds, nanos: 0 };
            let reply: bool = node.old_one(time).await.expect("a reply");
            assert_eq!(reply, before);
        }
    })
    .await;
}

//! The generated functions for the call types other than `qc`, end to end.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use gorums_runtime::server::Router;
use gorums_runtime::{Context, Correction, NodeId, Replies, ReplySink};
use tests::golden::aggregates::aggregates_gorums::{
    AggregatesConfiguration, AggregatesReplica, AggregatesReplicaServer,
};
use tests::golden::aggregates::mixed_gorums::{
    MixedConfiguration, MixedQuorumSpec, MixedReplica, MixedReplicaServer,
};
use tests::golden::correctables::correctables_gorums::{
    CorrectablesConfiguration, CorrectablesQuorumSpec, CorrectablesReplica,
    CorrectablesReplicaServer,
};
use tests::golden::futures::futures_gorums::{
    FuturesConfiguration, FuturesQuorumSpec, FuturesReplica, FuturesReplicaServer,
};
use tests::golden::{aggregates, correctables, futures as futures_proto};
use tests::network::Network;
use tests::on_both;
use tests::service::{REPLICAS, serve};
use tonic::Status;

/// Answers each request with the request and this replica number.
struct Echo(u8);

type Handled<T> = Result<T, Status>;

async fn twice<T: prost::Message + Clone>(request: T, replies: ReplySink<T>) -> Handled<()> {
    replies.send(request.clone()).await?;
    replies.send(request).await
}

/// Decides, or returns its last level, once all replicas have answered.
struct All;

fn all<T>(replies: &Replies<T>) -> bool {
    replies
        .node_ids()
        .collect::<std::collections::HashSet<_>>()
        .len()
        == usize::from(REPLICAS)
}

impl FuturesReplica for Echo {
    async fn read_future(
        &self,
        _: &Context,
        request: futures_proto::Value,
    ) -> Handled<futures_proto::Value> {
        Ok(request)
    }

    async fn count_future(
        &self,
        _: &Context,
        request: futures_proto::Value,
    ) -> Handled<futures_proto::Value> {
        Ok(request)
    }

    async fn write_per_node_future(
        &self,
        _: &Context,
        request: futures_proto::Value,
    ) -> Handled<futures_proto::Value> {
        assert_eq!(request.text, format!("v{}", self.0));
        Ok(request)
    }

    async fn count_async(
        &self,
        _: &Context,
        request: futures_proto::Value,
    ) -> Handled<futures_proto::Value> {
        Ok(request)
    }
}

impl FuturesQuorumSpec for All {
    fn read_future_qf(
        &self,
        replies: &mut Replies<futures_proto::Value>,
    ) -> Option<futures_proto::Value> {
        all(replies).then(|| replies.take_first())?
    }

    fn count_future_qf(
        &self,
        request: &futures_proto::Value,
        replies: &mut Replies<futures_proto::Value>,
    ) -> Option<futures_proto::Count> {
        let equal = replies.messages().filter(|reply| *reply == request);
        let replies_count = equal.count() as u32;
        all(replies).then_some(futures_proto::Count {
            replies: replies_count,
        })
    }

    fn write_per_node_future_qf(
        &self,
        replies: &mut Replies<futures_proto::Value>,
    ) -> Option<futures_proto::Value> {
        all(replies).then(|| replies.take_first())?
    }

    fn count_async_qf(
        &self,
        request: &futures_proto::Value,
        replies: &mut Replies<futures_proto::Value>,
    ) -> Option<futures_proto::Count> {
        self.count_future_qf(request, replies)
    }
}

#[tokio::test(start_paused = true)]
async fn futures_are_sent_when_they_are_made_and_decided_by_their_quorum_functions() {
    on_both(async |transport| {
        let configuration = serve(Network::new(transport), |number| {
            FuturesReplicaServer::new(Echo(number))
        });
        let futures = FuturesConfiguration::new(configuration.await).with_spec(All);
        let value = |text: &str| futures_proto::Value { text: text.into() };
        let count = futures_proto::Count {
            replies: REPLICAS.into(),
        };
        let read = futures.read_future(value("a"));
        let counted = futures.count_future(value("b"));
        let written = futures.write_per_node_future(value("v"), |value, node| {
            Some(futures_proto::Value {
                text: format!("{}{node}", value.text),
            })
        });
        let counted_async = futures.count_async(value("c"));
        tests::settle().await;
        assert!(
            read.is_done() && counted.is_done() && written.is_done() && counted_async.is_done()
        );
        assert_eq!(read.await.expect("all"), value("a"));
        assert_eq!(counted.await.expect("all"), count);
        assert!(written.await.is_ok());
        assert_eq!(counted_async.await.expect("all"), count);
    })
    .await;
}

impl AggregatesReplica for Echo {
    async fn read_qc(&self, _: &Context, request: aggregates::Value) -> Handled<aggregates::Value> {
        Ok(request)
    }

    async fn write_per_node(
        &self,
        _: &Context,
        request: aggregates::Value,
    ) -> Handled<aggregates::Value> {
        Ok(request)
    }

    async fn read_async(
        &self,
        _: &Context,
        request: aggregates::Value,
    ) -> Handled<aggregates::Value> {
        Ok(request)
    }

    async fn read_quorum_call_async(
        &self,
        _: &Context,
        request: aggregates::Value,
    ) -> Handled<aggregates::Value> {
        Ok(request)
    }

    async fn watch(
        &self,
        _: &Context,
        request: aggregates::Value,
        replies: ReplySink<aggregates::Value>,
    ) -> Handled<()> {
        twice(request, replies).await
    }
}

impl MixedReplica for Echo {
    async fn count(&self, _: &Context, request: aggregates::Value) -> Handled<aggregates::Value> {
        Ok(request)
    }

    async fn read(&self, _: &Context, request: aggregates::Value) -> Handled<aggregates::Value> {
        Ok(request)
    }
}

impl MixedQuorumSpec for All {
    fn count_qf(
        &self,
        _: &aggregates::Value,
        replies: &mut Replies<aggregates::Value>,
    ) -> Option<aggregates::Count> {
        let count = replies.len() as u32;
        all(replies).then_some(aggregates::Count { replies: count })
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_of_a_quorumcall_says_how_to_aggregate() {
    on_both(async |transport| {
        let configuration = serve(Network::new(transport), |number| {
            Router::new()
                .add_replica(AggregatesReplicaServer::new(Echo(number)))
                .add_replica(MixedReplicaServer::new(Echo(number)))
        });
        let configuration = configuration.await;
        let service = AggregatesConfiguration::new(configuration.clone());
        let value = aggregates::Value { text: "v".into() };
        let for_two = |value: &aggregates::Value, node: NodeId| {
            (node != Network::id(2)).then(|| value.clone())
        };

        let replies = service.read_qc(value.clone()).majority().await;
        assert_eq!(replies.expect("a majority").len(), 2);
        let replies = service.write_per_node(value.clone(), for_two).all().await;
        assert_eq!(replies.expect("two").len(), 2);
        assert_eq!(
            service
                .read_async(value.clone())
                .first()
                .await
                .expect("one"),
            value
        );
        let replies = service
            .read_quorum_call_async(value.clone(), for_two)
            .all()
            .await;
        assert_eq!(replies.expect("two").len(), 2);
        let streamed: Vec<_> = service.watch(value.clone()).responses().collect().await;
        assert_eq!(streamed.len(), 6);

        let without_spec = MixedConfiguration::new(configuration.clone());
        let replies = without_spec.read(value.clone()).all().await;
        assert_eq!(replies.expect("all").len(), 3);
        let count = MixedConfiguration::new(configuration)
            .with_spec(All)
            .count(value)
            .await;
        assert_eq!(count.expect("all").replies, 3);
    })
    .await;
}

impl CorrectablesReplica for Echo {
    async fn read_correctable(
        &self,
        _: &Context,
        request: correctables::Value,
    ) -> Handled<correctables::Value> {
        Ok(request)
    }

    async fn read_prelim(
        &self,
        _: &Context,
        request: correctables::Value,
        replies: ReplySink<correctables::Value>,
    ) -> Handled<()> {
        twice(request, replies).await
    }

    async fn read_stream(
        &self,
        _: &Context,
        request: correctables::Value,
        replies: ReplySink<correctables::Value>,
    ) -> Handled<()> {
        twice(request, replies).await
    }

    async fn write_per_node(
        &self,
        _: &Context,
        request: correctables::Value,
    ) -> Handled<correctables::Value> {
        assert_eq!(request.text, format!("v{}", self.0));
        Ok(request)
    }
}

impl CorrectablesQuorumSpec for All {
    fn read_correctable_qf(
        &self,
        replies: &mut Replies<correctables::Value>,
    ) -> Option<Correction<correctables::Value>> {
        let (_, latest) = replies.latest()?;
        let (latest, level) = (latest.clone(), replies.len() as i32);
        Some(match all(replies) {
            true => Correction::last(latest, level),
            false => Correction::preliminary(latest, level),
        })
    }

    fn read_prelim_qf(
        &self,
        replies: &mut Replies<correctables::Value>,
    ) -> Option<Correction<correctables::Value>> {
        let (_, latest) = replies.latest()?;
        let (latest, level) = (latest.clone(), replies.len() as i32);
        Some(match level == 2 * i32::from(REPLICAS) {
            true => Correction::last(latest, level),
            false => Correction::preliminary(latest, level),
        })
    }

    fn read_stream_qf(
        &self,
        request: &correctables::Value,
        replies: &mut Replies<correctables::Value>,
    ) -> Option<Correction<correctables::Count>> {
        assert_eq!(request.text, "v");
        let replies = replies.len() as u32;
        Some(Correction::preliminary(
            correctables::Count { replies },
            replies as i32,
        ))
    }

    fn write_per_node_qf(
        &self,
        replies: &mut Replies<correctables::Value>,
    ) -> Option<Correction<correctables::Value>> {
        self.read_correctable_qf(replies)
    }
}

#[tokio::test(start_paused = true)]
async fn correctables_get_better_with_each_reply_of_each_node() {
    on_both(async |transport| {
        let configuration = serve(Network::new(transport), |number| {
            CorrectablesReplicaServer::new(Echo(number))
        });
        let service = CorrectablesConfiguration::new(configuration.await).with_spec(All);
        let value = correctables::Value { text: "v".into() };

        let read = service.read_correctable(value.clone());
        assert!(read.reached(1).await);
        assert_eq!(
            read.done().await.expect("all"),
            (Arc::new(value.clone()), 3)
        );
        let (_, level) = service
            .read_prelim(value.clone())
            .done()
            .await
            .expect("all");
        assert_eq!(level, 6);

        // Its quorum function never returns a last value, so the call ends with its streams.
        let stream = service.read_stream(value.clone());
        let error = stream.done().await.expect_err("undecided");
        assert_eq!(error.replies(), 6);
        assert_eq!(
            stream.latest().map(|(count, level)| (count.replies, level)),
            Some((6, 6))
        );
        assert!(
            stream
                .reached(7)
                .now_or_never()
                .is_some_and(|reached| !reached)
        );

        let written = service.write_per_node(value, |value, node| {
            Some(correctables::Value {
                text: format!("{}{node}", value.text),
            })
        });
        assert_eq!(written.done().await.expect("all").1, 3);
    })
    .await;
}

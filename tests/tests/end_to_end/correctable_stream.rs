//! Correctables whose nodes answer with streams.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::{Context, Correction, Replies, ReplySink, Transport};
use tests::golden::correctables::correctables_gorums::{
    CorrectablesConfiguration, CorrectablesQuorumSpec, CorrectablesReplica,
    CorrectablesReplicaServer,
};
use tests::golden::correctables::{Count, Value};
use tests::network::Network;
use tests::service::serve;
use tests::{on_both, settle};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Status};

/// How a replica answers a call whose replies are a stream.
#[derive(Clone)]
enum Streaming {
    /// With each published text.
    Published(watch::Sender<String>),
    /// With values without end.
    Endless,
    /// With a value and then an error.
    Broken,
}

fn value(text: impl Into<String>) -> Value {
    Value { text: text.into() }
}

impl CorrectablesReplica for Streaming {
    async fn read_prelim(
        &self,
        ctx: &Context,
        _: Value,
        replies: ReplySink<Value>,
    ) -> Result<(), Status> {
        ctx.release();
        match self {
            Self::Published(texts) => {
                let mut texts = WatchStream::from_changes(texts.subscribe());
                while let Some(text) = texts.next().await {
                    replies.send(value(text)).await?;
                }
                Ok(())
            }
            Self::Endless => loop {
                replies.send(value("again")).await?;
            },
            Self::Broken => {
                replies.send(value("1")).await?;
                Err(Status::data_loss("torn"))
            }
        }
    }

    async fn read_stream(
        &self,
        ctx: &Context,
        request: Value,
        replies: ReplySink<Value>,
    ) -> Result<(), Status> {
        self.read_prelim(ctx, request, replies).await
    }

    async fn read_correctable(&self, _: &Context, request: Value) -> Result<Value, Status> {
        Ok(request)
    }

    async fn write_per_node(&self, _: &Context, request: Value) -> Result<Value, Status> {
        Ok(request)
    }
}

/// Returns the latest reply, whose text is its level; it is final at this level.
struct LastAt(i32);

impl CorrectablesQuorumSpec for LastAt {
    fn read_prelim_qf(&self, replies: &mut Replies<Value>) -> Option<Correction<Value>> {
        let latest = replies.take_latest()?;
        let level = latest.text.parse().unwrap_or(self.0);
        Some(match level >= self.0 {
            true => Correction::last(latest, level),
            false => Correction::preliminary(latest, level),
        })
    }

    fn read_correctable_qf(&self, replies: &mut Replies<Value>) -> Option<Correction<Value>> {
        let last = replies.len() == 3;
        last.then(|| Correction::last(value("all"), 3))
    }

    fn read_stream_qf(&self, _: &Value, _: &mut Replies<Value>) -> Option<Correction<Count>> {
        None
    }

    fn write_per_node_qf(&self, _: &mut Replies<Value>) -> Option<Correction<Value>> {
        None
    }
}

async fn service(transport: Transport, streaming: Streaming) -> CorrectablesConfiguration<LastAt> {
    let configuration = serve(Network::new(transport), |_| {
        CorrectablesReplicaServer::new(streaming.clone())
    });
    CorrectablesConfiguration::new(configuration.await).with_spec(LastAt(4))
}

#[tokio::test(start_paused = true)]
async fn each_reply_of_a_stream_can_raise_the_level_until_the_last() {
    on_both(async |transport| {
        let texts = watch::Sender::new(String::new());
        let service = service(transport, Streaming::Published(texts.clone())).await;
        let call = service.read_prelim(value("read"));
        settle().await;
        assert_eq!(texts.receiver_count(), 3, "each replica has its stream");
        assert_eq!((call.latest(), call.level()), (None, None));

        for level in 1..=4 {
            assert!(!call.is_done());
            texts.send_replace(level.to_string());
            assert!(call.reached(level).await);
            let (latest, at) = call.latest().expect("a value");
            assert_eq!((latest.text.as_str(), at), (&*level.to_string(), level));
        }
        let (last, level) = call.done().await.expect("the last");
        assert_eq!((last.text.as_str(), level), ("4", 4));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_never_end_hold_up_neither_their_call_nor_others_to_their_nodes() {
    on_both(async |transport| {
        let service = service(transport, Streaming::Endless).await;
        let call = service.read_prelim(value("read"));
        assert_eq!(call.done().await.expect("the first reply").1, 4);
        drop(call);
        let other = service.read_correctable(value("read"));
        assert_eq!(other.done().await.expect("all").1, 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_all_fail_end_their_call_at_once_with_an_error_for_each_node() {
    on_both(async |transport| {
        let service = service(transport, Streaming::Broken).await;
        let start = Instant::now();
        let call = service.read_prelim(value("read"));
        let error = call.done().await.expect_err("all have failed");
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        assert_eq!((error.replies(), error.errors().len()), (3, 3));
        for error in error.errors() {
            assert_eq!(error.code(), Code::DataLoss);
        }
        assert_eq!(call.level(), Some(1));
    })
    .await;
}

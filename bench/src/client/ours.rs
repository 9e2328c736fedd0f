//! Calls by the generated code.

use std::future::IntoFuture;
use std::time::SystemTime;

use futures::{FutureExt, TryFutureExt};
use gorums_runtime::{Correction, Manager, Replies, Transport};

use super::{Load, text};
use crate::args::{Call, System};
use crate::error::Error;
use crate::metered;
use crate::proto::Payload;
use crate::proto::bench_gorums::{BenchConfiguration, BenchNode, BenchQuorumSpec};
use crate::servers::Servers;
use crate::storage::storage_gorums::{StorageConfiguration, StorageQuorumSpec};
use crate::storage::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};

/// Decides by a number of replies.
#[derive(Debug)]
pub(crate) struct Count(usize);

impl Count {
    fn decide(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        if replies.len() < self.0 {
            return None;
        }
        replies.take_latest()
    }
}

impl BenchQuorumSpec for Count {
    fn echo_qf(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        self.decide(replies)
    }

    fn echo_per_node_qf(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        self.decide(replies)
    }

    fn echo_future_qf(&self, replies: &mut Replies<Payload>) -> Option<Payload> {
        self.decide(replies)
    }

    fn echo_correctable_qf(&self, replies: &mut Replies<Payload>) -> Option<Correction<Payload>> {
        let level = replies.len();
        let latest = replies.messages().next_back()?.clone();
        Some(if level < self.0 {
            Correction::preliminary(latest, level as i32)
        } else {
            Correction::last(latest, level as i32)
        })
    }
}

impl StorageQuorumSpec for Count {
    fn read_qc_qf(&self, replies: &mut Replies<ReadResponse>) -> Option<ReadResponse> {
        if replies.len() < self.0 {
            return None;
        }
        replies.take_max_by_key(|reply| reply.time.map(|time| (time.seconds, time.nanos)))
    }

    fn write_qc_qf(&self, replies: &mut Replies<WriteResponse>) -> Option<WriteResponse> {
        if replies.len() < self.0 {
            return None;
        }
        replies.take_latest()
    }
}

/// The services on all servers, and on the first.
pub(crate) struct Ours {
    bench: BenchConfiguration<Count>,
    first: BenchNode,
    storage: StorageConfiguration<Count>,
}

/// The key of all reads and writes.
const KEY: &str = "gorums-bench";

impl Ours {
    pub(crate) async fn connect(
        system: System,
        servers: &Servers,
        quorum: usize,
        metrics: bool,
    ) -> Result<Self, Error> {
        let transport = match system {
            System::Grpc => Transport::Grpc,
            _ => Transport::NodeStream,
        };
        let manager = Manager::builder()
            .addresses(servers.grpc.clone())
            .transport(transport)
            .max_message_size(usize::MAX);
        let manager = match metrics {
            true => metered::client(manager)?,
            false => manager,
        };
        let manager = manager.connect().await?;
        let bench = BenchConfiguration::new(manager.configuration()).with_spec(Count(quorum));
        let first = bench.nodes().next();
        let first = first.ok_or(Error::NoServer)?;
        let storage = StorageConfiguration::new(manager.configuration()).with_spec(Count(quorum));
        Ok(Self {
            bench,
            first,
            storage,
        })
    }

    pub(crate) fn put_under<L: Load>(self, load: L, call: Call) -> L::Output {
        let Self {
            bench,
            first,
            storage,
        } = self;
        match call {
            Call::Quorum => load.of(move |payload| {
                let call = bench.echo(payload.clone()).into_future();
                call.map_ok(drop).map_err(text)
            }),
            Call::PerNode => load.of(move |payload| {
                let call = bench.echo_per_node(payload.clone(), |payload, _| Some(payload.clone()));
                call.into_future().map_ok(drop).map_err(text)
            }),
            Call::Future => load.of(move |payload| {
                let call = bench.echo_future(payload.clone());
                call.map_ok(drop).map_err(text)
            }),
            Call::Correctable => load.of(move |payload| {
                let call = bench.echo_correctable(payload.clone());
                async move { call.done().await.map(drop).map_err(text) }
            }),
            Call::Rpc => load.of(move |payload| {
                let call = first.echo_node(payload.clone()).into_future();
                call.map_ok(drop).map_err(text)
            }),
            Call::Multicast => load.of(move |payload| {
                let call = bench.multicast(payload.clone());
                call.map(|sent| sent.map_err(text))
            }),
            Call::Unicast => load.of(move |payload| {
                let call = first.unicast(payload.clone());
                call.map(|sent| sent.map_err(text))
            }),
            Call::StorageRead => load.of(move |_| {
                let key = KEY.to_string();
                let call = storage.read_qc(ReadRequest { key }).into_future();
                call.map_ok(drop).map_err(text)
            }),
            Call::StorageWrite => load.of(move |payload| {
                let call = storage.write_qc(WriteRequest {
                    key: KEY.to_string(),
                    value: "v".repeat(payload.data.len()),
                    time: Some(SystemTime::now().into()),
                });
                call.into_future().map_ok(drop).map_err(text)
            }),
        }
    }
}

//! The clients of all systems.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use gorums_runtime::{Correction, Manager, Replies, Transport};
use tonic::transport::{Channel, Endpoint};

use crate::args::{Call, System};
use crate::error::Error;
use crate::proto::Payload;
use crate::proto::bench_client::BenchClient;
use crate::proto::bench_gorums::{BenchConfiguration, BenchNode, BenchQuorumSpec};
use crate::servers::Servers;
use crate::tcp::TcpClient;

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

/// A client of one system, connected to all servers.
#[derive(Clone)]
pub(crate) enum Client {
    Ours(Box<Ours>),
    Tonic {
        clients: Vec<BenchClient<Channel>>,
        quorum: usize,
    },
    Tcp(TcpClient),
}

/// The service on all servers, and on the first.
#[derive(Clone)]
pub(crate) struct Ours {
    bench: BenchConfiguration<Count>,
    first: BenchNode,
}

impl Client {
    pub(crate) async fn connect(
        system: System,
        servers: &Servers,
        quorum: usize,
    ) -> Result<Self, Error> {
        match system {
            System::Streams => Self::ours(Transport::NodeStream, servers, quorum).await,
            System::Grpc => Self::ours(Transport::Grpc, servers, quorum).await,
            System::Tonic => Self::tonic(servers, quorum).await,
            System::Tcp if servers.tcp.len() < servers.grpc.len() => Err(Error::NoTcp),
            System::Tcp => {
                let client = TcpClient::connect(&servers.tcp, quorum).await;
                client.map(Self::Tcp).map_err(|source| Error::Connect {
                    address: servers.tcp.join(","),
                    source: source.into(),
                })
            }
        }
    }

    async fn ours(transport: Transport, servers: &Servers, quorum: usize) -> Result<Self, Error> {
        let manager = Manager::builder()
            .addresses(servers.grpc.clone())
            .transport(transport)
            .connect()
            .await?;
        let bench = BenchConfiguration::new(manager.configuration(), Count(quorum));
        let first = bench.nodes().next();
        match first {
            Some(first) => Ok(Self::Ours(Box::new(Ours { bench, first }))),
            None => Err(Error::Manager(gorums_runtime::ManagerError::NoNodes)),
        }
    }

    /// As an experienced user writes it, with HTTP/2's limits on resets raised so that it does not break.
    async fn tonic(servers: &Servers, quorum: usize) -> Result<Self, Error> {
        let mut clients = Vec::new();
        for address in &servers.grpc {
            let error = |source: tonic::transport::Error| Error::Connect {
                address: address.clone(),
                source: source.into(),
            };
            let channel = Endpoint::from_shared(format!("http://{address}"))
                .map_err(error)?
                .tcp_nodelay(true)
                .http2_max_local_error_reset_streams(None)
                .http2_max_concurrent_reset_streams(16_384)
                .connect()
                .await
                .map_err(error)?;
            let client = BenchClient::new(channel);
            clients.push(client.max_decoding_message_size(usize::MAX));
        }
        Ok(Self::Tonic { clients, quorum })
    }

    /// Makes one call, and waits for its end.
    pub(crate) async fn call(&self, call: Call, payload: &Payload) -> Result<(), String> {
        match self {
            Self::Ours(ours) => ours.call(call, payload.clone()).await,
            Self::Tonic { clients, quorum } => by_hand(clients, *quorum, payload).await,
            Self::Tcp(client) => client.call(&payload.data).await.map(drop),
        }
    }

    /// An error unless the system has this type of call.
    pub(crate) fn check(system: System, call: Call) -> Result<(), Error> {
        match (system, call) {
            (System::Streams | System::Grpc, _) | (_, Call::Quorum) => Ok(()),
            _ => Err(Error::NoSuchCall {
                system: system.name(),
                call: call.name(),
            }),
        }
    }
}

impl Ours {
    async fn call(&self, call: Call, payload: Payload) -> Result<(), String> {
        let Self { bench, first } = self;
        match call {
            Call::Quorum => bench.echo(payload).await.map(drop).map_err(text),
            Call::PerNode => {
                let call = bench.echo_per_node(payload, |payload, _| Some(payload.clone()));
                call.await.map(drop).map_err(text)
            }
            Call::Future => bench.echo_future(payload).await.map(drop).map_err(text),
            Call::Correctable => {
                let call = bench.echo_correctable(payload);
                call.done().await.map(drop).map_err(text)
            }
            Call::Rpc => first.echo_node(payload).await.map(drop).map_err(text),
            Call::Multicast => bench.multicast(payload).await.map_err(text),
            Call::Unicast => first.unicast(payload).await.map_err(text),
        }
    }
}

async fn by_hand(
    clients: &[BenchClient<Channel>],
    quorum: usize,
    payload: &Payload,
) -> Result<(), String> {
    let mut calls: FuturesUnordered<_> = clients
        .iter()
        .map(|client| {
            let (mut client, payload) = (client.clone(), payload.clone());
            async move { client.echo(payload).await }
        })
        .collect();
    let mut replies = 0;
    let mut error = None;
    while let Some(reply) = calls.next().await {
        match reply {
            Ok(_) => replies += 1,
            Err(status) => error = Some(status),
        }
        if replies == quorum {
            return Ok(());
        }
    }
    Err(error.map_or_else(|| "no quorum".to_string(), text))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

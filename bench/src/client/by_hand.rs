//! A hand-written quorum call, as an experienced user of tonic would write it.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tonic::transport::{Channel, Endpoint};

use super::text;
use crate::error::Error;
use crate::proto::Payload;
use crate::proto::plain_client::PlainClient;
use crate::servers::Servers;

/// The clients that tonic generates, one for each server.
#[derive(Clone)]
pub(crate) struct ByHand {
    clients: Arc<[PlainClient<Channel>]>,
    quorum: usize,
}

impl ByHand {
    /// HTTP/2's limits on resets are raised: a call that has its quorum drops the remaining requests, and with the
    /// default limits the connection breaks at a few thousand calls per second.
    pub(crate) async fn connect(servers: &Servers, quorum: usize) -> Result<Self, Error> {
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
            let client = PlainClient::new(channel);
            clients.push(client.max_decoding_message_size(usize::MAX));
        }
        Ok(Self {
            clients: clients.into(),
            quorum,
        })
    }

    /// One call to all servers, until a quorum has replied.
    pub(crate) fn call(
        &self,
        payload: &Payload,
    ) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let calls = self.clients.iter().map(|client| {
            let (mut client, payload) = (client.clone(), payload.clone());
            async move { client.echo(payload).await }
        });
        let mut calls: FuturesUnordered<_> = calls.collect();
        let quorum = self.quorum;
        async move {
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
    }
}

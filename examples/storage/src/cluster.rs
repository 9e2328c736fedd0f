//! Replicas in this process.

use std::net::SocketAddr;

use crate::error::Error;
use crate::replica;

/// Replicas that run until the process ends.
#[derive(Debug)]
pub(crate) struct Cluster {
    addresses: Vec<SocketAddr>,
}

impl Cluster {
    /// Starts `replicas` replicas on free ports.
    pub(crate) async fn start(replicas: u16) -> Result<Self, Error> {
        let mut addresses = Vec::new();
        for _ in 0..replicas {
            let address = "127.0.0.1:0";
            let listener = replica::listen(address).await?;
            addresses.push(listener.local_addr().map_err(|source| Error::Listen {
                address: address.to_string(),
                source,
            })?);
            tokio::spawn(async move {
                if let Err(error) = replica::serve_on(listener, std::future::pending()).await {
                    eprintln!("storage: a replica failed: {error}");
                }
            });
        }
        Ok(Self { addresses })
    }

    /// Where the replicas are.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.addresses.iter().map(ToString::to_string).collect()
    }
}

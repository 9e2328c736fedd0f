//! Makes one attempt to connect to a node.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::connector::Connector;
use super::resolver::Resolver;
use crate::identity::Address;
use crate::support::BoxedConnection;

/// How to dial a node. Clones share the address that was reached.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    address: Address,
    timeout: Duration,
    connector: Connector,
    resolver: Resolver,
    reached: Arc<Mutex<Option<SocketAddr>>>,
}

impl Dial {
    pub(super) fn new(
        address: Address,
        timeout: Duration,
        connector: Connector,
        resolver: Resolver,
    ) -> Self {
        Self {
            address,
            timeout,
            connector,
            resolver,
            reached: Arc::default(),
        }
    }

    /// The IP address that was connected to last. `None` before.
    pub(super) fn reached(&self) -> Option<SocketAddr> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves the node's name, and tries its IP addresses one after the other until one is connected.
    pub(super) fn once(&self) -> BoxFuture<'static, io::Result<BoxedConnection>> {
        let dial = self.clone();
        async move {
            let timeout = dial.timeout;
            let late = |_| {
                let message = format!("not connected within {timeout:?}");
                io::Error::new(io::ErrorKind::TimedOut, message)
            };
            let connecting = tokio::time::timeout(timeout, dial.connect());
            connecting.await.map_err(late)?
        }
        .boxed()
    }

    async fn connect(&self) -> io::Result<BoxedConnection> {
        let addresses = self.resolver.resolve(&self.address).await?;
        let several = addresses.len() > 1;
        let mut failure = None;
        for address in addresses {
            match self.connector.connect(address).await {
                Ok(connection) => {
                    *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
                    return Ok(connection);
                }
                Err(error) if several => {
                    let named = format!("{address}: {error}");
                    failure = Some(io::Error::new(error.kind(), named));
                }
                Err(error) => failure = Some(error),
            }
        }
        // The resolver returns at least one address.
        Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }
}

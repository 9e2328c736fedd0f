//! Makes one attempt to connect to a node.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::connector::Connector;
use super::resolver::Resolver;
use crate::identity::Address;
#[cfg(feature = "_tls-any")]
use crate::identity::NodeAddress;
use crate::support::BoxedConnection;
use crate::tls::TlsError;
#[cfg(feature = "_tls-any")]
use crate::tls::{Claimed, Dialled};

/// How to dial a node. Clones share the address that was reached.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    address: Address,
    timeout: Duration,
    connector: Connector,
    resolver: Resolver,
    reached: Arc<Mutex<Option<SocketAddr>>>,
    /// How connections are encrypted, and the node that has to be at the other end.
    #[cfg(feature = "_tls-any")]
    tls: Option<Arc<(Dialled, NodeAddress)>>,
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
            #[cfg(feature = "_tls-any")]
            tls: None,
        }
    }

    /// Shakes hands by TLS with `node` on each connection.
    #[cfg(feature = "_tls-any")]
    pub(super) fn with_tls(mut self, tls: Dialled, node: NodeAddress) -> Self {
        self.tls = Some(Arc::new((tls, node)));
        self
    }

    /// How long one attempt may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
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
            let is_connected = AtomicBool::new(false);
            let connecting = tokio::time::timeout(timeout, dial.connect(&is_connected));
            let Ok(outcome) = connecting.await else {
                let late = io::ErrorKind::TimedOut;
                return Err(match is_connected.load(Ordering::Relaxed) {
                    true => {
                        let why = format!("the node did not answer it within {timeout:?}");
                        io::Error::new(late, TlsError::Handshake { why })
                    }
                    false => io::Error::new(late, format!("not connected within {timeout:?}")),
                });
            };
            outcome
        }
        .boxed()
    }

    /// Sets `is_connected` while the handshake of TLS lasts.
    async fn connect(&self, is_connected: &AtomicBool) -> io::Result<BoxedConnection> {
        let addresses = self.resolver.resolve(&self.address).await?;
        let several = addresses.len() > 1;
        let mut failure = None;
        for address in addresses {
            let connecting = async {
                let connection = self.connector.connect(address).await?;
                is_connected.store(true, Ordering::Relaxed);
                self.shake_hands(connection, address).await
            };
            let outcome = connecting.await;
            is_connected.store(false, Ordering::Relaxed);
            match outcome {
                Ok(connection) => {
                    *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
                    return Ok(connection);
                }
                // It says more than that nobody listens at another address.
                Err(error) if TlsError::is_in(&error) => failure = Some(error),
                Err(_) if failure.as_ref().is_some_and(TlsError::is_in) => {}
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

    #[cfg(feature = "_tls-any")]
    async fn shake_hands(
        &self,
        connection: BoxedConnection,
        address: SocketAddr,
    ) -> io::Result<BoxedConnection> {
        let Some(tls) = &self.tls else {
            return Ok(connection);
        };
        let (tls, node) = &**tls;
        let claimed = Claimed {
            id: node.id,
            host: node.host(),
        };
        tls.shake_hands(connection, claimed, address).await
    }

    #[cfg(not(feature = "_tls-any"))]
    async fn shake_hands(
        &self,
        connection: BoxedConnection,
        _: SocketAddr,
    ) -> io::Result<BoxedConnection> {
        Ok(connection)
    }
}

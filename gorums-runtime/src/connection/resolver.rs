//! Resolves the names of nodes.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::identity::Address;
use crate::support::{Panicked, guarded};

type Resolve = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Stands for the IP address of what has none.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Finds the IP addresses of nodes, with the system's resolver or with a function of the user.
#[derive(Clone)]
pub(crate) struct Resolver(Arc<Resolve>);

impl Resolver {
    /// The system's resolver.
    pub(crate) fn system() -> Self {
        Self(Arc::new(|name| {
            async move { Ok(tokio::net::lookup_host(name).await?.collect()) }.boxed()
        }))
    }

    /// Resolves nothing, for a connector that needs no address.
    pub(crate) fn unneeded() -> Self {
        Self(Arc::new(|_| std::future::ready(Ok(vec![ANY])).boxed()))
    }

    /// Resolves names with `resolve`. A panic of `resolve` is a failed attempt.
    pub(crate) fn new<F, Fut>(resolve: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let resolve = Arc::new(resolve);
        Self(Arc::new(move |name: String| {
            let resolve = Arc::clone(&resolve);
            let resolving = guarded({
                let name = name.clone();
                async move { resolve(name).await }
            });
            async move {
                resolving.await.unwrap_or_else(|Panicked(message)| {
                    let error = format!("the resolver panicked for {name}: {message}");
                    Err(io::Error::other(error))
                })
            }
            .boxed()
        }))
    }

    /// The IP addresses of `address`, in the order in which to try them. There is at least one.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved.
    pub(crate) async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        let name = match address {
            Address::Socket(socket) => return Ok(vec![*socket]),
            Address::Name { name, .. } => name,
            // Its connector needs no IP address.
            #[cfg(unix)]
            Address::Unix(_) => return Ok(vec![ANY]),
        };
        let resolved = (self.0)(name.clone()).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot resolve {name}: {error}"))
        })?;
        match resolved.is_empty() {
            true => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{name} has no IP address"),
            )),
            false => Ok(resolved),
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

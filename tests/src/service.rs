//! Any service, on three replicas that are called together.

use std::sync::{Arc, Mutex};

use gorums_runtime::server::Router;
use gorums_runtime::{Configuration, Replies};

use crate::network::Network;

/// How many replicas there are.
pub const REPLICAS: u8 = 3;

/// Starts replicas with the services that `services` makes for their numbers, and connects to all of them.
pub async fn serve<R: Into<Router>>(network: Network, services: impl Fn(u8) -> R) -> Configuration {
    for number in 1..=REPLICAS {
        network.serve(number, services(number));
    }
    let manager = network.manager(REPLICAS).connect_lazy().await;
    manager.expect("a manager").configuration()
}

/// The replies of all replicas, in the order of their numbers, once each has sent one.
pub fn all<T>(replies: &mut Replies<T>) -> Option<Vec<T>> {
    if replies.len() < REPLICAS.into() {
        return None;
    }
    let mut all = replies.take_all();
    all.sort_by_key(|(node, _)| *node);
    Some(all.into_iter().map(|(_, reply)| reply).collect())
}

/// The requests that arrived at any of the replicas.
#[derive(Debug)]
pub struct Received<T>(Arc<Mutex<Vec<T>>>);

impl<T> Received<T> {
    /// Adds a request.
    pub fn push(&self, request: T) {
        self.0.lock().expect("not poisoned").push(request);
    }

    /// The requests since the last look, in order of arrival.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().expect("not poisoned"))
    }
}

/// The same requests, for another replica to add to.
impl<T> Clone for Received<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// No requests.
impl<T> Default for Received<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

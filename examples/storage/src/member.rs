//! Replicas that are members of a system: each knows and calls the others.

use std::net::SocketAddr;

use futures::StreamExt;
use gorums_runtime::errors::SystemError;
use gorums_runtime::metrics::Metrics;
use gorums_runtime::server::Router;
use gorums_runtime::{Connectivity, ConnectivityEvent, Credentials, RunningSystem, System};
use harness::serve::builder;

use crate::replica;

/// A member that serves until this is dropped or stopped.
#[derive(Debug)]
pub(crate) struct Member {
    system: System,
    running: RunningSystem,
}

impl Member {
    /// Starts a member, which listens on `listen`, or else on the address that the members have for it. With
    /// `credentials`, all connections use TLS.
    pub(crate) async fn start(
        id: u32,
        members: &[(u32, String)],
        listen: Option<String>,
        cluster: Option<String>,
        credentials: Option<Credentials>,
        metrics: &Metrics,
    ) -> Result<Self, SystemError> {
        let mut builder =
            builder(id, members.iter().cloned()).manager(|manager| manager.metrics(metrics));
        if let Some(address) = listen {
            builder = builder.listen(address);
        }
        if let Some(name) = cluster {
            builder = builder.cluster(name);
        }
        if let Some(credentials) = credentials {
            builder = builder.tls(credentials);
        }
        let system = builder.bind().await?;
        let running = system.serve(services(&system, metrics))?;
        Ok(Self { system, running })
    }

    /// The address that the member listens on.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.system.address()
    }

    pub(crate) fn system(&self) -> System {
        self.system.clone()
    }

    pub(crate) fn connectivity(&self) -> Connectivity {
        self.system.connectivity()
    }

    /// Stops the member gracefully.
    pub(crate) async fn stop(self) -> Result<(), SystemError> {
        self.running.stop().await
    }
}

/// What the member of `system` serves.
pub(crate) fn services(system: &System, metrics: &Metrics) -> Router {
    replica::services(system.clients().clone(), Some(system)).metrics(metrics)
}

/// Prints who connects and disconnects, until the member stops.
pub(crate) async fn print_events(connectivity: Connectivity) {
    let mut events = connectivity.events();
    while let Some(event) = events.next().await {
        match event {
            ConnectivityEvent::Connected {
                node_id, address, ..
            } => println!("member {node_id} ({address}) is connected"),
            ConnectivityEvent::Disconnected {
                node_id,
                address,
                reason,
                ..
            } => println!(
                "member {node_id} ({address}) is disconnected: {}",
                reason.message()
            ),
            other => println!("{other:?}"),
        }
    }
}

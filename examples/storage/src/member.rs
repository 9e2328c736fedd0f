//! Replicas that are members of a system: each knows and calls the others.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{Stream, StreamExt};
use gorums_runtime::errors::SystemError;
use gorums_runtime::metrics::Metrics;
use gorums_runtime::{
    Backoff, Connectivity, ConnectivityEvent, Credentials, RunningSystem, System, SystemBuilder,
};
use tokio::net::TcpStream;

use crate::replica;

/// How long a member may be silent before it is asked for a sign of life, and how long it may take for the answer.
const SILENCE: Duration = Duration::from_millis(400);

/// How long to wait between attempts to connect to a member, at first and at most.
fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(50), Duration::from_millis(500))
}

/// A member that serves until this is dropped or stopped.
#[derive(Debug)]
pub(crate) struct Member {
    system: System,
    running: RunningSystem,
}

/// The member `id` of a system of `members`. It notices within a second if one of the others hangs, or is back.
fn builder(id: u32, members: &[(u32, String)]) -> SystemBuilder {
    System::builder(id, members.iter().cloned())
        .manager(|manager| manager.keep_alive(SILENCE, SILENCE).backoff(backoff()))
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
        let mut builder = builder(id, members).manager(|manager| manager.metrics(metrics));
        if let Some(address) = listen {
            builder = builder.listen(address);
        }
        if let Some(name) = cluster {
            builder = builder.cluster(name);
        }
        if let Some(credentials) = credentials {
            builder = builder.tls(credentials);
        }
        Self::serve(builder.bind().await?, metrics)
    }

    /// Starts a member that accepts `connections`.
    pub(crate) async fn accept(
        id: u32,
        members: &[(u32, String)],
        connections: impl Stream<Item = io::Result<TcpStream>> + Send + 'static,
        metrics: &Metrics,
    ) -> Result<Self, SystemError> {
        Self::serve(builder(id, members).accept(connections).await?, metrics)
    }

    fn serve(system: System, metrics: &Metrics) -> Result<Self, SystemError> {
        let services = replica::services(system.clients().clone(), Some(&system));
        let running = system.serve(services.metrics(metrics))?;
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

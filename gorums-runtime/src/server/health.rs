//! What a server reports of its health.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use super::replica_server::ServiceName;

/// What a server's health service reports: whether the server, and each of its services, is ready for calls. Clones
/// share it.
///
/// Everything is ready until [`set_ready`](Self::set_ready) says otherwise, and nothing once the server shuts down. It
/// only informs those who ask, such as load balancers and Kubernetes: calls are served all the same.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn load() {}
/// # async fn example(replica: impl register::register_gorums::RegisterReplica) -> Result<(), gorums_runtime::errors::ServerError> {
/// use gorums_runtime::Server;
/// use gorums_runtime::server::Health;
/// use register::register_gorums::RegisterReplicaServer;
///
/// let health = Health::new();
/// health.set_ready(false).await;
/// let server = Server::new(RegisterReplicaServer::new(replica)).health(&health);
/// let running = server.bind("10.0.0.1:4000").await?.start();
/// load().await;
/// health.set_ready(true).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The services that are served. The empty name, which stands for the whole server, is not among them.
    names: BTreeSet<&'static str>,
    /// Whether the whole server is not ready.
    unready: bool,
    /// The services that are not ready by themselves.
    unready_services: HashSet<&'static str>,
    stopped: bool,
}

impl Health {
    /// Creates the health of a server that is ready.
    pub fn new() -> Self {
        Self {
            reporter: HealthReporter::new(),
            state: Arc::default(),
        }
    }

    /// Sets whether the server is ready. While it is not, none of its services is.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some services may be reported as before until the next change.
    pub async fn set_ready(&self, ready: bool) {
        self.change(|state| state.unready = !ready).await;
    }

    /// Sets whether the service `S` is ready, such as `RegisterService`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the service may be reported as before until the next change.
    pub async fn set_service_ready<S: ServiceName>(&self, ready: bool) {
        self.change(|state| match ready {
            true => drop(state.unready_services.remove(S::NAME)),
            false => drop(state.unready_services.insert(S::NAME)),
        })
        .await;
    }

    /// Reports on these services, too.
    pub(super) async fn serve(&self, names: impl IntoIterator<Item = &'static str>) {
        self.change(|state| {
            state.names.extend(names);
            state.stopped = false;
        })
        .await;
    }

    /// Reports the server, which shuts down, as not ready from now on.
    pub(super) async fn stop(&self) {
        self.change(|state| state.stopped = true).await;
    }

    /// The gRPC service that reports it.
    pub(super) fn service(&self) -> HealthService {
        HealthService::from_health_reporter(self.reporter.clone())
    }

    /// Changes the state, and reports it before the next change.
    async fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().await;
        change(&mut state);
        let server_is_ready = !state.unready && !state.stopped;
        self.report("", server_is_ready).await;
        for name in &state.names {
            let is_ready = server_is_ready && !state.unready_services.contains(name);
            self.report(name, is_ready).await;
        }
    }

    async fn report(&self, name: &str, is_ready: bool) {
        let status = match is_ready {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        self.reporter.set_service_status(name, status).await;
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}

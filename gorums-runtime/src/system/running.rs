//! Systems that serve.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::SystemError;
use crate::manager::Manager;
use crate::node_stream::ReverseService;
use crate::server::accepting::Incoming;
use crate::server::error::ServerError;
use crate::server::server::Server;
use crate::support::Pipe;

/// A [`System`](crate::System) that serves in the background. [`System::serve`](crate::System::serve) starts it.
///
/// Dropping it stops the system like [`stop`](Self::stop), but does not wait.
#[derive(Debug)]
#[must_use = "dropping a running system stops it"]
pub struct RunningSystem {
    manager: Manager,
    reverse: ReverseService,
    task: JoinHandle<Result<(), ServerError>>,
    stop: DropGuard,
}

impl RunningSystem {
    pub(super) fn start(
        manager: Manager,
        reverse: ReverseService,
        server: Server,
        incoming: Incoming,
        pipes: mpsc::UnboundedReceiver<Pipe>,
    ) -> Self {
        let stop = CancellationToken::new();
        let (stopped, closing, calls) = (stop.clone(), manager.clone(), reverse.clone());
        let serving = async move {
            let grace = server.grace_period();
            let served = async {
                let pipes = UnboundedReceiverStream::new(pipes);
                let stop = stopped.clone().cancelled_owned();
                let served = server.serve_system(incoming, pipes, stop).await;
                // It may have ended by itself.
                stopped.cancel();
                served
            };
            let answered = async {
                stopped.cancelled().await;
                // What has not ended by then is cut off, as it is at the server.
                if let Some(server) = calls.end() {
                    let _ = tokio::time::timeout(grace, server.ended()).await;
                }
            };
            let (served, ()) = futures::join!(served, answered);
            // Handlers may call their peers until they have ended.
            closing.close();
            served
        };
        Self {
            manager,
            reverse,
            task: tokio::spawn(serving),
            stop: stop.drop_guard(),
        }
    }

    /// Ends the system at once, as if its process had been killed.
    pub(crate) fn abort(&self) {
        self.task.abort();
        self.manager.close();
        self.reverse.end();
    }

    /// Stops the system. It accepts no more calls. Handlers that are running may still call their peers, for at most
    /// the server's [`grace`](Server::grace). Then all connections are closed, in both directions.
    ///
    /// # Errors
    ///
    /// If the server failed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the system still stops.
    pub async fn stop(self) -> Result<(), SystemError> {
        let Self { task, stop, .. } = self;
        drop(stop);
        match task.await {
            Ok(outcome) => Ok(outcome?),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and the system with it.
                Err(_) => Ok(()),
            },
        }
    }
}

//! Emits an event for each call.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    AnyMessage, CallOutcome, CallWatch, ClientCall, ClientInterceptor, Next, NodeOutcome,
    ServerCall, ServerInterceptor,
};
use crate::identity::NodeId;

/// Emits an event of the crate `tracing` for each call, of level `INFO` and with the target `gorums_runtime::calls`: at a
/// server when its handler has ended (`served`), at a client when the call has (`called`).
///
/// | field | value |
/// |---|---|
/// | `rpc.method` | the service and the method, such as `register.Register/Read` |
/// | `duration_us` | how long the call took, in microseconds, as a number |
/// | `rpc.grpc.status_code` | servers: the number of the status code |
/// | `error` | servers, of a failure: the message of the status |
/// | `gorums.peer.id`, `client.address` | servers: the caller, as far as it is known |
/// | `gorums.outcome` | clients: the [outcome](CallOutcome) of the call |
/// | `gorums.nodes`, `gorums.replies`, `gorums.errors` | clients: how many nodes were called, have replied, and have failed when the call ended |
///
/// ```
/// # fn example(router: gorums_runtime::server::Router) -> gorums_runtime::Server {
/// use gorums_runtime::interceptors::Logging;
///
/// gorums_runtime::Server::new(router).intercept(Logging)
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Logging;

const TARGET: &str = "gorums_runtime::calls";

impl ServerInterceptor for Logging {
    async fn intercept(&self, call: ServerCall, next: Next<'_>) -> Result<AnyMessage, Status> {
        let started = Instant::now();
        let name = call.name().to_owned();
        let (peer, address) = (call.context().peer(), call.context().peer_address());
        let outcome = next.run(call).await;
        let (code, error) = match &outcome {
            Ok(_) => (Code::Ok, None),
            Err(status) => (status.code(), Some(status.message())),
        };
        tracing::info!(
            target: TARGET,
            {
                rpc.method = name,
                duration_us = micros(started.elapsed()),
                rpc.grpc.status_code = i32::from(code),
                error,
                gorums.peer.id = peer.map(NodeId::get),
                client.address = address.map(tracing::field::display),
            },
            "served"
        );
        outcome
    }
}

impl ClientInterceptor for Logging {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        Ok(Some(Box::new(Logged {
            method: call.method().full_name(),
            nodes: call.nodes().len(),
            replies: 0,
            errors: 0,
        })))
    }
}

/// A call that is logged when it ends.
struct Logged {
    method: &'static str,
    nodes: usize,
    replies: usize,
    errors: usize,
}

impl CallWatch for Logged {
    fn node(&mut self, outcome: &mut NodeOutcome<'_>) {
        match outcome.error() {
            None => self.replies += 1,
            Some(_) => self.errors += 1,
        }
    }

    fn end(&mut self, outcome: CallOutcome, elapsed: Duration) {
        tracing::info!(
            target: TARGET,
            {
                rpc.method = self.method,
                duration_us = micros(elapsed),
                gorums.outcome = outcome.name(),
                gorums.nodes = self.nodes,
                gorums.replies = self.replies,
                gorums.errors = self.errors,
            },
            "called"
        );
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

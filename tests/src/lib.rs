//! Shared by the end-to-end tests: the code generated from the protos of the tests, and replicas to call with it.

use std::thread;
use std::time::Duration;

use gorums_runtime::Transport;

pub mod authority;
pub mod generated;
pub mod golden;
pub mod member;
pub mod network;
pub mod numbered_replica;
pub mod raw_service;
pub mod recorder;
pub mod register_2017;
pub mod replica;
pub mod service;
pub mod spec;
pub mod stream_replica;
pub mod transfer;
pub mod waiting;

pub use generated::numbered;
pub use golden::{register, streaming};
pub use waiting::soon;

/// Runs all other tasks until they wait: a paused clock advances only then.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Runs a test over node streams, and then over plain gRPC.
pub async fn on_both(test: impl AsyncFn(Transport)) {
    for transport in [Transport::NodeStream, Transport::Grpc] {
        let _named = Named(transport);
        test(transport).await;
    }
}

/// Prints the transport when a test fails.
struct Named(Transport);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the transport is {:?}", self.0);
        }
    }
}

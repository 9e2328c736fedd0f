//! What the end-to-end tests share: the code generated from the golden protos, and replicas to call with it.

use std::time::Duration;

pub mod authority;
pub mod golden;
pub mod network;
pub mod numbered_replica;
pub mod recorder;
pub mod register_2017;
pub mod replica;
pub mod service;
pub mod spec;
pub mod stream_replica;

pub use golden::{numbered, register, streaming};

/// Lets everything run until all of it waits for something: a paused clock advances only then.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

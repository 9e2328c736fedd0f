//! Managers that come and go.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use gorums_runtime::Transport;

use crate::calls::{Deadlines, one};
use crate::world::{World, builder};

/// From time to time makes a manager, makes calls with it, perhaps closes it, and drops it.
pub(crate) async fn run(world: Arc<World>, mut rng: Rng) {
    loop {
        world.resumed().await;
        world.wait(Duration::from_millis(rng.u64(0..2000))).await;
        let _busy = world.busy();
        let transport = match rng.bool() {
            true => Transport::NodeStream,
            false => Transport::Grpc,
        };
        let builder = builder(&world.replicas, transport).connect_timeout(Duration::from_secs(1));
        let connected = match rng.bool() {
            true => builder.connect_lazy().await,
            // Fails while a node is down.
            false => builder.connect().await,
        };
        let Ok(manager) = connected else { continue };
        let mut rngs: Vec<Rng> = (0..rng.usize(0..20)).map(|_| rng.fork()).collect();
        let calls = rngs
            .iter_mut()
            .map(|rng| one(&world, &manager, Deadlines::Always, false, rng));
        let (time, close) = (Duration::from_millis(rng.u64(0..200)), rng.bool());
        let closing = async {
            tokio::time::sleep(time).await;
            if close {
                manager.close();
            }
        };
        match rng.bool() {
            true => drop(futures::join!(join_all(calls), closing)),
            // The manager is dropped while its calls are in flight.
            false => drop(tokio::time::timeout(Duration::from_millis(20), join_all(calls)).await),
        }
    }
}

//! The faults of a run.

use std::collections::HashMap;

use fastrand::Rng;

use super::host;

/// Breaks and mends replicas.
pub(super) struct Faults {
    rng: Rng,
    replicas: u32,
    /// How many steps are left until the next fault.
    rest: u32,
    broken: HashMap<u32, Fault>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Crashed,
    Held,
    Partitioned,
}

impl Faults {
    pub(super) fn new(seed: u64, replicas: u32) -> Self {
        Self {
            rng: Rng::with_seed(seed.wrapping_add(1)),
            replicas,
            rest: 100,
            broken: HashMap::new(),
        }
    }

    pub(super) fn step(&mut self, sim: &mut turmoil::Sim<'_>) {
        self.rest -= 1;
        if self.rest > 0 {
            return;
        }
        self.rest = self.rng.u32(10..500);
        let number = self.rng.u32(1..=self.replicas);
        let name = host(number);
        match self.broken.remove(&number) {
            Some(Fault::Crashed) => sim.bounce(name),
            Some(Fault::Held) => sim.release(name, "client"),
            Some(Fault::Partitioned) => sim.repair(name, "client"),
            None => {
                let faults = [Fault::Crashed, Fault::Held, Fault::Partitioned];
                let fault = faults[self.rng.usize(..faults.len())];
                match fault {
                    Fault::Crashed => sim.crash(name),
                    Fault::Held => sim.hold(name, "client"),
                    Fault::Partitioned => sim.partition(name, "client"),
                }
                self.broken.insert(number, fault);
            }
        }
    }
}

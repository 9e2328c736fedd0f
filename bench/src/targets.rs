//! The performance targets, relative to other systems in the same run.

use serde::Serialize;

use crate::args::System::{self, Grpc, Streams, Tcp, Tonic};
use crate::compare::Figure::{self, Allocations, ClientCpu, P50, PerSecond};
use crate::compare::{Cell, Comparison, Load, SLOW, WAITING};

/// A bound on a figure.
#[derive(Clone, Copy, Debug)]
struct Target {
    system: System,
    what: What,
    bound: Bound,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A figure in a setting, relative to that of another system.
    Ratio(Figure, System, Setting),
    /// The client's allocations per call in a setting, without those for the payload and for decoded replies.
    OwnAllocations(Setting),
    /// The same in one setting, minus that in another.
    MoreAllocations(Setting, Setting),
    /// The 99th percentile with one slow replica, relative to that with none, at a fixed rate.
    SlowReplica,
    /// Bytes per call and node while many calls wait.
    Memory,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Servers, bytes of the payload, and calls in flight.
#[derive(Clone, Copy, Debug)]
struct Setting(usize, usize, u32);

const fn at_most(system: System, what: What, bound: f64) -> Target {
    let bound = Bound::AtMost(bound);
    Target {
        system,
        what,
        bound,
    }
}

const fn at_least(system: System, what: What, bound: f64) -> Target {
    let bound = Bound::AtLeast(bound);
    Target {
        system,
        what,
        bound,
    }
}

/// Latency and client CPU of a system with one call in flight, at both small payloads.
const fn one_call(system: System, n: usize, bound: f64) -> [Target; 4] {
    let (small, kibibyte) = (Setting(n, 16, 1), Setting(n, 1024, 1));
    [
        at_most(system, What::Ratio(P50, Tonic, small), bound),
        at_most(system, What::Ratio(ClientCpu, Tonic, small), bound),
        at_most(system, What::Ratio(P50, Tonic, kibibyte), bound),
        at_most(system, What::Ratio(ClientCpu, Tonic, kibibyte), bound),
    ]
}

const ONE_CALL: [[Target; 4]; 4] = [
    one_call(Streams, 3, 0.5),
    one_call(Grpc, 3, 0.9),
    one_call(Streams, 9, 0.33),
    one_call(Grpc, 9, 0.85),
];

const MANY_CALLS: [Target; 7] = {
    let (three, nine, kibibyte) = (Setting(3, 16, 64), Setting(9, 16, 64), Setting(3, 1024, 64));
    [
        at_least(Streams, What::Ratio(PerSecond, Tonic, three), 20.0),
        at_least(Grpc, What::Ratio(PerSecond, Tonic, three), 1.15),
        at_least(Streams, What::Ratio(PerSecond, Tonic, nine), 30.0),
        at_least(Grpc, What::Ratio(PerSecond, Tonic, nine), 1.15),
        at_least(Streams, What::Ratio(PerSecond, Tonic, kibibyte), 12.0),
        at_least(Grpc, What::Ratio(PerSecond, Tonic, kibibyte), 1.1),
        at_most(Streams, What::Ratio(ClientCpu, Tcp, three), 1.6),
    ]
};

const RESOURCES: [Target; 6] = {
    let (three, nine) = (Setting(3, 16, 1), Setting(9, 16, 1));
    [
        at_most(Streams, What::OwnAllocations(three), 4.0),
        at_most(Streams, What::OwnAllocations(nine), 4.0),
        at_most(Streams, What::MoreAllocations(nine, three), 0.2),
        at_most(Streams, What::SlowReplica, 1.1),
        at_most(Grpc, What::SlowReplica, 1.1),
        at_most(Streams, What::Memory, 2048.0),
    ]
};

/// A target and the measured figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Checked {
    pub(crate) target: String,
    pub(crate) bound: String,
    pub(crate) measured: f64,
    pub(crate) met: bool,
}

/// The targets whose figures `comparison` has.
pub(crate) fn check(comparison: &Comparison) -> Vec<Checked> {
    let all = ONE_CALL
        .iter()
        .flatten()
        .chain(&MANY_CALLS)
        .chain(&RESOURCES);
    let measured = all.filter_map(|target| {
        let measured = target.measured(comparison)?;
        Some(target.checked(measured))
    });
    measured.collect()
}

impl Target {
    fn measured(&self, comparison: &Comparison) -> Option<f64> {
        match self.what {
            What::Ratio(figure, to, setting) => {
                let ratio = setting.of(comparison)?.ratio(self.system, to, figure);
                ratio.map(|ratio| ratio.median)
            }
            What::OwnAllocations(setting) => self.own_allocations(comparison, setting),
            What::MoreAllocations(more, less) => {
                let more = self.own_allocations(comparison, more)?;
                Some(more - self.own_allocations(comparison, less)?)
            }
            What::SlowReplica => {
                let mut cells = comparison.slow.iter();
                let cell = cells.find(|cell| matches!(cell.load, Load::Rate(_)))?;
                let mut systems = cell.systems.iter();
                let (_, slow) = systems.find(|(system, _)| *system == self.system)?;
                slow.p99.map(|ratio| ratio.median)
            }
            What::Memory => {
                let mut systems = comparison.waiting.iter();
                let (_, waiting) = systems.find(|(system, _)| *system == self.system)?;
                Some(waiting.resident)
            }
        }
    }

    fn own_allocations(&self, comparison: &Comparison, setting: Setting) -> Option<f64> {
        let cell = setting.of(comparison)?;
        let summary = cell.system(self.system)?;
        // The request's bytes, and those of each reply that the quorum function sees.
        let aside = 1 + cell.quorum;
        Some(Allocations.of(&summary.median)? - aside as f64)
    }

    fn checked(&self, measured: f64) -> Checked {
        // Rounded as printed: calls in flight at the start and the end of the count cost a little.
        let measured = (measured * 100.0).round() / 100.0;
        let (bound, met) = match self.bound {
            Bound::AtMost(bound) => (format!("at most {bound}"), measured <= bound),
            Bound::AtLeast(bound) => (format!("at least {bound}"), measured >= bound),
        };
        let system = self.system.name();
        let target = match self.what {
            What::Ratio(figure, to, setting) => {
                format!("{system}: {} / {}, {setting}", figure.name(), to.name())
            }
            What::OwnAllocations(setting) => {
                format!("{system}: own allocations per call, {setting}")
            }
            What::MoreAllocations(Setting(more, ..), Setting(less, ..)) => {
                format!("{system}: own allocations per call, n={more} over n={less}")
            }
            What::SlowReplica => {
                format!("{system}: p99 with one replica of 3 slow by {SLOW} ms / with none")
            }
            What::Memory => {
                format!("{system}: bytes per call and node, {WAITING} calls in flight")
            }
        };
        Checked {
            target,
            bound,
            measured,
            met,
        }
    }
}

impl Setting {
    fn of(self, comparison: &Comparison) -> Option<&Cell> {
        let Self(n, payload, concurrency) = self;
        let load = Load::Concurrency(concurrency);
        let mut cells = comparison.cells.iter();
        cells.find(|cell| (cell.n, cell.payload, cell.load) == (n, payload, load))
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(n, payload, concurrency) = self;
        write!(f, "n={n}, {payload} B, c={concurrency}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::comparison;

    fn find<'a>(checked: &'a [Checked], target: &str) -> &'a Checked {
        let mut all = checked.iter();
        all.find(|checked| checked.target == target)
            .unwrap_or_else(|| panic!("no target {target:?} in {checked:#?}"))
    }

    #[test]
    fn a_target_is_met_by_the_median_of_the_ratios() {
        let checked = check(&comparison());
        let met = find(
            &checked,
            "node streams: p50 / tonic by hand, n=3, 16 B, c=1",
        );
        assert_eq!((met.measured, met.met), (0.5, true));
        assert_eq!(met.bound, "at most 0.5");
        let missed = find(&checked, "plain gRPC: p50 / tonic by hand, n=3, 16 B, c=1");
        assert_eq!((missed.measured, missed.met), (1.0, false));
    }

    #[test]
    fn a_bound_from_below_is_missed_below() {
        let mut comparison = comparison();
        comparison.cells[0].load = Load::Concurrency(64);
        let checked = check(&comparison);
        let missed = find(
            &checked,
            "node streams: calls/s / tonic by hand, n=3, 16 B, c=64",
        );
        assert_eq!((missed.measured, missed.met), (2.0, false));
        assert_eq!(missed.bound, "at least 20");
        let missed = find(
            &checked,
            "node streams: client CPU / raw TCP, n=3, 16 B, c=64",
        );
        assert_eq!((missed.measured, missed.met), (2.0, false));
    }

    #[test]
    fn slow_replicas_and_waiting_calls_are_among_the_targets() {
        let checked = check(&comparison());
        let slow = "p99 with one replica of 3 slow by 10 ms / with none";
        let streams = find(&checked, &format!("node streams: {slow}"));
        assert_eq!((streams.measured, streams.met), (1.0, true));
        let grpc = find(&checked, &format!("plain gRPC: {slow}"));
        assert_eq!((grpc.measured, grpc.met), (2.0, false));
        let memory = "node streams: bytes per call and node, 10000 calls in flight";
        assert_eq!(find(&checked, memory).measured, 600.0);
    }

    #[test]
    fn the_payload_and_the_decoded_replies_are_not_our_allocations() {
        let mut comparison = comparison();
        let own = |comparison: &Comparison| {
            let mut all = check(comparison).into_iter();
            all.find(|checked| checked.target.contains("own allocations"))
        };
        assert_eq!(own(&comparison), None, "they were not counted");
        comparison.cells[0].systems[0].1.median.allocations = Some(7.004);
        let own = own(&comparison).expect("they were counted");
        assert_eq!((own.measured, own.met), (4.0, true));
    }

    #[test]
    fn what_the_run_does_not_cover_is_not_checked() {
        let mut comparison = comparison();
        comparison.cells.clear();
        comparison.slow.clear();
        comparison.waiting.clear();
        assert_eq!(check(&comparison), []);
    }
}

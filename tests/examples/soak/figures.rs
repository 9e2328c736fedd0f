//! The resources of the processes.

use std::fmt;
use std::fs;
use std::time::Instant;

use tokio::runtime::Handle;

use crate::record::FAILURES;
use crate::world::World;

/// How many more tasks and descriptors there may be.
const FEW: usize = 8;

/// How much memory may grow, besides a third.
const MEMORY: usize = 32 << 20;

/// The resources of the processes: resident memory in bytes, tasks and descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) client_memory: usize,
    pub(crate) server_memory: usize,
    pub(crate) tasks: usize,
    pub(crate) client_descriptors: usize,
    pub(crate) server_descriptors: usize,
}

impl Figures {
    /// The current figures, with these processes as servers.
    pub(crate) fn of(servers: &[u32]) -> Self {
        let client = std::process::id();
        Self {
            client_memory: resident(client),
            server_memory: servers.iter().map(|server| resident(*server)).sum(),
            tasks: Handle::current().metrics().num_alive_tasks(),
            client_descriptors: descriptors(client),
            server_descriptors: servers.iter().map(|server| descriptors(*server)).sum(),
        }
    }

    /// The figures that are equal in quiet states if nothing leaks.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [self.tasks, self.client_descriptors, self.server_descriptors]
    }

    /// The figures that exceed those of the quiet state `first` by more than the tolerance.
    pub(crate) fn grown_since(&self, first: &Self) -> Vec<String> {
        let memory = |first: usize| first + first / 3 + MEMORY;
        let count = |first: usize| first + FEW;
        let figures = [
            (
                "resident bytes of the client",
                self.client_memory,
                first.client_memory,
                memory(first.client_memory),
            ),
            (
                "resident bytes of the servers",
                self.server_memory,
                first.server_memory,
                memory(first.server_memory),
            ),
            (
                "tasks of the client",
                self.tasks,
                first.tasks,
                count(first.tasks),
            ),
            (
                "descriptors of the client",
                self.client_descriptors,
                first.client_descriptors,
                count(first.client_descriptors),
            ),
            (
                "descriptors of the servers",
                self.server_descriptors,
                first.server_descriptors,
                count(first.server_descriptors),
            ),
        ];
        let grown = figures.into_iter().filter(|(_, last, _, most)| last > most);
        grown
            .map(|(name, last, first, most)| {
                format!("{name}: {last}, from {first}; up to {most} are tolerated")
            })
            .collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client, servers) = (mib(self.client_memory), mib(self.server_memory));
        write!(
            f,
            "{client:.1} MiB of the client, {servers:.1} of the servers; {} tasks; {} descriptors of the client, {} of the servers",
            self.tasks, self.client_descriptors, self.server_descriptors
        )
    }
}

/// One line of figures.
pub(crate) struct Line {
    seconds: u64,
    calls: u64,
    failures: [u64; FAILURES],
    figures: Figures,
    faults: String,
}

impl Line {
    pub(crate) fn print_header() {
        println!(
            "{:>6} {:>9} | {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} | {:>8} {:>8} {:>6} {:>5} {:>5} | faults",
            "second",
            "calls",
            "dropped",
            "late",
            "incompl.",
            "unavail.",
            "exhaust.",
            "closed",
            "other",
            "cl. MiB",
            "srv MiB",
            "tasks",
            "cl.fd",
            "srvfd",
        );
    }

    pub(crate) fn of(world: &World, start: Instant) -> Self {
        Self {
            seconds: start.elapsed().as_secs(),
            calls: world.record.calls(),
            failures: world.record.failures(),
            figures: Figures::of(&world.replicas.processes()),
            faults: world.suspects.faults(),
        }
    }

    pub(crate) fn print(&self) {
        let [
            dropped,
            late,
            incomplete,
            unavailable,
            exhausted,
            closed,
            other,
        ] = self.failures;
        let figures = &self.figures;
        println!(
            "{:6} {:9} | {dropped:8} {late:8} {incomplete:8} {unavailable:8} {exhausted:8} {closed:7} {other:7} | {:8.1} {:8.1} {:6} {:5} {:5} | {}",
            self.seconds,
            self.calls,
            mib(figures.client_memory),
            mib(figures.server_memory),
            figures.tasks,
            figures.client_descriptors,
            figures.server_descriptors,
            self.faults,
        );
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The resident memory of a process; 0 if it is gone.
fn resident(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) << 10
}

/// How many descriptors a process has open; 0 if it is gone.
fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

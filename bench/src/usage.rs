//! What a measurement costs the machine.

use std::time::Duration;

/// How long a tick of the processor times in `/proc` is: Linux has had 100 of them in a second for user space on all
/// architectures that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// The processor time that this process has used.
pub(crate) fn cpu() -> Option<Duration> {
    cpu_time::ProcessTime::try_now()
        .ok()
        .map(|time| time.as_duration())
}

/// The processor time that another process has used; none where there is no `/proc`.
pub(crate) fn cpu_of(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may have anything in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

/// The most memory that this process has had, in bytes; none where there is no `/proc`.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// How many times memory was allocated, if that is counted.
pub(crate) fn allocations() -> Option<usize> {
    #[cfg(feature = "allocations")]
    return Some(crate::ALLOCATOR.stats().allocations);
    #[cfg(not(feature = "allocations"))]
    None
}

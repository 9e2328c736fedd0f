//! The resources that a measurement uses.

use std::time::Duration;

/// The CPU time of this process.
pub(crate) fn cpu() -> Option<Duration> {
    cpu_time::ProcessTime::try_now()
        .ok()
        .map(|time| time.as_duration())
}

/// The CPU time of another process; none if there is no such process, or the system is not Linux.
pub(crate) fn cpu_of(process: u32) -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let process = nix::unistd::Pid::from_raw(i32::try_from(process).ok()?);
        let clock = nix::time::ClockId::pid_cpu_clock_id(process).ok()?;
        clock.now().ok().map(Duration::from)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = process;
        None
    }
}

/// Makes the calling thread's sleeps end on time: by default, Linux may add 50 microseconds.
pub(crate) fn wake_on_time() {
    // Where this fails, open loops are late by that much.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_timerslack(1);
}

/// The resident memory of this process, in bytes; none where there is no `/proc`.
pub(crate) fn memory() -> Option<u64> {
    status("VmRSS:")
}

/// The peak memory of this process, in bytes; none where there is no `/proc`.
pub(crate) fn peak_memory() -> Option<u64> {
    status("VmHWM:")
}

fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The number of allocations, if they are counted.
pub(crate) fn allocations() -> Option<usize> {
    #[cfg(feature = "allocations")]
    return Some(crate::ALLOCATOR.stats().allocations);
    #[cfg(not(feature = "allocations"))]
    None
}

/// The bytes that are allocated now, if they are counted.
pub(crate) fn allocated() -> Option<u64> {
    #[cfg(feature = "allocations")]
    {
        let stats = crate::ALLOCATOR.stats();
        let allocated = stats
            .bytes_allocated
            .saturating_sub(stats.bytes_deallocated);
        u64::try_from(allocated).ok()
    }
    #[cfg(not(feature = "allocations"))]
    None
}

/// A description of the machine.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_of_this_process_is_known_by_its_number_too() {
        let own = cpu().expect("all systems tell it");
        if let Some(by_number) = cpu_of(std::process::id()) {
            assert!(by_number >= own);
        }
        assert_eq!(cpu_of(u32::MAX), None);
    }

    #[test]
    fn the_most_memory_is_no_less_than_what_there_is() {
        if let Some(memory) = memory() {
            assert!(memory > 0);
            assert!(peak_memory() >= Some(memory));
        }
    }
}

//! Calls to the operating system, which must be Linux.

use std::io;

/// What a child process is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Stop,
    GoOn,
}

/// Kills this process once the thread of its parent that started it has ended.
#[cfg(target_os = "linux")]
pub(crate) fn end_with_the_parent() -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with_the_parent() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "it needs Linux"))
}

#[cfg(target_os = "linux")]
pub(crate) fn tell(process: u32, order: Order) -> io::Result<()> {
    use nix::sys::signal::{Signal, kill};
    let signal = match order {
        Order::Stop => Signal::SIGSTOP,
        Order::GoOn => Signal::SIGCONT,
    };
    kill(nix::unistd::Pid::from_raw(process.cast_signed()), signal)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn tell(_: u32, _: Order) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "it needs Linux"))
}

//! Programs as their users run them.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a program with arguments and a script on its standard input, and waits until it ends.
///
/// # Errors
///
/// If it does not start, or ends before it has read the script.
pub fn run(binary: impl AsRef<Path>, arguments: &[&str], script: &str) -> io::Result<Output> {
    let mut child = Command::new(binary.as_ref())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    stdin.write_all(script.as_bytes())?;
    drop(stdin);
    child.wait_with_output()
}

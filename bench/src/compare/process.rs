//! Measurements in separate processes.

use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use crate::args::{Memory, Run, Setup, name};
use crate::error::Error;

/// The measurement of a client process. A new process has fresh memory, and no connections or tasks left by another
/// system.
pub(crate) trait Job {
    /// Its command line, without the program.
    fn arguments(&self) -> Vec<String>;
}

/// Runs a client to its end, and parses its output.
pub(crate) fn run<T: DeserializeOwned>(job: &impl Job) -> Result<T, Error> {
    let program = std::env::current_exe().map_err(Error::Client)?;
    let output = Command::new(program)
        .args(job.arguments())
        .arg("--json")
        .stdin(Stdio::null())
        .output()
        .map_err(Error::Client)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let message = message.trim_end();
        let message = message.strip_prefix("gorums-bench: ").unwrap_or(message);
        return Err(Error::Measurement(message.to_string()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| Error::Client(error.into()))
}

impl Job for Run {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["run".to_string()];
        add_setup(&mut arguments, &self.setup);
        add(&mut arguments, "--system", name(self.system));
        add(&mut arguments, "--call", name(self.call));
        add(&mut arguments, "--n", self.n);
        if let Some(quorum) = self.quorum {
            add(&mut arguments, "--quorum", quorum);
        }
        add(&mut arguments, "--payload", self.payload);
        match self.rate {
            Some(rate) => add(&mut arguments, "--rate", rate),
            None => add(&mut arguments, "--concurrency", self.concurrency),
        }
        add(&mut arguments, "--slow", self.slow);
        arguments
    }
}

impl Job for Memory {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["memory".to_string()];
        add_setup(&mut arguments, &self.setup);
        add(&mut arguments, "--system", name(self.system));
        add(&mut arguments, "--n", self.n);
        add(&mut arguments, "--payload", self.payload);
        add(&mut arguments, "--calls", self.calls);
        arguments
    }
}

fn add_setup(arguments: &mut Vec<String>, setup: &Setup) {
    for (option, addresses) in [
        ("--remotes", &setup.remotes),
        ("--tcp-remotes", &setup.tcp_remotes),
    ] {
        if !addresses.is_empty() {
            add(arguments, option, addresses.join(","));
        }
    }
    if !setup.pids.is_empty() {
        let pids: Vec<_> = setup.pids.iter().map(u32::to_string).collect();
        add(arguments, "--pids", pids.join(","));
    }
    add(arguments, "--duration", setup.duration);
    add(arguments, "--warmup", setup.warmup);
    add(arguments, "--threads", setup.threads);
    if setup.metrics {
        arguments.push("--metrics".to_string());
    }
}

fn add(arguments: &mut Vec<String>, option: &str, value: impl ToString) {
    arguments.extend([option.to_string(), value.to_string()]);
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Call, Mode, System};

    fn parse(job: &impl Job) -> Mode {
        let arguments = ["gorums-bench".to_string()]
            .into_iter()
            .chain(job.arguments());
        Args::try_parse_from(arguments)
            .expect("it is a command line")
            .mode
    }

    fn setup() -> Setup {
        Setup {
            remotes: vec!["a:1".to_string(), "b:2".to_string()],
            tcp_remotes: vec!["a:3".to_string(), "b:4".to_string()],
            pids: vec![7, 8],
            one_process: false,
            duration: 11,
            warmup: 12,
            threads: 0,
            metrics: true,
        }
    }

    #[test]
    fn a_measurement_is_told_to_its_process_whole() {
        let mut run = Run {
            setup: setup(),
            system: System::Tcp,
            call: Call::PerNode,
            n: 2,
            quorum: Some(1),
            payload: 99,
            concurrency: 1,
            rate: Some(5),
            slow: 3,
            json: false,
        };
        assert!(matches!(parse(&run), Mode::Run(parsed) if parsed == run));
        run.rate = None;
        run.concurrency = 17;
        run.quorum = None;
        run.setup.remotes.clear();
        assert!(matches!(parse(&run), Mode::Run(parsed) if parsed == run));
    }

    #[test]
    fn a_measurement_of_memory_is_told_to_its_process_whole() {
        let memory = Memory {
            setup: setup(),
            system: System::Grpc,
            n: 2,
            payload: 99,
            calls: 1234,
            json: false,
        };
        assert!(matches!(parse(&memory), Mode::Memory(parsed) if parsed == memory));
    }
}

//! The replicas of a system, as processes.

use std::io::{self, BufRead, BufReader, Lines, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use harness::peer::Peer;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::replica::READY;
use crate::args::{Serves, name};
use crate::error::Error;
use crate::usage;

/// Replicas 1 to `n`, which run until this is dropped.
pub(super) struct Replicas {
    processes: Vec<Process>,
    peers: Vec<Peer>,
    /// Removed after the processes have ended.
    files: Option<TempDir>,
}

struct Process {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Replicas {
    /// Starts replicas with empty state, which is in files in a new directory in `dir`, or in memory. Waits until they are connected to
    /// each other.
    pub(super) fn start(serves: Serves, n: u16, dir: Option<&Path>) -> Result<Self, Error> {
        let files = dir.map(|dir| {
            let made = tempfile::Builder::new()
                .prefix("gorums-bench-")
                .tempdir_in(dir);
            made.map_err(|source| Error::Directory {
                path: dir.to_path_buf(),
                source,
            })
        });
        let files = files.transpose()?;
        let reserved = (0..n).map(|_| reserve()).collect::<io::Result<Vec<_>>>();
        let reserved = reserved.map_err(Error::Listen)?;
        let peers = (1..).zip(&reserved).map(|(id, socket)| {
            let address = socket.local_addr()?.to_string();
            Ok(Peer { id, address })
        });
        let peers = peers.collect::<io::Result<Vec<_>>>();
        let mut replicas = Self {
            processes: Vec::new(),
            peers: peers.map_err(Error::Listen)?,
            files,
        };
        // On Linux, nobody else gets the ports before the replicas listen on them. Elsewhere, not even they would.
        let _reserved = cfg!(target_os = "linux").then_some(reserved);
        replicas.start_all(serves).map_err(Error::Process)?;
        Ok(replicas)
    }

    fn start_all(&mut self, serves: Serves) -> io::Result<()> {
        let peers = self.peers.iter();
        let peers: Vec<_> = peers
            .map(|it| format!("{}={}", it.id, it.address))
            .collect();
        for peer in &self.peers {
            let mut command = Command::new(std::env::current_exe()?);
            command
                .args(["replica", "--serves", &name(serves)])
                .args(["--id", &peer.id.to_string()])
                .args(["--peers", &peers.join(",")]);
            if let Some(files) = &self.files {
                let file = files.path().join(format!("{}.redb", peer.id));
                command.arg("--file").arg(file);
            }
            self.processes.push(Process::start(command)?);
        }
        for process in &mut self.processes {
            if process.line()? != READY {
                return Err(io::Error::other("a replica does not get ready"));
            }
        }
        Ok(())
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The replicas' CPU time, where it is known.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let processes = self.processes.iter();
        processes
            .map(|process| usage::cpu_of(process.child.id()))
            .sum()
    }

    /// How many requests all replicas together got so far, if they count them.
    pub(super) fn requests(&mut self) -> Result<Option<u64>, Error> {
        let counts = self.processes.iter_mut().map(Process::requests);
        counts
            .sum::<io::Result<Option<u64>>>()
            .map_err(Error::Process)
    }
}

impl Process {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let answers = BufReader::new(answers).lines();
        Ok(Self { child, answers })
    }

    fn requests(&mut self) -> io::Result<Option<u64>> {
        let input = self.child.stdin.as_mut();
        writeln!(input.ok_or(io::ErrorKind::BrokenPipe)?)?;
        Ok(self.line()?.parse().ok())
    }

    fn line(&mut self) -> io::Result<String> {
        let line = self.answers.next();
        line.unwrap_or_else(|| Err(io::Error::other("a replica has ended")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A replica that has already ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket with a free port, on which a process may listen all the same.
fn reserve() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    Ok(socket)
}

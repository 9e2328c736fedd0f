//! Members as processes, which are killed and stopped as an operating system does it.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use gorums_runtime::errors::ManagerError;
use gorums_runtime::{Backoff, Manager};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{self, Peer};
use crate::seeds::Failure;
use crate::workload::{Client, Session, Workload};

/// How long a process is stopped at most: longer than all time-outs of the examples.
const LONGEST_STOP: Duration = Duration::from_secs(4);

/// How long the members may take to serve all clients when no process is stopped or down any more.
const RECOVERY: Duration = Duration::from_secs(30);

/// Members of one system, each a process that runs `BINARY serve`. They are killed when this is dropped.
#[derive(Debug)]
pub struct Processes {
    binary: PathBuf,
    dir: PathBuf,
    peers: Vec<Peer>,
    /// In the order of `peers`; `None` if it was killed.
    children: Vec<Option<Child>>,
}

impl Processes {
    /// Starts the members 1 to `n` on free ports, with their state in `dir`, and waits until they serve.
    ///
    /// # Errors
    ///
    /// If a process does not start, or ends at once.
    pub fn start(binary: impl Into<PathBuf>, dir: &Path, n: u32) -> io::Result<Self> {
        // All ports are taken before the first is given back, so that they differ.
        let listeners = (1..=n).map(|_| TcpListener::bind("127.0.0.1:0"));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let peers = (1..).zip(&listeners).map(|(id, listener)| {
            let address = listener.local_addr()?.to_string();
            Ok(Peer { id, address })
        });
        let peers: Vec<_> = peers.collect::<io::Result<_>>()?;
        drop(listeners);
        let mut processes = Self {
            binary: binary.into(),
            dir: dir.to_owned(),
            children: peers.iter().map(|_| None).collect(),
            peers,
        };
        for at in 0..processes.peers.len() {
            processes.restart(at)?;
        }
        Ok(processes)
    }

    /// Starts one more member on a free port, with more arguments, and waits until it serves. The others are not told. Returns
    /// its place among [`peers`](Self::peers).
    ///
    /// # Errors
    ///
    /// If the process does not start, or ends at once.
    pub fn add(&mut self, arguments: &[&str]) -> io::Result<usize> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let at = self.peers.len();
        let id = self.peers.iter().map(|peer| peer.id).max().unwrap_or(0) + 1;
        self.peers.push(Peer { id, address });
        self.children.push(None);
        self.spawn(at, arguments)?;
        Ok(at)
    }

    /// The members.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// A manager of all members.
    ///
    /// # Errors
    ///
    /// Those of [`ManagerBuilder::connect_lazy`](gorums_runtime::ManagerBuilder::connect_lazy).
    pub async fn client(&self) -> Result<Manager, ManagerError> {
        let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));
        let manager = peer::manager(&self.peers).backoff(backoff);
        manager.connect_lazy().await
    }

    /// Kills the process of a member, by its place among [`peers`](Self::peers), with SIGKILL.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn kill(&mut self, at: usize) -> io::Result<()> {
        if let Some(mut child) = self.children[at].take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts the process of a member that was killed, and waits until it serves.
    ///
    /// # Errors
    ///
    /// If it does not start, or ends at once.
    pub fn restart(&mut self, at: usize) -> io::Result<()> {
        match self.children[at] {
            Some(_) => Ok(()),
            None => self.spawn(at, &[]),
        }
    }

    fn spawn(&mut self, at: usize, arguments: &[&str]) -> io::Result<()> {
        let peers = peer::argument(&self.peers);
        let mut child = Command::new(&self.binary)
            .args(["serve", "--id", &self.peers[at].id.to_string()])
            .args(["--peers", &peers])
            .arg("--dir")
            .arg(&self.dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        self.children[at] = Some(child);
        match line.contains("is serving on") {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "{:?} does not serve",
                self.peers[at]
            ))),
        }
    }

    /// Stops the process of a member, which keeps its connections, with SIGSTOP.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn pause(&self, at: usize) -> io::Result<()> {
        self.signal(at, Signal::SIGSTOP)
    }

    /// Lets a process that was stopped go on, with SIGCONT.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn resume(&self, at: usize) -> io::Result<()> {
        self.signal(at, Signal::SIGCONT)
    }

    fn signal(&self, at: usize, signal: Signal) -> io::Result<()> {
        let Some(child) = &self.children[at] else {
            return Ok(());
        };
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }

    /// Lets clients read and write while processes are killed and stopped, for as many seconds as the environment variable
    /// `SECONDS` says, or else `seconds`. Then all processes run, each client has to be able to read all registers, and
    /// what the clients saw has to be linearizable.
    ///
    /// # Errors
    ///
    /// If the history is not linearizable, the members do not recover in time, or a process does not start.
    pub async fn trial<C: Client>(
        &mut self,
        seconds: u64,
        workload: Workload,
        client: impl Fn(Manager) -> C,
    ) -> Result<(), Failure> {
        let seconds = match env::var("SECONDS") {
            Ok(text) => text.parse()?,
            Err(_) => seconds,
        };
        let mut clients = Vec::new();
        for number in 1..=workload.clients {
            clients.push((number, client(self.client().await?)));
        }
        let session = Session::new(workload);
        let running = clients.iter().map(|(number, client)| {
            let session = session.clone();
            async move { session.run(*number, Rng::new(), client).await }
        });
        tokio::select! {
            ended = self.unrest(Duration::from_secs(seconds)) => ended?,
            _ = join_all(running) => {}
        }
        let recovered = clients
            .iter()
            .map(|(number, client)| session.read_all(*number, client));
        let recovered = timeout(RECOVERY, join_all(recovered)).await;
        recovered.map_err(|_| "some client is not served though all processes run")?;
        let history = session.history();
        let entries = history.entries();
        let returned = entries.iter().filter(|it| it.returned.is_some()).count();
        println!(
            "{seconds} s: {} operations, {returned} returned",
            entries.len()
        );
        session.check()?;
        Ok(())
    }

    async fn unrest(&mut self, duration: Duration) -> io::Result<()> {
        let mut rng = Rng::new();
        let began = Instant::now();
        while began.elapsed() < duration {
            sleep(Duration::from_millis(rng.u64(50..1500))).await;
            let at = rng.usize(..self.peers.len());
            match rng.u32(0..4) {
                0 => self.kill(at)?,
                1 => {
                    self.pause(at)?;
                    sleep(LONGEST_STOP.mul_f64(rng.f64())).await;
                    self.resume(at)?;
                }
                2 => {
                    for at in 0..self.peers.len() {
                        self.kill(at)?;
                    }
                    self.restart_all()?;
                }
                _ => self.restart_all()?,
            }
        }
        self.restart_all()
    }

    fn restart_all(&mut self) -> io::Result<()> {
        (0..self.peers.len()).try_for_each(|at| self.restart(at))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for at in 0..self.peers.len() {
            // A process that cannot be killed is gone.
            let _ = self.kill(at);
        }
    }
}

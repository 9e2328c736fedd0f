//! The servers: one program that all systems call, in processes of their own.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gorums_runtime::tonic::Status;
use gorums_runtime::{Context, Server as GrpcServer};

use crate::args::{Server, Setup};
use crate::error::Error;
use crate::proto::Payload;
use crate::proto::bench_gorums::{BenchReplica, BenchReplicaServer};
use crate::{tcp, usage};

/// Echoes after a time.
struct Echo {
    delay: Duration,
}

impl Echo {
    async fn echo(&self, payload: Payload) -> Result<Payload, Status> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        Ok(payload)
    }
}

impl BenchReplica for Echo {
    async fn echo(&self, ctx: &Context, request: Payload) -> Result<Payload, Status> {
        if !self.delay.is_zero() {
            // Slow is not to mean one after the other.
            ctx.release();
        }
        self.echo(request).await
    }

    async fn echo_per_node(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        self.echo(request).await
    }

    async fn echo_future(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        self.echo(request).await
    }

    async fn echo_correctable(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        self.echo(request).await
    }

    async fn echo_node(&self, _: &Context, request: Payload) -> Result<Payload, Status> {
        self.echo(request).await
    }

    async fn multicast(&self, _: &Context, _: Payload) {}

    async fn unicast(&self, _: &Context, _: Payload) {}
}

/// Runs a server until the process is interrupted.
pub(crate) fn run(args: &Server) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads.into())
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        let delay = Duration::from_millis(args.delay);
        let service = BenchReplicaServer::new(Echo { delay }).max_request_size(usize::MAX);
        let server = GrpcServer::new(service).bind(&args.addr).await?;
        let listener = tokio::net::TcpListener::bind(&args.tcp_addr).await;
        let listener = listener.map_err(Error::Listen)?;
        let tcp = listener.local_addr().map_err(Error::Listen)?;
        println!("{} {tcp}", server.address());
        tokio::select! {
            served = server.serve() => Ok(served?),
            served = tcp::serve(listener, delay) => served.map_err(Error::Listen),
            // Without a handler for the signal the process ends by it, which is as good.
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

/// Servers to call, which are ended when this is dropped if they were started here.
pub(crate) struct Servers {
    processes: Vec<Child>,
    pub(crate) grpc: Vec<String>,
    pub(crate) tcp: Vec<String>,
}

impl Servers {
    /// The first `n` of those that run elsewhere, or as many new ones, the last of which is slow by `slow`
    /// milliseconds.
    pub(crate) fn start(setup: &Setup, n: usize, slow: u64) -> Result<Self, Error> {
        let mut servers = Self {
            processes: Vec::new(),
            grpc: setup.remotes.iter().take(n).cloned().collect(),
            tcp: setup.tcp_remotes.iter().take(n).cloned().collect(),
        };
        if !servers.grpc.is_empty() {
            return Ok(servers);
        }
        for number in 1..=n {
            let delay = if number == n { slow } else { 0 };
            servers.start_process(delay).map_err(Error::Process)?;
        }
        Ok(servers)
    }

    fn start_process(&mut self, delay: u64) -> io::Result<()> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["server", "--delay", &delay.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take();
        self.processes.push(process);
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let Some((grpc, tcp)) = line.trim_end().split_once(' ') else {
            return Err(io::Error::other("it does not say where it listens"));
        };
        self.grpc.push(grpc.to_string());
        self.tcp.push(tcp.to_string());
        Ok(())
    }

    /// The processor time that the servers have used, where that can be told.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let times = self
            .processes
            .iter()
            .map(|process| usage::cpu_of(process.id()));
        let times: Option<Vec<_>> = times.collect();
        times
            .filter(|times| !times.is_empty())
            .map(|times| times.iter().sum())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // One that has ended cannot be ended again.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

//! The servers: one program that all systems call, in separate processes.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gorums_runtime::server::{Router, StreamLimits};
use gorums_runtime::{Context, Server as GrpcServer};
use tokio::task::JoinSet;
use tonic::{Request, Response, Status};

use crate::args::{Server, Setup};
use crate::error::Error;
use crate::proto::Payload;
use crate::proto::bench_gorums::{BenchReplica, BenchReplicaServer};
use crate::proto::plain_server::{Plain, PlainServer};
use crate::storage::storage_gorums::{StorageReplica, StorageReplicaServer};
use crate::storage::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use crate::{metered, tcp, usage};

/// How many handlers of one client may wait at once.
const MOST_HANDLERS: usize = 100_000;

/// How many bytes a client may send on a connection to a slow server before they are read. The server's bound on unread
/// small frames follows from it. With the default, the hand-written client, which sends two frames per call, exceeds
/// that bound when `memory` makes thousands of calls at once.
const WINDOW_OF_SLOW: u32 = 64 << 20;

/// Echoes after a delay.
#[derive(Clone, Copy)]
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
            // Slow calls still run concurrently.
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

#[tonic::async_trait]
impl Plain for Echo {
    async fn echo(&self, request: Request<Payload>) -> Result<Response<Payload>, Status> {
        let payload = request.into_inner();
        Self::echo(self, payload).await.map(Response::new)
    }
}

/// Keeps the newest value, whatever the key.
#[derive(Default)]
struct Register(Mutex<WriteRequest>);

impl StorageReplica for Register {
    async fn read_qc(&self, _: &Context, _: ReadRequest) -> Result<ReadResponse, Status> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ReadResponse {
            ok: current.time.is_some(),
            value: current.value.clone(),
            time: current.time,
        })
    }

    async fn write_qc(&self, _: &Context, written: WriteRequest) -> Result<WriteResponse, Status> {
        let time = |request: &WriteRequest| request.time.map(|time| (time.seconds, time.nanos));
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = time(&written) > time(&current);
        if new {
            *current = written;
        }
        Ok(WriteResponse { new })
    }
}

/// Runs a server until the process is interrupted.
pub(crate) fn run(args: &Server) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads.into())
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        let mut serving = JoinSet::new();
        for _ in 0..args.replicas {
            start(args, &mut serving).await?;
        }
        tokio::select! {
            Some(Ok(served)) = serving.join_next() => served,
            // Without a handler, the signal ends the process, which is fine.
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

/// Starts a replica, and prints its addresses.
async fn start(args: &Server, serving: &mut JoinSet<Result<(), Error>>) -> Result<(), Error> {
    let delay = Duration::from_millis(args.delay);
    let echo = Echo { delay };
    // The hand-written client calls the server that its users would run: the one that tonic generates.
    let plain = PlainServer::new(echo).max_decoding_message_size(usize::MAX);
    let router = Router::new()
        .add_replica(BenchReplicaServer::new(echo))
        .add_replica(StorageReplicaServer::new(Register::default()))
        .add_service(plain)
        .max_message_size(usize::MAX)
        // A slow server must run all handlers that `memory` starts.
        .stream_limits(StreamLimits::new().handlers(MOST_HANDLERS));
    let router = match args.metrics {
        true => metered::server(router)?,
        false => router,
    };
    let server = GrpcServer::new(router)
        .configure(|server| match args.delay {
            0 => server,
            _ => server.initial_connection_window_size(WINDOW_OF_SLOW),
        })
        .bind(&args.addr)
        .await?;
    let listener = tokio::net::TcpListener::bind(&args.tcp_addr).await;
    let listener = listener.map_err(Error::Listen)?;
    let tcp = listener.local_addr().map_err(Error::Listen)?;
    println!("{} {tcp}", server.address());
    serving.spawn(async { Ok(server.serve().await?) });
    serving.spawn(async move { tcp::serve(listener, delay).await.map_err(Error::Listen) });
    Ok(())
}

/// Servers to call. Those that were started here end when this is dropped.
pub(crate) struct Servers {
    processes: Vec<Child>,
    pub(crate) grpc: Vec<String>,
    pub(crate) tcp: Vec<String>,
    pub(crate) pids: Vec<u32>,
}

impl Servers {
    /// The first `n` remote servers, or `n` new ones, the last of which has a delay of `slow` milliseconds.
    pub(crate) fn start(setup: &Setup, n: usize, slow: u64) -> Result<Self, Error> {
        if !setup.remotes.is_empty() && slow > 0 {
            return Err(Error::SlowRemote);
        }
        Self::start_with(setup, n, |number| if number == n { slow } else { 0 })
    }

    /// The same, where `delay` gives the delay of each new server, from 1 to `n`.
    pub(crate) fn start_with(
        setup: &Setup,
        n: usize,
        delay: impl Fn(usize) -> u64,
    ) -> Result<Self, Error> {
        let mut servers = Self {
            processes: Vec::new(),
            grpc: first(&setup.remotes, n, "--remotes")?,
            tcp: first(&setup.tcp_remotes, n, "--tcp-remotes")?,
            pids: setup.pids.iter().take(n).copied().collect(),
        };
        if servers.grpc.is_empty() {
            servers.tcp.clear();
            servers.pids.clear();
            let delays: Vec<_> = (1..=n).map(delay).collect();
            for alike in delays.chunk_by(|a, b| setup.one_process && a == b) {
                let started = servers.start_process(alike[0], alike.len(), setup.metrics);
                started.map_err(Error::Process)?;
            }
        }
        Ok(servers)
    }

    /// The arguments with which another process calls these servers.
    pub(crate) fn setup(&self, setup: &Setup) -> Setup {
        Setup {
            remotes: self.grpc.clone(),
            tcp_remotes: self.tcp.clone(),
            pids: self.pids.clone(),
            ..setup.clone()
        }
    }

    fn start_process(&mut self, delay: u64, replicas: usize, metrics: bool) -> io::Result<()> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("server")
            .args(["--delay", &delay.to_string()])
            .args(["--replicas", &replicas.to_string()])
            .args(metrics.then_some("--metrics"))
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take();
        self.pids.push(process.id());
        self.processes.push(process);
        let mut lines = BufReader::new(stdout.ok_or(io::ErrorKind::BrokenPipe)?).lines();
        for _ in 0..replicas {
            let line = lines.next().unwrap_or_else(|| Ok(String::new()))?;
            let Some((grpc, tcp)) = line.split_once(' ') else {
                return Err(io::Error::other("it does not print where it listens"));
            };
            self.grpc.push(grpc.to_string());
            self.tcp.push(tcp.to_string());
        }
        Ok(())
    }

    /// The servers' CPU time, where it is known.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        if self.pids.is_empty() {
            return None;
        }
        self.pids.iter().map(|pid| usage::cpu_of(*pid)).sum()
    }
}

/// The first `n` addresses, if any are given.
fn first(addresses: &[String], n: usize, option: &'static str) -> Result<Vec<String>, Error> {
    if !addresses.is_empty() && addresses.len() < n {
        return Err(Error::TooFewRemotes {
            option,
            asked: n,
            given: addresses.len(),
        });
    }
    Ok(addresses.iter().take(n).cloned().collect())
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // A server that has already ended cannot be killed.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

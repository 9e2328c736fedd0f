//! One replica in this process.

use std::io::{self, Write};
use std::time::Duration;

use gorums_runtime::System;
use harness::disk::Disk;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::{abd, epaxos, floor, raft};
use crate::args::{self, Serves};
use crate::error::Error;
use crate::metered::Requests;

/// How long the replicas may take to connect to each other.
const CONNECTING: Duration = Duration::from_secs(10);

/// What a replica prints when it is connected to all others.
pub(super) const READY: &str = "ready";

/// Serves until standard input ends. Answers each line of it with the number of requests so far, or with an empty line if they are
/// not counted.
pub(crate) fn serve(args: &args::Replica) -> Result<(), Error> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let requests = Requests::default();
    let _serving = runtime.block_on(async {
        let disk = || match &args.file {
            Some(file) => Disk::open(file),
            None => Ok(Disk::in_memory()),
        };
        let peers = args.peers.iter().map(|peer| (peer.id, &*peer.address));
        let system = System::builder(args.id, peers).bind().await?;
        let server = match args.serves {
            Serves::Abd => abd::serve(disk()?).map_err(|error| Error::Replica(error.into()))?,
            Serves::Epaxos => {
                let served = epaxos::serve(&system, disk()?);
                served.map_err(|error| Error::Replica(error.into()))?
            }
            Serves::Raft => {
                let served = raft::serve(&system, disk()?);
                served.map_err(|error| Error::Replica(error.into()))?
            }
            Serves::Floor => floor::serve(&system),
        };
        let running = system.serve(requests.of(server))?;
        let n = args.peers.len();
        let connectivity = system.connectivity();
        let connected = timeout(CONNECTING, connectivity.wait_for(n)).await;
        match connected {
            Ok(Ok(())) => Ok((system, running)),
            _ => Err(Error::Apart(n, CONNECTING)),
        }
    })?;
    answer(&requests).map_err(Error::Process)
}

fn answer(requests: &Requests) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{READY}")?;
    for line in io::stdin().lines() {
        line?;
        let so_far = requests.so_far();
        writeln!(
            out,
            "{}",
            so_far.map_or_else(String::new, |count| count.to_string())
        )?;
    }
    Ok(())
}

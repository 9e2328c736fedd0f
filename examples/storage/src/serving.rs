//! Runs one replica until the process is told to end.

use std::io;

use gorums_runtime::Server;
use gorums_runtime::metrics::Metrics;
use gorums_runtime::server::Clients;
use harness::serve::told_to_end;

use crate::args::Serve;
use crate::certificates::Directory;
use crate::error::Error;
use crate::member::{self, Member};
use crate::replica;
use crate::tls::MemberFiles;

/// Runs one replica until the process is interrupted or terminated. `metrics` has what it serves and calls.
pub(crate) async fn run(options: Serve, metrics: &Metrics) -> Result<(), Error> {
    let stop = told_to_end().map_err(Error::Signals)?;
    match options {
        Serve {
            addr: Some(address),
            ..
        } => {
            let clients = Clients::with_options(|options| options.metrics(metrics));
            let services = replica::services(clients, None);
            let server = Server::new(services).metrics(metrics);
            let server = server.bind(address).await?;
            println!("serving on {}", server.address());
            server.serve_until(stop).await?;
        }
        Serve {
            id: Some(id),
            peers,
            listen,
            cluster,
            tls,
            ..
        } => {
            log_warnings();
            let files = tls.map(|directory| MemberFiles::read(Directory(directory), id));
            let files = files.transpose()?;
            let credentials = files.as_ref().map(MemberFiles::credentials).transpose()?;
            let members: Vec<_> = peers
                .into_iter()
                .map(|peer| (peer.id, peer.address))
                .collect();
            let member = Member::start(id, &members, listen, cluster, credentials, metrics).await?;
            if let Some(address) = member.address() {
                println!("member {id} is serving on {address}");
            }
            let events = tokio::spawn(member::print_events(member.connectivity()));
            let renewed = files.map(|files| tokio::spawn(files.follow(member.system())));
            stop.await;
            if let Some(renewed) = renewed {
                renewed.abort();
            }
            member.stop().await?;
            // They end with the member.
            let _ = events.await;
        }
        // The command line requires one of the two.
        Serve { .. } => {}
    }
    Ok(())
}

/// Logs to standard error what the runtime warns of, such as a client that claims an id without proof.
fn log_warnings() {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(io::stderr)
        .init();
}

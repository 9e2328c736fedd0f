//! Measures what metrics cost: the same calls without them and with them, in turns.

use gorums_runtime::server::Router;
use gorums_runtime::{ManagerBuilder, Server};

use crate::args::{self, Call, Run, Setup, System, majority};
use crate::compare::{Figure, Spread, run_process};
use crate::error::Error;
use crate::measured::Measured;
use crate::servers::Servers;

/// Measures the calls of a client, if metrics are compiled in.
pub(crate) fn client(manager: ManagerBuilder) -> Result<ManagerBuilder, Error> {
    #[cfg(feature = "metrics")]
    return Ok(manager.metrics(&gorums_runtime::metrics::Metrics::new()));
    #[cfg(not(feature = "metrics"))]
    no_metrics(&manager)
}

/// Measures the calls of a server, if metrics are compiled in.
pub(crate) fn server(router: Router) -> Result<Router, Error> {
    #[cfg(feature = "metrics")]
    return Ok(router.metrics(&gorums_runtime::metrics::Metrics::new()));
    #[cfg(not(feature = "metrics"))]
    no_metrics(&router)
}

/// Counts the requests that a server gets, if metrics are compiled in.
#[derive(Default)]
pub(crate) struct Requests {
    #[cfg(feature = "metrics")]
    metrics: gorums_runtime::metrics::Metrics,
}

impl Requests {
    /// Whether they are counted.
    pub(crate) const COUNTED: bool = cfg!(feature = "metrics");

    /// The server, whose requests are counted.
    pub(crate) fn of(&self, server: Server) -> Server {
        #[cfg(feature = "metrics")]
        return server.metrics(&self.metrics);
        #[cfg(not(feature = "metrics"))]
        server
    }

    /// How many there were so far. Those to the process itself are among them.
    pub(crate) fn so_far(&self) -> Option<u64> {
        #[cfg(feature = "metrics")]
        {
            use gorums_runtime::metrics::Value;

            let families = self.metrics.snapshot().into_iter();
            let handled = families.filter(|it| it.description.name == "rpc.server.call.duration");
            let durations = handled.flat_map(|it| it.samples).map(|it| it.value);
            let counts = durations.map(|durations| match durations {
                Value::Histogram(durations) => durations.count(),
                _ => 0,
            });
            Some(counts.sum())
        }
        #[cfg(not(feature = "metrics"))]
        None
    }
}

#[cfg(not(feature = "metrics"))]
fn no_metrics<T>(_: &T) -> Result<T, Error> {
    Err(Error::NoMetrics)
}

/// What is compared.
const FIGURES: [Figure; 4] = [
    Figure::PerSecond,
    Figure::P50,
    Figure::ClientCpu,
    Figure::ServerCpu,
];

/// Measures, and prints a table of what calls with metrics take, divided by what they take without.
pub(crate) fn run(args: &args::Metrics) -> Result<(), Error> {
    let names = FIGURES.map(Figure::name).join(" | ");
    println!("| n | in flight | {names} |\n|---|---|---|---|---|---|");
    for &n in &args.n {
        let servers = [false, true].map(|metrics| {
            let servers = Servers::start(&setup(args, metrics), n.into(), 0);
            servers.map(|servers| (metrics, servers))
        });
        let [without, with] = servers;
        let servers = [without?, with?];
        for &concurrency in &args.concurrency {
            let ratios = compare(args, &servers, concurrency)?;
            println!("| {n} | {concurrency} | {} |", ratios.join(" | "));
        }
    }
    Ok(())
}

fn setup(args: &args::Metrics, metrics: bool) -> Setup {
    Setup {
        remotes: Vec::new(),
        tcp_remotes: Vec::new(),
        pids: Vec::new(),
        one_process: false,
        duration: args.duration,
        warmup: args.warmup,
        threads: args.threads,
        metrics,
    }
}

/// Makes calls without metrics and with them, in turns. Returns the ratio of each figure: the median of those of the
/// rounds, and the quarter of the rounds below and above it.
fn compare(
    args: &args::Metrics,
    servers: &[(bool, Servers); 2],
    concurrency: u32,
) -> Result<Vec<String>, Error> {
    let mut ratios = FIGURES.map(|_| Vec::new());
    for round in 0..args.rounds {
        let mut measured = [None, None];
        // Neither always comes first.
        for place in [usize::from(round % 2), usize::from(1 - round % 2)] {
            let (metrics, servers) = &servers[place];
            let n = servers.grpc.len();
            let run = Run {
                setup: servers.setup(&setup(args, *metrics)),
                system: System::Streams,
                call: Call::Quorum,
                n: n as u16,
                quorum: Some(majority(n) as u16),
                payload: args.payload,
                concurrency,
                rate: None,
                slow: 0,
                json: false,
            };
            measured[place] = Some(run_process::<Measured>(&run)?);
        }
        let [Some(without), Some(with)] = measured else {
            continue;
        };
        for (figure, ratios) in FIGURES.into_iter().zip(&mut ratios) {
            let measured = figure.of(&with).zip(figure.of(&without));
            ratios.extend(measured.map(|(with, without)| with / without));
        }
    }
    let shown = ratios.into_iter().map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        let quarter = ratios.len() / 4;
        let middle = ratios.get(quarter..ratios.len() - quarter);
        let spread = Spread::of(middle.unwrap_or_default().iter().copied());
        spread.map_or_else(
            || "unknown".to_string(),
            |it| format!("{:.3} ({:.3} to {:.3})", it.median, it.min, it.max),
        )
    });
    Ok(shown.collect())
}

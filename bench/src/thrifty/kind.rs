//! The kinds of calls that are compared.

use std::time::Duration;

use gorums_runtime::{CallOptions, Thrifty};

use crate::args;
use crate::proto::reads_gorums::ReadsConfiguration;

/// After this time a node is late as long as few of its replies are known. A call on loopback is much faster.
const UNKNOWN: Duration = Duration::from_millis(10);

/// Which nodes a quorum call contacts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// All.
    All,
    /// Any majority.
    Thrifty,
    /// Any majority, and others in place of late nodes.
    Hedged,
    /// The majority with the lowest latencies, and others in place of late nodes.
    FastestHedged,
}

impl Kind {
    /// All kinds, in the order of the table.
    pub(super) const ALL: [Self; 4] = [Self::All, Self::Thrifty, Self::Hedged, Self::FastestHedged];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all nodes",
            Self::Thrifty => "thrifty",
            Self::Hedged => "hedged",
            Self::FastestHedged => "fastest, hedged",
        }
    }

    /// The service, whose calls are of this kind. All calls of it share what they know of latencies.
    pub(super) fn of(
        self,
        service: &ReadsConfiguration,
        args: &args::Thrifty,
    ) -> ReadsConfiguration {
        let majority = service.configuration().majority();
        let hedged = |thrifty: Thrifty| {
            let thrifty = thrifty.hedge_at_percentile(args.hedge_at, UNKNOWN);
            thrifty.hedge_budget(args.hedge_budget, args.hedge_burst)
        };
        let thrifty = match self {
            Self::All => return service.clone(),
            Self::Thrifty => Thrifty::uniform(&majority),
            Self::Hedged => hedged(Thrifty::uniform(&majority)),
            Self::FastestHedged => hedged(Thrifty::fastest(&majority)),
        };
        service.with_options(CallOptions::new().thrifty(&thrifty))
    }
}

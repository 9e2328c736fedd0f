//! The summary of several rounds.

use serde::Serialize;

use super::figure::median;
use crate::measured::Measured;

/// The results of several rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// Of each figure.
    pub(crate) median: Measured,
    pub(crate) min: Measured,
    pub(crate) max: Measured,
    pub(crate) rounds: Vec<Measured>,
}

impl Summary {
    /// None if there are no rounds.
    pub(crate) fn of(rounds: Vec<Measured>) -> Option<Self> {
        if rounds.is_empty() {
            return None;
        }
        Some(Self {
            median: each(&rounds, median),
            min: each(&rounds, |figures| figures.first().copied()),
            max: each(&rounds, |figures| figures.last().copied()),
            rounds,
        })
    }
}

/// For each figure, what `pick` picks from the sorted rounds. Calls and errors are sums.
fn each(rounds: &[Measured], pick: impl Fn(&[f64]) -> Option<f64>) -> Measured {
    let of_some = |figure: &dyn Fn(&Measured) -> Option<f64>| {
        let mut figures: Vec<f64> = rounds.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        pick(&figures)
    };
    let of = |figure: &dyn Fn(&Measured) -> f64| {
        of_some(&|measured| Some(figure(measured))).unwrap_or(f64::NAN)
    };
    Measured {
        per_second: of(&|it| it.per_second),
        p50: of(&|it| it.p50),
        p90: of(&|it| it.p90),
        p99: of(&|it| it.p99),
        p999: of(&|it| it.p999),
        max: of(&|it| it.max),
        client_cpu: of_some(&|it| it.client_cpu),
        server_cpu: of_some(&|it| it.server_cpu),
        allocations: of_some(&|it| it.allocations),
        peak_memory: of_some(&|it| it.peak_memory.map(|bytes| bytes as f64))
            .map(|bytes| bytes as u64),
        calls: rounds.iter().map(|it| it.calls).sum(),
        errors: rounds.iter().map(|it| it.errors).sum(),
        error: rounds.iter().find_map(|it| it.error.clone()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A measurement of this many calls per second.
    pub(crate) fn measured(per_second: f64) -> Measured {
        Measured {
            per_second,
            p50: 1e6 / per_second,
            p90: 2e6 / per_second,
            p99: 3e6 / per_second,
            p999: 4e6 / per_second,
            max: 5e6 / per_second,
            client_cpu: Some(5e5 / per_second),
            server_cpu: Some(5e5 / per_second),
            allocations: None,
            peak_memory: Some(8 << 20),
            calls: 10,
            errors: 0,
            error: None,
        }
    }

    /// Rounds of these many calls per second.
    pub(crate) fn summary(per_second: &[f64]) -> Summary {
        let rounds = per_second.iter().copied().map(measured).collect();
        Summary::of(rounds).expect("there are rounds")
    }

    #[test]
    fn medians_are_of_each_figure() {
        let mut rounds: Vec<_> = [1.0, 2.0, 4.0].map(measured).into();
        rounds[2].p50 = 7e6;
        rounds[0].errors = 1;
        rounds[0].error = Some("lost".to_string());
        rounds[1].client_cpu = None;
        let summary = Summary::of(rounds).expect("there are rounds");
        assert_eq!(summary.median.per_second, 2.0);
        assert_eq!(summary.median.p50, 1e6);
        assert_eq!(summary.min.p50, 5e5);
        assert_eq!(summary.max.p50, 7e6);
        assert_eq!(
            summary.median.client_cpu,
            Some((5e5 + 1.25e5) / 2.0),
            "of the rounds that have it"
        );
        assert_eq!(summary.median.allocations, None);
        assert_eq!((summary.median.calls, summary.median.errors), (30, 1));
        assert_eq!(summary.median.error.as_deref(), Some("lost"));
    }

    #[test]
    fn no_rounds_have_no_median() {
        assert!(Summary::of(Vec::new()).is_none());
    }
}

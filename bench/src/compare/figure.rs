//! The figures that are compared.

use serde::Serialize;

use super::Summary;
use crate::measured::Measured;

/// A figure for which ratios between systems are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    PerSecond,
    P50,
    P99,
    ClientCpu,
    ServerCpu,
    Allocations,
}

impl Figure {
    /// The figures that are printed.
    pub(crate) const SHOWN: [Self; 5] = [
        Self::PerSecond,
        Self::P50,
        Self::P99,
        Self::ClientCpu,
        Self::ServerCpu,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "calls/s",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::ClientCpu => "client CPU",
            Self::ServerCpu => "server CPU",
            Self::Allocations => "allocations",
        }
    }

    pub(crate) fn of(self, measured: &Measured) -> Option<f64> {
        match self {
            Self::PerSecond => Some(measured.per_second),
            Self::P50 => Some(measured.p50),
            Self::P99 => Some(measured.p99),
            Self::ClientCpu => measured.client_cpu,
            Self::ServerCpu => measured.server_cpu,
            Self::Allocations => measured.allocations,
        }
    }
}

/// The median, the minimum and the maximum of some figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// None if there are no figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Some(Self {
            median: median(&figures)?,
            min: *figures.first()?,
            max: *figures.last()?,
        })
    }

    /// Of the ratio between two systems, or of one system in two settings. Each ratio is of two consecutive
    /// measurements, so that other load on the machine affects both.
    pub(crate) fn of_ratio(of: &Summary, to: &Summary, figure: Figure) -> Option<Self> {
        let rounds = of.rounds.iter().zip(&to.rounds);
        let ratios = rounds.filter_map(|(of, to)| {
            let ratio = figure.of(of)? / figure.of(to)?;
            ratio.is_finite().then_some(ratio)
        });
        Self::of(ratios)
    }
}

/// The median of sorted figures.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::summary;
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0]).expect("there are figures");
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 3.0));
        let spread = Spread::of([4.0, 1.0, 2.0, 3.0]).expect("there are figures");
        assert_eq!((spread.median, spread.min, spread.max), (2.5, 1.0, 4.0));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_of_the_measurements_of_one_round() {
        let of = summary(&[10.0, 200.0, 30.0]);
        let to = summary(&[5.0, 100.0, 10.0]);
        let ratio = Spread::of_ratio(&of, &to, Figure::PerSecond).expect("there are rounds");
        assert_eq!((ratio.median, ratio.min, ratio.max), (2.0, 2.0, 3.0));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        let (of, to) = (summary(&[1.0]), summary(&[0.0]));
        assert_eq!(Spread::of_ratio(&of, &to, Figure::Allocations), None);
        assert_eq!(Spread::of_ratio(&of, &to, Figure::PerSecond), None);
    }
}

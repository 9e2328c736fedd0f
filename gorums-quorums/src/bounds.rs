//! Bounds of what a strategy may cost.

use std::fmt;

use crate::{Error, Metric, Rounded};

/// The most that a strategy may cost. Nothing is bounded by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    load: Option<f64>,
    latency: Option<f64>,
    network: Option<f64>,
}

impl Bounds {
    /// The same with at most `most` of the metric, in its [unit](Metric::unit).
    ///
    /// # Errors
    ///
    /// [`Error::Bound`] if `most` is negative, infinite or no number.
    pub fn with(mut self, metric: Metric, most: f64) -> Result<Self, Error> {
        if !most.is_finite() || most < 0.0 {
            return Err(Error::Bound { metric, most });
        }
        self.set(metric, most);
        Ok(self)
    }

    /// The most of the metric that is allowed, if it is bounded.
    pub fn most(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Load => self.load,
            Metric::Latency => self.latency,
            Metric::Network => self.network,
        }
    }

    /// Sets a bound that needs no check.
    pub(crate) fn set(&mut self, metric: Metric, most: f64) {
        let bound = match metric {
            Metric::Load => &mut self.load,
            Metric::Latency => &mut self.latency,
            Metric::Network => &mut self.network,
        };
        *bound = Some(most);
    }
}

/// `a load of at most 0.5 s per command and a latency of at most 4 s`, or nothing.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounded = Metric::ALL.map(|metric| (metric, self.most(metric)));
        let mut and = "";
        for (metric, most) in bounded {
            if let Some(most) = most {
                let most = Rounded(most);
                write!(f, "{and}a {metric} of at most {most} {}", metric.unit())?;
                and = " and ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_bound_nothing_or_everything_are_refused() {
        for most in [f64::NAN, f64::INFINITY, -1.0] {
            let error = Bounds::default().with(Metric::Latency, most);
            assert!(matches!(error, Err(Error::Bound { .. })), "{most}");
        }
    }
}

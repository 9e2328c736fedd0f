//! How many of the commands are reads.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Which fraction of the commands are reads: always the same, or different ones with their probabilities.
///
/// ```
/// use gorums_quorums::ReadFractions;
///
/// let mostly: ReadFractions = "0.75".parse()?;
/// assert_eq!(mostly, ReadFractions::always(0.75)?);
///
/// // A tenth of the commands are reads for half of the time, and three quarters for the other half.
/// let varying: ReadFractions = "0.1=1, 0.75=1".parse()?;
/// assert_eq!(varying.to_string(), "10% reads (50% of the time), 75% reads (50% of the time)");
/// # Ok::<(), gorums_quorums::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReadFractions(Vec<(f64, f64)>);

/// So many fractions may there be, as the linear program grows with them.
const MOST: usize = 100;

impl ReadFractions {
    /// The same fraction at all times: 0 for writes only, 1 for reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Fraction`] if it is not from 0 to 1.
    pub fn always(fraction: f64) -> Result<Self, Error> {
        Self::weighted([(fraction, 1.0)])
    }

    /// Fractions with their weights, of which the probabilities are made.
    ///
    /// # Errors
    ///
    /// [`Error::Fraction`] if a fraction is not from 0 to 1, [`Error::Weight`] if a weight is negative or not finite,
    /// [`Error::NoWeight`] if none is more than 0, and [`Error::TooManyFractions`] if there are more than 100.
    pub fn weighted(fractions: impl IntoIterator<Item = (f64, f64)>) -> Result<Self, Error> {
        let mut weighted = Vec::new();
        for (value, weight) in fractions {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Fraction { value });
            }
            weighted.push((value, weight));
            if weighted.len() > MOST {
                return Err(Error::TooManyFractions { most: MOST });
            }
        }
        Ok(Self(normalized(weighted, "read fraction")?))
    }

    /// The fractions with their probabilities, which are more than 0 and sum up to 1.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.0.iter().copied()
    }

    /// The average fraction.
    pub fn mean(&self) -> f64 {
        self.iter()
            .map(|(fraction, weight)| fraction * weight)
            .sum()
    }

    /// The expected value of what `of` gives for a fraction.
    pub(crate) fn expected(&self, mut of: impl FnMut(f64) -> f64) -> f64 {
        self.iter().map(|(fraction, p)| p * of(fraction)).sum()
    }
}

/// Weights as probabilities. What has none is left out.
pub(crate) fn normalized<T>(
    weighted: Vec<(T, f64)>,
    of: &'static str,
) -> Result<Vec<(T, f64)>, Error> {
    for (_, value) in &weighted {
        if !value.is_finite() || *value < 0.0 {
            return Err(Error::Weight { value: *value });
        }
    }
    // Divided before they are summed, so that the sum is finite.
    let most = weighted.iter().map(|(_, weight)| *weight);
    let most = most.fold(0.0, f64::max);
    if most == 0.0 {
        return Err(Error::NoWeight { of });
    }
    let total: f64 = weighted.iter().map(|(_, weight)| weight / most).sum();
    let probabilities = weighted
        .into_iter()
        .map(|(value, weight)| (value, weight / most / total));
    Ok(probabilities.filter(|(_, p)| *p > 0.0).collect())
}

/// Reads `0.75`, or fractions with their weights: `0.1=1,0.75=1`.
impl FromStr for ReadFractions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| {
            let number = text.trim().parse::<f64>();
            number.map_err(|_| Error::Fractions { text: text.into() })
        };
        let pair = |part: &str| match part.split_once('=') {
            Some((fraction, weight)) => Ok((number(fraction)?, number(weight)?)),
            None => Err(Error::Fractions { text: part.into() }),
        };
        match text.contains(['=', ',']) {
            true => Self::weighted(text.split(',').map(pair).collect::<Result<Vec<_>, _>>()?),
            false => Self::always(number(text)?),
        }
    }
}

/// `75% reads`, or several with how often they are.
impl fmt::Display for ReadFractions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: f64| (part * 1e4).round() / 1e2;
        for (at, (fraction, probability)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}% reads", percent(fraction))?;
            if self.0.len() > 1 {
                write!(f, " ({}% of the time)", percent(probability))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_outside_of_a_whole_are_refused() {
        for value in ["-0.1", "1.1", "NaN", "inf", "2=1,0.5=1"] {
            let error = value.parse::<ReadFractions>();
            assert!(matches!(error, Err(Error::Fraction { .. })), "{value}");
        }
    }

    #[test]
    fn weights_that_are_negative_infinite_or_all_zero_are_refused() {
        for value in ["0.5=-1", "0.5=NaN", "0.5=inf", "0.5=0,0.1=0"] {
            let error = value.parse::<ReadFractions>();
            assert!(
                matches!(error, Err(Error::Weight { .. } | Error::NoWeight { .. })),
                "{value}"
            );
        }
    }

    #[test]
    fn huge_weights_are_still_probabilities() -> Result<(), Error> {
        let fractions = ReadFractions::weighted([(0.0, f64::MAX), (1.0, f64::MAX), (0.5, 0.0)])?;
        assert_eq!(
            fractions.iter().collect::<Vec<_>>(),
            [(0.0, 0.5), (1.0, 0.5)]
        );
        assert_eq!(fractions.mean(), 0.5);
        Ok(())
    }

    #[test]
    fn too_many_fractions_are_refused() {
        let fractions = |count| ReadFractions::weighted(vec![(0.5, 1.0); count]);
        assert!(fractions(MOST).is_ok());
        let error = fractions(MOST + 1);
        assert_eq!(error, Err(Error::TooManyFractions { most: MOST }));
    }

    #[test]
    fn texts_that_are_no_fractions_are_refused() {
        for value in ["", "a", "0.1,0.2", "0.1=1,", "0.1=x"] {
            let error = value.parse::<ReadFractions>();
            assert!(matches!(error, Err(Error::Fractions { .. })), "{value}");
        }
    }
}

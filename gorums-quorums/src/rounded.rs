//! Numbers for people.

use std::fmt;

/// A number that is printed with at most six significant digits.
///
/// ```
/// use gorums_quorums::Rounded;
///
/// assert_eq!(Rounded(3.4999999999999996).to_string(), "3.5");
/// assert_eq!(Rounded(1.0 / 1500.0).to_string(), "0.000666667");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounded(pub f64);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = format!("{:.5e}", self.0);
        match rounded.parse::<f64>() {
            Ok(rounded) => f.pad(&rounded.to_string()),
            Err(_) => f.pad(&rounded),
        }
    }
}

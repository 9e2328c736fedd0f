//! What is wrong with parameters.

use std::fmt;

use thiserror::Error;

/// What is wrong with one parameter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterError {
    /// There is no such parameter.
    #[error("unknown parameter `{name}`; the parameters are: {}", valid.join(", "))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names there are.
        valid: Vec<&'static str>,
    },
    /// The value is not valid.
    #[error("parameter `{name}`: `{value}` is not valid; it takes {expected}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The parameter does not go with the others.
    #[error("parameter `{name}`: {text}")]
    Combination {
        /// The parameter.
        name: &'static str,
        /// What is wrong, and what to do.
        text: String,
    },
}

/// All that is wrong with the parameters, displayed one per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterErrors {
    errors: Vec<ParameterError>,
}

impl ParameterErrors {
    /// The errors.
    pub fn iter(&self) -> std::slice::Iter<'_, ParameterError> {
        self.errors.iter()
    }

    pub(crate) fn push(&mut self, error: ParameterError) {
        self.errors.push(error);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.errors.append(&mut other.errors);
    }

    /// `Ok(value)` when there are none.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl<'a> IntoIterator for &'a ParameterErrors {
    type Item = &'a ParameterError;
    type IntoIter = std::slice::Iter<'a, ParameterError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ParameterErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ParameterErrors {}

//! The replicas that a command selects.

use std::str::FromStr;

use gorums_runtime::errors::ConfigurationError;

/// Some of the replicas, by their indices: `0,2`, or the half-open range `0:2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// These indices.
    List(Vec<usize>),
    /// A half-open range.
    Range {
        /// The first index.
        start: usize,
        /// The index after the last; none means the end of the list.
        end: Option<usize>,
    },
}

/// Why a text selects no replicas.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectionError {
    #[error("{0:?} selects no replicas; give their numbers, as in 0,2, or a range, as in 0:2")]
    Malformed(String),
    #[error("there is no replica {index}; the {size} replicas count from 0")]
    TooLarge { index: usize, size: usize },
    #[error("the range {start}:{end} is empty")]
    Empty { start: usize, end: usize },
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
}

impl Selection {
    /// The selected ones of `all`.
    pub(crate) fn of<T: Copy>(&self, all: &[T]) -> Result<Vec<T>, SelectionError> {
        let size = all.len();
        match self {
            Self::List(indices) => {
                let select = |&index: &usize| {
                    let selected = all.get(index).copied();
                    selected.ok_or(SelectionError::TooLarge { index, size })
                };
                indices.iter().map(select).collect()
            }
            Self::Range { start, end } => {
                let (start, end) = (*start, end.unwrap_or(size));
                if start >= end {
                    return Err(SelectionError::Empty { start, end });
                }
                let index = end - 1;
                let selected = all.get(start..end).map(<[T]>::to_vec);
                selected.ok_or(SelectionError::TooLarge { index, size })
            }
        }
    }
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let number = |part: &str| {
            let malformed = |_| SelectionError::Malformed(text.to_string());
            part.parse::<usize>().map_err(malformed)
        };
        let Some((start, end)) = text.split_once(':') else {
            return Ok(Self::List(
                text.split(',').map(number).collect::<Result<_, _>>()?,
            ));
        };
        Ok(Self::Range {
            start: if start.is_empty() { 0 } else { number(start)? },
            end: if end.is_empty() {
                None
            } else {
                Some(number(end)?)
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(text: &str) -> Result<Vec<char>, SelectionError> {
        text.parse::<Selection>()?.of(&['a', 'b', 'c', 'd'])
    }

    #[test]
    fn replicas_are_selected_one_by_one_or_as_a_range() {
        for (text, selected) in [
            ("0", "a"),
            ("3,1", "db"),
            ("1:3", "bc"),
            (":2", "ab"),
            ("2:", "cd"),
            (":", "abcd"),
        ] {
            assert_eq!(select(text), Ok(selected.chars().collect()), "{text}");
        }
    }

    #[test]
    fn what_selects_no_replicas_says_why() {
        let malformed = |text: &str| SelectionError::Malformed(text.to_string());
        for (text, why) in [
            ("", malformed("")),
            ("a", malformed("a")),
            ("1,", malformed("1,")),
            ("1:b", malformed("1:b")),
            ("-1", malformed("-1")),
            ("4", SelectionError::TooLarge { index: 4, size: 4 }),
            ("1:6", SelectionError::TooLarge { index: 5, size: 4 }),
            ("2:2", SelectionError::Empty { start: 2, end: 2 }),
            ("5:", SelectionError::Empty { start: 5, end: 4 }),
        ] {
            assert_eq!(select(text), Err(why), "{text}");
        }
    }
}

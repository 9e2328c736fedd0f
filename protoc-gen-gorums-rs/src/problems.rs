//! All problems of a run.

use std::collections::HashMap;
use std::fmt;

use crate::problem::Problem;

/// All problems of a run, in the order of files and lines.
///
/// Displayed one per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    problems: Vec<Problem>,
}

impl Problems {
    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// `Ok` when there are none.
    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// Sorts them by files and lines. Those that concern no file come first.
    pub(crate) fn sort<'a>(&mut self, files: impl IntoIterator<Item = &'a str>) {
        let order: HashMap<&str, usize> = files.into_iter().zip(0..).collect();
        self.problems.sort_by_key(|problem| {
            (
                problem.file().map(|file| order.get(file).copied()),
                problem.line(),
            )
        });
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl Extend<Problem> for Problems {
    fn extend<T: IntoIterator<Item = Problem>>(&mut self, problems: T) {
        self.problems.extend(problems);
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<T: IntoIterator<Item = Problem>>(problems: T) -> Self {
        Self {
            problems: problems.into_iter().collect(),
        }
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_by_file_order_then_line() {
        let mut problems: Problems = [
            Problem::in_file("b.proto", "1").at(Some(9)),
            Problem::in_file("a.proto", "2").at(Some(7)),
            Problem::in_file("b.proto", "3").at(Some(2)),
            Problem::new("4"),
        ]
        .into_iter()
        .collect();
        problems.sort(["b.proto", "a.proto"]);
        assert_eq!(
            problems.to_string(),
            "4\nb.proto:2: 3\nb.proto:9: 1\na.proto:7: 2"
        );
    }
}

//! Quorum systems as text.

use std::fmt;

use crate::Quorums;
use crate::rule::Rule;

/// The system as [`FromStr`](std::str::FromStr) reads it: `a & b | choose(2, [c, d, e])`.
impl<N: fmt::Display> fmt::Display for Quorums<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, rule) = (self.nodes(), self.rule());
        let parentheses = false;
        Printed {
            nodes,
            rule,
            parentheses,
        }
        .fmt(f)
    }
}

struct Printed<'a, N> {
    nodes: &'a [N],
    rule: &'a Rule,
    /// Whether it is an operand of `&`, which binds more than `|`.
    parentheses: bool,
}

impl<N: fmt::Display> fmt::Display for Printed<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Rule::Nodes { least, of } => {
                let nodes = of.iter().map(|position| &self.nodes[position]);
                self.threshold(f, *least, nodes.collect(), |f, node, _| node.fmt(f))
            }
            Rule::Rules { least, of } => {
                self.threshold(f, *least, of.iter().collect(), |f, rule, parentheses| {
                    let nodes = self.nodes;
                    Printed {
                        nodes,
                        rule,
                        parentheses,
                    }
                    .fmt(f)
                })
            }
            Rule::Weights { least, of } => {
                write!(f, "weights({least}, [")?;
                for (at, node) in of.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", self.nodes[node.position], node.weight)?;
                }
                f.write_str("])")
            }
        }
    }
}

impl<N> Printed<'_, N> {
    /// Prints that at least `least` of the operands are needed. `print` learns whether an operand of `|` needs
    /// parentheses.
    fn threshold<T>(
        &self,
        f: &mut fmt::Formatter<'_>,
        least: usize,
        operands: Vec<T>,
        print: impl Fn(&mut fmt::Formatter<'_>, T, bool) -> fmt::Result,
    ) -> fmt::Result {
        let count = operands.len();
        let (before, between, after) = match least {
            _ if count == 1 => ("", "", ""),
            _ if least == count => ("", " & ", ""),
            1 if count > 1 && self.parentheses => ("(", " | ", ")"),
            1 if count > 1 => ("", " | ", ""),
            _ => ("", ", ", "])"),
        };
        match between {
            ", " => write!(f, "choose({least}, [")?,
            _ => f.write_str(before)?,
        }
        for (at, operand) in operands.into_iter().enumerate() {
            if at > 0 {
                f.write_str(between)?;
            }
            print(f, operand, between == " & ")?;
        }
        f.write_str(after)
    }
}

//! Descriptions of nodes on the command line.

use std::str::FromStr;

/// How many reads and writes a node does per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Capacities {
    pub(crate) reads: f64,
    pub(crate) writes: f64,
}

/// Reads `1000`, or `10000/1000` for reads and writes.
impl FromStr for Capacities {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (reads, writes) = text.split_once('/').unwrap_or((text, text));
        Ok(Self {
            reads: number(reads)?,
            writes: number(writes)?,
        })
    }
}

/// Nodes, and the capacities and the latency that the command line gives them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodeSpec {
    pub(crate) names: Vec<String>,
    pub(crate) capacities: Option<Capacities>,
    /// In seconds.
    pub(crate) latency: Option<f64>,
}

/// What expressions are made of, besides names.
const SPECIAL: &str = "()[],:&|*+/";

/// Reads `a`, `a:1000`, `a:10000/1000`, `a@0.003`, or more of it: `a,b:10000/1000@0.003`.
impl FromStr for NodeSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, latency) = match text.rsplit_once('@') {
            Some((rest, latency)) => (rest, Some(number(latency)?)),
            None => (text, None),
        };
        let (names, capacities) = match rest.split_once(':') {
            Some((names, capacities)) => (names, Some(capacities.parse()?)),
            None => (rest, None),
        };
        let names: Vec<String> = names.split(',').map(str::to_string).collect();
        let is_special = |char: char| char.is_whitespace() || SPECIAL.contains(char);
        match names
            .iter()
            .find(|name| name.is_empty() || name.contains(is_special))
        {
            Some(name) => Err(format!(
                "`{name}` is no name of a node; write NAME,NAME:CAPACITY@LATENCY"
            )),
            None => Ok(Self {
                names,
                capacities,
                latency,
            }),
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>();
    number.map_err(|_| {
        format!(
            "`{text}` is no number; write NAME,NAME:CAPACITY@LATENCY, as in a,b:10000/1000@0.003"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_nodes_is_read() -> Result<(), String> {
        let spec: NodeSpec = "a,b:10000/1e3@0.003".parse()?;
        assert_eq!(spec.names, ["a", "b"]);
        let (reads, writes) = (10_000.0, 1_000.0);
        assert_eq!(spec.capacities, Some(Capacities { reads, writes }));
        assert_eq!(spec.latency, Some(0.003));
        let spec: NodeSpec = "a".parse()?;
        assert_eq!((spec.capacities, spec.latency), (None, None));
        Ok(())
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "", "a,", "a b", "a:", "a:x", "a@", "a:1/2/3", "(a)", "a:1@2@3", "a/b",
        ] {
            assert!(text.parse::<NodeSpec>().is_err(), "{text}");
        }
    }
}

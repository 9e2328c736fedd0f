//! Quorum systems from text.

use std::fmt;
use std::str::FromStr;

use crate::{QuorumError, Quorums, Share};

/// Why a text is no quorum system, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    column: usize,
    message: String,
}

impl ParseError {
    /// The column in which the error is, in characters. The first one is 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

/// Reads an expression over nodes.
///
/// | expression | quorums |
/// |---|---|
/// | `a` | the node |
/// | `a & b`, `a * b` | a quorum of each; binds more than `\|` |
/// | `a \| b`, `a + b` | a quorum of one of them |
/// | `choose(2, [a, b & c, d])` | quorums of at least 2 of the list |
/// | `majority([a, b, c])`, `all([a, b])`, `any([a, b])` | the same with the usual numbers |
/// | `weights(4, [a: 3, b: 2, c: 1])` | nodes that weigh at least 4 together |
/// | `weights(2/3, [a: 3, b: 2, c: 1])` | nodes that weigh more than 2/3 of all |
///
/// A node's name is any text without blanks and without the characters of expressions.
///
/// ```
/// use gorums_quorum::Quorums;
///
/// let grid: Quorums<String> = "a & b & c | d & e & f".parse()?;
/// assert_eq!(grid.dual().to_string(), "(a | b | c) & (d | e | f)");
///
/// let error = "a & (b | )".parse::<Quorums<String>>().unwrap_err();
/// assert_eq!(error.to_string(), "column 10: expected a node, a function or `(`, and found `)`");
/// # Ok::<(), gorums_quorum::ParseError>(())
/// ```
impl<N> FromStr for Quorums<N>
where
    N: FromStr<Err: fmt::Display> + Ord + Clone + fmt::Display,
{
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser::new(text);
        let quorums = parser.either(0)?;
        match parser.next() {
            Token { text: "", .. } => Ok(quorums),
            token => Err(token.unexpected("`&`, `|` or the end")),
        }
    }
}

/// So deep may parentheses and functions be nested.
const DEEPEST: usize = 64;

/// What separates names.
const SPECIAL: &str = "()[],:&|*+/";

/// A piece of the text. Its end is an empty one.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    column: usize,
}

impl Token<'_> {
    fn error(self, message: impl fmt::Display) -> ParseError {
        ParseError {
            column: self.column,
            message: message.to_string(),
        }
    }

    fn unexpected(self, expected: &str) -> ParseError {
        self.error(match self.text {
            "" => format!("expected {expected}, and the text ends"),
            text => format!("expected {expected}, and found `{text}`"),
        })
    }

    fn is_name(self) -> bool {
        !self.text.is_empty() && !self.text.starts_with(|first| SPECIAL.contains(first))
    }
}

struct Parser<'a> {
    rest: &'a str,
    column: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            column: 1,
        }
    }

    fn peek(&mut self) -> Token<'a> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.skip(blank);
        let ends = |char: char| char.is_whitespace() || SPECIAL.contains(char);
        let length = match self.rest.find(ends) {
            Some(0) => self.rest.chars().next().map_or(0, char::len_utf8),
            Some(end) => end,
            None => self.rest.len(),
        };
        Token {
            text: &self.rest[..length],
            column: self.column,
        }
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.skip(token.text.len());
        token
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.column += skipped.chars().count();
        self.rest = rest;
    }

    fn expect(&mut self, text: &str) -> Result<(), ParseError> {
        let token = self.next();
        match token.text == text {
            true => Ok(()),
            false => Err(token.unexpected(&format!("`{text}`"))),
        }
    }

    /// Skips the next token if it is one of `texts`.
    fn skip_any(&mut self, texts: [&str; 2]) -> bool {
        let is_one = texts.contains(&self.peek().text);
        if is_one {
            self.next();
        }
        is_one
    }

    fn either<N>(&mut self, depth: usize) -> Result<Quorums<N>, ParseError>
    where
        N: FromStr<Err: fmt::Display> + Ord + Clone + fmt::Display,
    {
        let mut operands = vec![self.both(depth)?];
        while self.skip_any(["|", "+"]) {
            operands.push(self.both(depth)?);
        }
        Ok(Quorums::combined(1, operands))
    }

    fn both<N>(&mut self, depth: usize) -> Result<Quorums<N>, ParseError>
    where
        N: FromStr<Err: fmt::Display> + Ord + Clone + fmt::Display,
    {
        let mut operands = vec![self.operand(depth)?];
        while self.skip_any(["&", "*"]) {
            operands.push(self.operand(depth)?);
        }
        Ok(Quorums::combined(operands.len(), operands))
    }

    fn operand<N>(&mut self, depth: usize) -> Result<Quorums<N>, ParseError>
    where
        N: FromStr<Err: fmt::Display> + Ord + Clone + fmt::Display,
    {
        let token = self.next();
        if depth == DEEPEST {
            return Err(token.error(format!("nested more than {DEEPEST} times")));
        }
        if token.text == "(" {
            let quorums = self.either(depth + 1)?;
            self.expect(")")?;
            return Ok(quorums);
        }
        if !token.is_name() {
            return Err(token.unexpected("a node, a function or `(`"));
        }
        if self.peek().text != "(" {
            return node(token).map(Quorums::node);
        }
        self.next();
        let quorums = self.function(token, depth + 1)?;
        self.expect(")")?;
        Ok(quorums)
    }

    fn function<N>(&mut self, name: Token<'a>, depth: usize) -> Result<Quorums<N>, ParseError>
    where
        N: FromStr<Err: fmt::Display> + Ord + Clone + fmt::Display,
    {
        let invalid = |error: QuorumError| name.error(error);
        match name.text {
            "choose" => {
                let least = self.number("how many of the list")?;
                self.expect(",")?;
                let list = self.list(|parser| parser.either(depth))?;
                Quorums::choose(least, list).map_err(invalid)
            }
            "majority" | "all" | "any" => {
                let list = self.list(|parser| parser.either(depth))?;
                let least = match name.text {
                    "majority" => list.len() / 2 + 1,
                    "all" => list.len(),
                    _ => 1,
                };
                Quorums::choose(least, list).map_err(invalid)
            }
            "weights" => {
                let token = self.peek();
                let least = self.number::<u128>("a weight or a share")?;
                let least = match self.skip_any(["/"; 2]) {
                    true => {
                        let numerator = least.try_into();
                        let numerator = numerator.map_err(|error| token.error(error))?;
                        Share::more_than(numerator, self.number("the share's denominator")?)
                    }
                    false => Share::at_least(least),
                };
                self.expect(",")?;
                let weights = self.list(|parser| {
                    let token = parser.next();
                    if !token.is_name() {
                        return Err(token.unexpected("a node"));
                    }
                    let node = node(token)?;
                    parser.expect(":")?;
                    Ok((node, parser.number("a weight")?))
                })?;
                Quorums::weights(weights, least).map_err(invalid)
            }
            unknown => Err(name.error(format!(
                "no function `{unknown}`; there are choose, majority, all, any and weights"
            ))),
        }
    }

    fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        self.expect("[")?;
        let mut list = vec![element(self)?];
        loop {
            let token = self.next();
            match token.text {
                "," => list.push(element(self)?),
                "]" => return Ok(list),
                _ => return Err(token.unexpected("`,` or `]`")),
            }
        }
    }

    fn number<T: FromStr<Err: fmt::Display>>(&mut self, what: &str) -> Result<T, ParseError> {
        let token = self.next();
        if !token.text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(token.unexpected(&format!("{what}, a number")));
        }
        let number = token.text.parse();
        number.map_err(|error| token.error(format!("`{}` is no number: {error}", token.text)))
    }
}

fn node<N: FromStr<Err: fmt::Display>>(token: Token<'_>) -> Result<N, ParseError> {
    let node = token.text.parse();
    node.map_err(|error| token.error(format!("`{}` is no node: {error}", token.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        match text.parse::<Quorums<String>>() {
            Ok(quorums) => format!("is {quorums}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn errors_point_at_the_column() {
        let nodes = "a node, a function or `(`";
        for (text, expected) in [
            ("", format!("column 1: expected {nodes}, and the text ends")),
            ("a &", format!("column 4: expected {nodes}, and the text ends")),
            ("ä & & b", format!("column 5: expected {nodes}, and found `&`")),
            ("a b", "column 3: expected `&`, `|` or the end, and found `b`".into()),
            ("(a | b", "column 7: expected `)`, and the text ends".into()),
            ("choose(a, [b])", "column 8: expected how many of the list, a number, and found `a`".into()),
            ("a | choose(3, [b, c])", "column 5: a quorum of 3 systems, of which there are 2: no quorum can form".into()),
            ("choose(0, [b, c])", "column 1: a quorum of 0 systems: the threshold has to be at least 1".into()),
            ("choose(2, [b, c, b])", "column 1: node b is named twice, and would count twice".into()),
            ("some(2, [a])", "column 1: no function `some`; there are choose, majority, all, any and weights".into()),
            ("weights(2, [a: x])", "column 16: expected a weight, a number, and found `x`".into()),
            ("weights(2, [a])", "column 14: expected `:`, and found `]`".into()),
            ("weights(2, [a: 99999999999999999999])", "column 16: `99999999999999999999` is no number: number too large to fit in target type".into()),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn a_nodes_own_error_is_told() {
        let error = "1 & x".parse::<Quorums<u32>>().unwrap_err();
        assert_eq!(
            (error.column(), error.message()),
            (5, "`x` is no node: invalid digit found in string")
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(error(&deep(63)), "is a");
        assert_eq!(error(&deep(64)), "column 65: nested more than 64 times");
        assert_eq!(
            error(&"(".repeat(1_000_000)),
            "column 65: nested more than 64 times"
        );
    }

    #[test]
    fn both_ways_to_write_an_operator_are_read() {
        let parsed = |text: &str| text.parse::<Quorums<String>>();
        assert_eq!(parsed("a*b + c*d"), parsed("a & b | c & d"));
        assert_eq!(parsed("(a & (b & c))"), parsed("a&b&c"));
        assert_eq!(parsed("a & a | a"), parsed("a"));
        assert_eq!(
            parsed("majority([a, b & c, d])"),
            parsed("choose(2, [a, b&c, d])")
        );
    }
}

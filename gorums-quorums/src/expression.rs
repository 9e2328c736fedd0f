//! Expressions on the command line.

use gorums_quorum::Quorums;

use crate::failure::Failure;

/// So long may an expression be. Longer ones take long.
const LONGEST: usize = 10_000;

/// So much of an expression is shown before and after an error, in characters.
const AROUND: usize = 35;

/// Parses an expression; `of` tells what it is of.
pub(crate) fn parse(of: &'static str, text: &str) -> Result<Quorums<String>, Failure> {
    let characters = text.chars().count();
    if characters > LONGEST {
        return Err(Failure::Long {
            of,
            characters,
            most: LONGEST,
        });
    }
    text.parse().map_err(|error| Failure::Expression {
        of,
        text: text.into(),
        error,
    })
}

/// The text around the column, and a caret below it.
pub(crate) fn pointed_at(text: &str, column: usize) -> String {
    let at = column.saturating_sub(1);
    let from = at.saturating_sub(AROUND);
    let shown = text.chars().skip(from).take(2 * AROUND);
    // What moves the cursor would move the caret away from the column.
    let shown = shown.map(|char| if char.is_control() { ' ' } else { char });
    let shown: String = shown.collect();
    let before = if from > 0 { "..." } else { "" };
    let is_cut = text.chars().nth(from + 2 * AROUND).is_some();
    let after = if is_cut { "..." } else { "" };
    let indent = " ".repeat(before.len() + at - from);
    format!("  {before}{shown}{after}\n  {indent}^")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_below_the_column() {
        assert_eq!(pointed_at("a & & b", 5), "  a & & b\n      ^");
        assert_eq!(pointed_at("a &", 4), "  a &\n     ^");
        assert_eq!(pointed_at("ä\t& )", 5), "  ä & )\n      ^");
    }

    #[test]
    fn of_a_long_text_a_part_is_shown() {
        let text = "a & ".repeat(100) + "& b" + &" & c".repeat(100);
        let shown = pointed_at(&text, 401);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("  ...") && lines[0].ends_with("..."));
        assert_eq!(lines[0].chars().nth(lines[1].len() - 1), Some('&'));
    }
}

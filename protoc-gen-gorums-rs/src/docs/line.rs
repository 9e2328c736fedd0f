//! Classifies single lines of a comment.

/// The line without control characters and without characters that change the direction of text, neither of which rustc
/// accepts in comments. Tabs, which clippy denies, become spaces.
pub(super) fn printable(line: &str) -> String {
    let mut printable = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '\t' => printable.push_str("    "),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter if letter.is_control() => printable.push(' '),
            letter => printable.push(letter),
        }
    }
    printable
}

/// The marks of the fence, if the text begins a fenced block of code.
pub(super) fn fence(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| "`~".contains(*c))?;
    let language = text.trim_start_matches(mark);
    let fence = &text[..text.len() - language.len()];
    let is_fence = fence.len() >= 3 && !(mark == '`' && language.contains('`'));
    is_fence.then_some(fence)
}

/// Whether the text ends a block of code that began with the fence.
pub(super) fn closes(text: &str, fence: &str) -> bool {
    text.starts_with(fence) && text.trim_start_matches(&fence[..1]).is_empty()
}

/// The width of the mark, if the text is an item of a list.
pub(super) fn item_width(text: &str) -> Option<usize> {
    if ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark)) {
        return Some(2);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = (1..=9).contains(&digits)
        && [". ", ") "]
            .iter()
            .any(|mark| text[digits..].starts_with(mark));
    numbered.then_some(digits + 2)
}

/// Whether an item may follow a paragraph as the first one of a list.
pub(super) fn begins_list(item: &str) -> bool {
    let number = item.split_once(['.', ')']).map(|(number, _)| number);
    !item.starts_with(|c: char| c.is_ascii_digit()) || number == Some("1")
}

/// Whether the text is a horizontal rule, or the underline of a heading.
pub(super) fn is_rule(text: &str) -> bool {
    let marks = text.replace(' ', "");
    marks.len() >= 3
        && ['-', '*', '_']
            .into_iter()
            .any(|mark| is_made_of(&marks, mark))
}

/// Whether the text is the delimiter row of a table.
fn is_delimiter_row(text: &str) -> bool {
    text.contains('-')
        && text.contains(['|', ':'])
        && text.trim_matches(['|', '-', ':', ' ']).is_empty()
}

fn is_made_of(text: &str, letter: char) -> bool {
    text.trim_start_matches(letter).is_empty()
}

pub(super) fn is_heading(text: &str) -> bool {
    let rest = text.trim_start_matches('#');
    (1..=6).contains(&(text.len() - rest.len())) && (rest.is_empty() || rest.starts_with(' '))
}

/// Escapes marks that would make the line a quotation, a heading, a table or an item. Those would also affect the lines
/// after it, and the code in them.
pub(super) fn protect(text: &str) -> String {
    if text.starts_with('>') || text == "--" || is_delimiter_row(text) || is_made_of(text, '=') {
        return format!("\\{text}");
    }
    // An item may also be empty.
    match item_width(&format!("{text} ")) {
        Some(width) if begins_list(text) || text.len() < width => {
            let (number, rest) = text.split_at(width - 2);
            format!("{number}\\{rest}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_have_three_marks_and_no_marks_after_them() {
        assert_eq!(fence("```rust"), Some("```"));
        assert_eq!(fence("~~~~ `a`"), Some("~~~~"));
        for text in ["``", "``` a `", "a ```", ""] {
            assert_eq!(fence(text), None, "{text}");
        }
        assert!(closes("````", "```") && !closes("```", "````") && !closes("``` a", "```"));
    }

    #[test]
    fn what_would_take_a_line_apart_is_protected() {
        for (text, expected) in [
            ("> a", "\\> a"),
            ("- a", "\\- a"),
            ("1. a", "1\\. a"),
            ("2. a", "2. a"),
            ("-", "\\-"),
            ("2)", "2\\)"),
            ("==", "\\=="),
            ("|-|", "\\|-|"),
            ("a - b", "a - b"),
        ] {
            assert_eq!(protect(text), expected);
        }
    }
}

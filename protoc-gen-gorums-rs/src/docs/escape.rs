//! Escapes what an author did not mean as markup.

/// The line of prose without HTML and without links to Rust items.
///
/// Code, what is escaped already and links to URLs stay. prost-build will put URLs in angle brackets.
pub(super) fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let kept = match letter {
            '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            '`' => code_span(rest),
            '[' => url_link(rest),
            '<' => bracketed_url(rest),
            _ => 0,
        };
        if kept > 0 {
            let (kept, after) = rest.split_at(kept);
            let is_url = letter == '<';
            escaped.push_str(if is_url {
                kept.trim_matches(['<', '>'])
            } else {
                kept
            });
            rest = after;
            continue;
        }
        let after = &rest[letter.len_utf8()..];
        if is_markup(letter, after) {
            escaped.push('\\');
        }
        escaped.push(letter);
        rest = after;
    }
    escaped
}

fn is_markup(letter: char, after: &str) -> bool {
    match letter {
        '[' | ']' => true,
        '<' => after.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)),
        _ => false,
    }
}

/// The length of the code span that begins the text, or 0.
fn code_span(text: &str) -> usize {
    let marks = text.len() - text.trim_start_matches('`').len();
    let (mark, inside) = text.split_at(marks);
    inside.find(mark).map_or(0, |end| end + 2 * marks)
}

/// The length of the `[text](https://...)` that begins the text, or 0.
fn url_link(text: &str) -> usize {
    let Some(end) = text.find(')') else { return 0 };
    let link = &text[..=end];
    match link[1..].split_once("](") {
        Some((name, target)) if !name.contains(['[', ']']) && is_url(target) => link.len(),
        _ => 0,
    }
}

/// The length of the `<https://...>` that begins the text, or 0.
fn bracketed_url(text: &str) -> usize {
    match text.find('>') {
        Some(end) if is_url(&text[1..end]) && !text[..end].contains(' ') => end + 1,
        _ => 0,
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angle_brackets_are_no_html() {
        assert_eq!(
            escape("map<string, int> and 1 < 2"),
            "map\\<string, int> and 1 < 2"
        );
        assert_eq!(escape("see <https://a.b/c>."), "see https://a.b/c.");
    }

    #[test]
    fn square_brackets_are_no_links_to_items() {
        assert_eq!(
            escape("[a], [b][] and [c](d)"),
            "\\[a\\], \\[b\\]\\[\\] and \\[c\\](d)"
        );
        assert_eq!(escape("[a](https://b.c)"), "[a](https://b.c)");
    }

    #[test]
    fn code_and_escapes_stay() {
        assert_eq!(escape("`a<b>` and ``c`<d>``"), "`a<b>` and ``c`<d>``");
        assert_eq!(escape("\\<a> \\[b\\]"), "\\<a> \\[b\\]");
    }

    #[test]
    fn a_lone_mark_begins_no_code() {
        assert_eq!(escape("` <a>"), "` \\<a>");
    }

    #[test]
    fn any_letters_are_kept() {
        assert_eq!(escape("größer \\"), "größer \\");
    }
}

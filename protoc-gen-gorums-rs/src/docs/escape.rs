//! Escapes text that its author did not mean as markup.

/// The prose without HTML and without links to Rust items, and with angle brackets around bare URLs.
///
/// Code, links to URLs and text that is already escaped stay as they are.
pub(super) fn escape(prose: &str) -> String {
    let mut escaped = String::with_capacity(prose.len());
    let mut rest = prose;
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
            escaped.push_str(kept);
            rest = after;
            continue;
        }
        let url = bare_url(rest);
        if url > 0 && !escaped.ends_with(char::is_alphanumeric) {
            let (url, after) = rest.split_at(url);
            escaped.extend(["<", url, ">"]);
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

/// The length of the code span at the beginning of the text, or of its marks if nothing ends it.
fn code_span(text: &str) -> usize {
    let count = |text: &str| text.len() - text.trim_start_matches('`').len();
    let marks = count(text);
    let mut end = marks;
    while let Some(next) = text[end..].find('`') {
        end += next;
        let others = count(&text[end..]);
        end += others;
        if others == marks {
            return end;
        }
    }
    marks
}

/// The length of the URL that begins the text, without punctuation after it, or 0.
fn bare_url(text: &str) -> usize {
    if !is_url(text) {
        return 0;
    }
    let is_end = |c: char| c.is_whitespace() || "()<>\"`\\".contains(c);
    let url = text.split(is_end).next().unwrap_or_default();
    let is_after = |c: char| ".,;:!?'*_~|".contains(c) || (c == ']' && !url.contains('['));
    let url = url.trim_end_matches(is_after);
    if is_url(url) { url.len() } else { 0 }
}

/// The length of the `[text](https://...)` that begins the text, or 0.
fn url_link(text: &str) -> usize {
    let Some(end) = text.find(')') else { return 0 };
    let link = &text[..=end];
    match link[1..end].split_once("](") {
        Some((name, target)) if !name.contains(['[', ']']) && is_whole_url(target) => link.len(),
        _ => 0,
    }
}

/// The length of the `<https://...>` that begins the text, or 0.
fn bracketed_url(text: &str) -> usize {
    match text.find('>') {
        Some(end) if is_url(&text[1..end]) && !text[..end].contains(char::is_whitespace) => end + 1,
        _ => 0,
    }
}

fn is_whole_url(text: &str) -> bool {
    is_url(text) && bare_url(text) == text.len()
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
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
        assert_eq!(escape("see <https://a.b/c>."), "see <https://a.b/c>.");
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
    fn code_ends_with_as_many_marks_as_it_begins_with() {
        assert_eq!(escape("` <a>"), "` \\<a>");
        assert_eq!(escape("`a``<b>`[c]"), "`a``<b>`\\[c\\]");
        assert_eq!(escape("`` `<a>"), "`` `\\<a>");
        assert_eq!(escape("`a\n<b>`"), "`a\n<b>`");
    }

    #[test]
    fn bare_urls_are_links_without_the_punctuation_after_them() {
        assert_eq!(
            escape("See https://a.b/c_d, (http://e)."),
            "See <https://a.b/c_d>, (<http://e>)."
        );
        assert_eq!(
            escape("`https://a.b`, https://!"),
            "`https://a.b`, https://!"
        );
        assert_eq!(escape("xhttps://a.b"), "xhttps://a.b");
    }

    #[test]
    fn any_letters_are_kept() {
        assert_eq!(escape("größer \\"), "größer \\");
    }
}

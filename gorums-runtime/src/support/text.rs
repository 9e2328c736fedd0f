//! Bounds texts whose length a peer decides.

/// How many bytes of a decode error's text are kept.
pub(crate) const DECODE_ERROR: usize = 512;

/// The share of the beginning in what is kept of a text. The rest is its end, because errors often name their cause
/// last.
const BEGINNING: f64 = 0.75;

/// Returns the bounded text of a decode error, which names a field per level of nesting that the peer chose.
pub(crate) fn decode_error(error: &prost::DecodeError) -> String {
    cut(error.to_string(), DECODE_ERROR)
}

/// Shortens a text to at most `most` bytes: to its beginning and its end, with a mark between them that says how many
/// bytes are missing. The mark itself is never shortened.
pub(crate) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    // The mark is longest if all of the text is missing.
    let kept = most.saturating_sub(mark(text.len()).len());
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let most_of_beginning = (kept as f64 * BEGINNING) as usize;
    let beginning = (0..=most_of_beginning).rfind(is_boundary).unwrap_or(0);
    let rest = text.len() - (kept - beginning);
    let end = (rest..text.len()).find(is_boundary).unwrap_or(text.len());
    let (first, last) = (&text[..beginning], &text[end..]);
    format!("{first}{}{last}", mark(end - beginning))
}

fn mark(bytes: usize) -> String {
    format!(" [{bytes} bytes cut] ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_the_bound_stays_as_it_is() {
        assert_eq!(cut("ä".repeat(50), 100), "ä".repeat(50));
        assert_eq!(cut(String::new(), 0), "");
    }

    #[test]
    fn a_longer_text_keeps_its_beginning_and_its_end_and_says_what_is_cut() {
        let text = format!("begin {} end", "x".repeat(1000));
        let short = cut(text, 60);
        assert!(short.len() <= 60, "{short}");
        assert!(short.starts_with("begin xxx"), "{short}");
        assert!(short.ends_with("x end"), "{short}");
        assert!(short.contains(" bytes cut] "), "{short}");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for most in 20..60 {
            let short = cut("€".repeat(1000), most);
            assert!(short.len() <= most.max(mark(3000).len()), "{short}");
            assert_eq!(cut(short.clone(), most.max(short.len())), short);
        }
    }
}

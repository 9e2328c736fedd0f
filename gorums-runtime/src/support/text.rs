//! Bounds on texts that grow with what others send.

/// How many bytes of the text of a decode error are kept.
pub(crate) const DECODE_ERROR: usize = 512;

/// How much of a text's share is its beginning; the rest is its end. Errors often name their cause last.
const BEGINNING: f64 = 0.75;

/// The text of a decode error. It names a field per level of nesting, which a peer chooses.
pub(crate) fn decode_error(error: &prost::DecodeError) -> String {
    cut(error.to_string(), DECODE_ERROR)
}

/// The text, or its beginning and its end, with a mark between them that says how much is left out. It has at most
/// `most` bytes, or as many as the mark.
pub(crate) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    // The mark is longest if all of the text is left out.
    let kept = most.saturating_sub(mark(text.len()).len());
    let beginning = text.floor_char_boundary((kept as f64 * BEGINNING) as usize);
    let end = text.ceil_char_boundary(text.len() - (kept - beginning));
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

//! Doc comments.

use proc_macro2::TokenStream;
use quote::quote;

/// The lines as a doc comment.
pub(super) fn doc<S: AsRef<str>>(lines: &[S]) -> TokenStream {
    let lines = lines.iter().map(|line| match line.as_ref() {
        "" => String::new(),
        line => format!(" {line}"),
    });
    quote!(#(#[doc = #lines])*)
}

/// The lines of the comments, as prost-build would write them.
pub(super) fn lines(comments: &prost_build::Comments) -> Vec<String> {
    // Detached comments are about something else.
    let comments = prost_build::Comments {
        leading_detached: Vec::new(),
        ..comments.clone()
    };
    let mut text = String::new();
    comments.append_with_indent(0, &mut text);
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("///").unwrap_or(line));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_escaped_and_without_marks() {
        let comments = prost_build::Comments {
            leading_detached: vec![vec![" elsewhere".to_owned()]],
            leading: vec![" see [x]".to_owned(), String::new(), "  more".to_owned()],
            trailing: vec![" after".to_owned()],
        };
        assert_eq!(lines(&comments), ["see \\[x\\]", "", "  more", "", "after"]);
    }
}

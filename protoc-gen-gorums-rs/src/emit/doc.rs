//! Doc comments.

use proc_macro2::TokenStream;
use quote::quote;

/// The lines as a doc comment.
pub(super) fn doc<S: AsRef<str>>(lines: &[S]) -> TokenStream {
    let lines = lines.iter().map(|line| indented(line.as_ref()));
    quote!(#(#[doc = #lines])*)
}

/// The line with a space before it, unless it is empty.
pub(super) fn indented(line: &str) -> String {
    match line {
        "" => String::new(),
        line => format!(" {line}"),
    }
}

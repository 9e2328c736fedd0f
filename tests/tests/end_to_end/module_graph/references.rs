use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Item;

/// The paths that are written in `item`, as they are written: of a `use` in a function, of types, and inside of macros.
///
/// Names that stand alone are paths of one name.
pub(super) fn references(item: &Item) -> Vec<Vec<String>> {
    paths(item.to_token_stream())
}

/// The paths that are written in the tokens.
pub(crate) fn paths(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    collect(tokens, &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 {
                    found.extend(finished(&mut path));
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                found.extend(finished(&mut path));
                collect(group.stream(), found);
            }
            _ => {
                found.extend(finished(&mut path));
                colons = 0;
            }
        }
    }
    found.extend(finished(&mut path));
}

fn finished(path: &mut Vec<String>) -> Option<Vec<String>> {
    (!path.is_empty()).then(|| std::mem::take(path))
}

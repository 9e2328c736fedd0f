//! The Rust type of a message, seen from the module of a service.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;

/// The Rust type of a message, seen from the module of a service.
#[derive(Clone, Debug)]
pub(crate) struct RustType {
    tokens: TokenStream,
    reference: TokenStream,
}

impl RustType {
    /// Converts the path of a type from prost-build, which is relative to the package's module, absolute, or not a path at
    /// all. `prost_path` is where the generated code finds prost.
    pub(crate) fn new(path: &str, prost_path: &str) -> Result<Self, syn::Error> {
        let parsed: Type = syn::parse_str(path)?;
        let is_absolute = match &parsed {
            Type::Path(path) => {
                path.path.leading_colon.is_some()
                    || path
                        .path
                        .segments
                        .first()
                        .is_some_and(|first| first.ident == "crate")
                    || path
                        .path
                        .get_ident()
                        .is_some_and(|only| is_primitive(&only.to_string()))
            }
            _ => true,
        };
        let tokens = if is_absolute {
            parsed.to_token_stream()
        } else {
            quote!(super::#parsed)
        };
        let reference = slice(path, prost_path).unwrap_or_else(|| quote!(&#tokens));
        Ok(Self { tokens, reference })
    }

    /// The type of a reference to it, as functions take it.
    pub(crate) fn reference(&self) -> &TokenStream {
        &self.reference
    }
}

/// The type of a reference to strings or bytes, for which clippy wants slices; `None` for other types.
fn slice(path: &str, prost_path: &str) -> Option<TokenStream> {
    match path.strip_prefix(prost_path)? {
        "::alloc::string::String" => Some(quote!(&str)),
        "::alloc::vec::Vec<u8>" => Some(quote!(&[u8])),
        _ => None,
    }
}

/// Whether it is a type that prost uses for the wrappers of `google.protobuf`.
fn is_primitive(name: &str) -> bool {
    matches!(name, "bool" | "f32" | "f64" | "i32" | "i64" | "u32" | "u64")
}

impl ToTokens for RustType {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_are_seen_from_inside() {
        for (path, expected) in [
            ("State", "super :: State"),
            ("super::types::State", "super :: super :: types :: State"),
            ("outer::r#type::Inner", "super :: outer :: r#type :: Inner"),
            ("::prost_types::Any", ":: prost_types :: Any"),
            ("crate::a::B", "crate :: a :: B"),
            (
                "::prost::alloc::vec::Vec<u8>",
                ":: prost :: alloc :: vec :: Vec < u8 >",
            ),
            ("()", "()"),
            ("u64", "u64"),
        ] {
            assert_eq!(
                RustType::new(path, "::prost")
                    .unwrap()
                    .to_token_stream()
                    .to_string(),
                expected
            );
        }
    }

    #[test]
    fn strings_and_bytes_are_borrowed_as_slices() {
        for (path, prost_path, expected) in [
            ("State", "::prost", "& super :: State"),
            ("u64", "::prost", "& u64"),
            ("::prost::alloc::string::String", "::prost", "& str"),
            ("::prost::alloc::vec::Vec<u8>", "::prost", "& [u8]"),
            ("::a::prost::alloc::vec::Vec<u8>", "::a::prost", "& [u8]"),
            (
                "::a::alloc::string::String",
                "::prost",
                "& :: a :: alloc :: string :: String",
            ),
        ] {
            let of = RustType::new(path, prost_path).unwrap();
            assert_eq!(of.reference().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_type_is_an_error() {
        assert!(RustType::new("a b", "::prost").is_err());
    }
}

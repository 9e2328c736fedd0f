//! Moves deprecated types to a module that may use them.

use proc_macro2::{Group, Literal, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Item, parse_quote};

/// The module that the types are moved to. No element of a proto has such a name in Rust.
const MODULE: &str = "deprecated_";

/// Moves the deprecated types among the items to a private module that allows their use, and re-exports them. The code
/// that prost derives for a type uses the type, and takes no attribute that would allow it.
pub(super) fn wrap(items: Vec<Item>) -> Result<Vec<Item>, syn::Error> {
    let mut wrapped = Vec::with_capacity(items.len() + 2);
    let mut moved = Vec::new();
    let mut names = Vec::new();
    for item in items {
        match item {
            Item::Struct(item) if is_deprecated(&item.attrs) => {
                names.push(item.ident.clone());
                moved.push(deeper(item.to_token_stream(), false));
            }
            Item::Enum(item) if is_deprecated(&item.attrs) => {
                names.push(item.ident.clone());
                moved.push(deeper(item.to_token_stream(), false));
            }
            Item::Mod(mut module) => {
                if let Some((brace, inner)) = module.content {
                    module.content = Some((brace, wrap(inner)?));
                }
                wrapped.push(Item::Mod(module));
            }
            other => wrapped.push(other),
        }
    }
    if names.is_empty() {
        return Ok(wrapped);
    }
    for item in &mut wrapped {
        if let Item::Impl(item) = item
            && let syn::Type::Path(of) = &*item.self_ty
            && names.iter().any(|name| of.path.is_ident(name))
        {
            item.attrs.push(parse_quote!(#[allow(deprecated)]));
        }
    }
    let module = syn::Ident::new(MODULE, proc_macro2::Span::call_site());
    wrapped.push(syn::parse2(quote! {
        #[allow(deprecated)]
        pub use #module::{#(#names),*};
    })?);
    wrapped.push(syn::parse2(quote! {
        #[allow(deprecated, unused_imports)]
        mod #module {
            use super::*;
            #(#moved)*
        }
    })?);
    Ok(wrapped)
}

fn is_deprecated(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("deprecated"))
}

/// The tokens with paths as seen from an inner module. In prost's attributes, paths are in strings.
fn deeper(tokens: TokenStream, in_attribute: bool) -> TokenStream {
    let mut result = TokenStream::new();
    let (mut before, mut last) = (String::new(), String::new());
    for token in tokens {
        let text = token.to_string();
        match token {
            TokenTree::Ident(ident) if ident == "super" && last != ":" => {
                result.extend(quote!(super::#ident));
            }
            TokenTree::Group(group) => {
                let inner = deeper(group.stream(), last == "prost" && before != ":");
                result.extend([TokenTree::Group(Group::new(group.delimiter(), inner))]);
            }
            TokenTree::Literal(literal) if in_attribute && before == "default" => {
                result.extend([TokenTree::Literal(literal)]);
            }
            TokenTree::Literal(literal) if in_attribute => {
                let deeper = [
                    ("\"super::", "\"super::super::"),
                    ("(super::", "(super::super::"),
                ];
                let text = deeper
                    .iter()
                    .fold(text.clone(), |text, (from, to)| text.replace(from, to));
                result.extend([TokenTree::Literal(
                    text.parse::<Literal>().unwrap_or(literal),
                )]);
            }
            other => result.extend([other]),
        }
        before = std::mem::replace(&mut last, text);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deprecated_types_are_seen_where_they_were_and_see_the_same() {
        let file: syn::File = parse_quote! {
            #[deprecated]
            #[derive(::prost::Message)]
            pub struct Old {
                /// Of super::A.
                #[prost(message, optional, tag = "1")]
                pub a: Option<super::super::A>,
                #[prost(map = "string, enumeration(super::E)", tag = "2")]
                pub b: HashMap<String, i32>,
                #[prost(string, tag = "3", default = "super::")]
                pub c: old::C,
            }
            impl Name for Old {}
            pub struct New;
        };
        let items = wrap(file.items).expect("Rust code");
        let expected: syn::File = parse_quote! {
            #[allow(deprecated)]
            impl Name for Old {}
            pub struct New;
            #[allow(deprecated)]
            pub use deprecated_::{Old};
            #[allow(deprecated, unused_imports)]
            mod deprecated_ {
                use super::*;
                #[deprecated]
                #[derive(::prost::Message)]
                pub struct Old {
                    /// Of super::A.
                    #[prost(message, optional, tag = "1")]
                    pub a: Option<super::super::super::A>,
                    #[prost(map = "string, enumeration(super::super::E)", tag = "2")]
                    pub b: HashMap<String, i32>,
                    #[prost(string, tag = "3", default = "super::")]
                    pub c: old::C,
                }
            }
        };
        let text = |items: &[Item]| quote!(#(#items)*).to_string();
        assert_eq!(text(&items), text(&expected.items));
    }

    #[test]
    fn other_items_stay_as_they_are() {
        let file: syn::File = parse_quote! {
            pub struct New;
            pub mod new {
                pub enum E {}
            }
        };
        let before = quote!(#file).to_string();
        let items = wrap(file.items).expect("Rust code");
        assert_eq!(quote!(#(#items)*).to_string(), before);
    }
}

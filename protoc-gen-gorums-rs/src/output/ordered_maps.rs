//! Derives `Debug` for messages with ordered maps.

use syn::{Attribute, Field, Item, ItemStruct, parse_quote};

/// Gives messages that have `BTreeMap` fields the `Debug` of the standard library: prost's names `::prost` for such a field,
/// wherever prost is.
pub(super) fn derive_debug(items: &mut [Item]) {
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, inner)) = &mut module.content {
                    derive_debug(inner);
                }
            }
            Item::Struct(message) if has_ordered_map(message) && !skips_debug(message) => {
                message.attrs.push(parse_quote!(#[prost(skip_debug)]));
                message.attrs.push(parse_quote!(#[derive(Debug)]));
            }
            _ => {}
        }
    }
}

fn has_ordered_map(message: &ItemStruct) -> bool {
    let is_ordered_map = |field: &Field| any(&field.attrs, "btree_map");
    message.fields.iter().any(is_ordered_map)
}

fn skips_debug(message: &ItemStruct) -> bool {
    any(&message.attrs, "skip_debug")
}

/// Whether one of the attributes is `#[prost(name)]` or `#[prost(name = .., ..)]`.
fn any(attributes: &[Attribute], name: &str) -> bool {
    let prost = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("prost"));
    let mut lists = prost.filter_map(|attribute| attribute.meta.require_list().ok());
    lists.any(|list| {
        let first = list.tokens.clone().into_iter().next();
        first.is_some_and(|first| first.to_string() == name)
    })
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::File;

    use super::*;

    #[test]
    fn only_messages_with_ordered_maps_are_changed() {
        let mut file: File = parse_quote! {
            struct Plain {
                #[prost(map = "string, int32", tag = "1")]
                map: HashMap<String, i32>,
            }
            mod inner {
                #[prost(skip_debug)]
                struct Without {
                    #[prost(btree_map = "string, int32", tag = "1")]
                    map: BTreeMap<String, i32>,
                }
                struct Ordered {
                    #[prost(btree_map = "string, int32", tag = "1")]
                    map: BTreeMap<String, i32>,
                }
            }
        };
        let mut expected = file.clone();
        let Item::Mod(inner) = &mut expected.items[1] else {
            panic!("the module");
        };
        let (_, inner) = inner.content.as_mut().expect("its items");
        let Item::Struct(ordered) = &mut inner[1] else {
            panic!("the message");
        };
        ordered.attrs = vec![
            parse_quote!(#[prost(skip_debug)]),
            parse_quote!(#[derive(Debug)]),
        ];
        derive_debug(&mut file.items);
        let text = |file: File| file.into_token_stream().to_string();
        assert_eq!(text(file), text(expected));
    }
}

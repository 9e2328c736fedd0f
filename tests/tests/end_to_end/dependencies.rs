//! `docs/dependencies.md` lists the types of other crates that the runtime's public items name.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, TraitItem, Type, Visibility};

use crate::architecture::sources;
use crate::module_graph::crate_modules::flatten;
use crate::module_graph::references::paths;

/// What is not for users, or documentation only.
const LEFT_OUT: [&str; 4] = ["bench.rs", "codegen.rs", "fuzz.rs", "guide/"];

/// The crates of others that the runtime depends on, as paths name them.
fn crates() -> BTreeSet<String> {
    let manifest = include_str!("../../../gorums-runtime/Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("a table");
    let (dependencies, _) = dependencies.split_once("\n[").expect("another table");
    let names = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ']).next());
    let others = names.filter(|name| !name.starts_with("gorums-"));
    others.map(|name| name.replace('-', "_")).collect()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The tokens of an item's public parts, as far as they can name types.
fn public_parts(item: &Item, types: &BTreeSet<String>) -> Vec<proc_macro2::TokenStream> {
    let mut parts = Vec::new();
    let fields = |fields: &Fields, all: bool| -> Vec<_> {
        let fields = fields.iter().filter(|field| all || is_public(&field.vis));
        fields.map(|field| field.ty.to_token_stream()).collect()
    };
    match item {
        Item::Fn(item) if is_public(&item.vis) => parts.push(item.sig.to_token_stream()),
        Item::Type(item) if is_public(&item.vis) => parts.push(item.ty.to_token_stream()),
        Item::Struct(item) if is_public(&item.vis) => {
            parts.push(item.generics.to_token_stream());
            parts.extend(fields(&item.fields, false));
        }
        Item::Enum(item) if is_public(&item.vis) => {
            let variants = item.variants.iter();
            parts.extend(variants.flat_map(|variant| fields(&variant.fields, true)));
        }
        Item::Trait(item) if is_public(&item.vis) => {
            parts.push(item.supertraits.to_token_stream());
            parts.extend(item.items.iter().map(|item| match item {
                TraitItem::Fn(item) => item.sig.to_token_stream(),
                item => item.to_token_stream(),
            }));
        }
        Item::Impl(item) if is_type(&item.self_ty, types) => {
            parts.push(item.generics.to_token_stream());
            parts.extend(
                item.trait_
                    .as_ref()
                    .map(|(_, path, _)| path.to_token_stream()),
            );
            let is_trait = item.trait_.is_some();
            parts.extend(item.items.iter().filter_map(|item| match item {
                ImplItem::Fn(item) if is_trait || is_public(&item.vis) => {
                    Some(item.sig.to_token_stream())
                }
                ImplItem::Type(item) => Some(item.ty.to_token_stream()),
                _ => None,
            }));
        }
        _ => {}
    }
    parts
}

fn is_type(named: &Type, types: &BTreeSet<String>) -> bool {
    let Type::Path(named) = named else {
        return false;
    };
    let last = named.path.segments.last();
    last.is_some_and(|segment| types.contains(&segment.ident.to_string()))
}

/// The types of other crates in the public parts of the runtime, each with a file that names it.
fn named() -> BTreeMap<String, String> {
    let files: Vec<(String, syn::File)> = sources()
        .into_iter()
        .filter(|(name, _)| name.ends_with(".rs") && !name.ends_with("/tests.rs"))
        .filter(|(name, _)| !LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)))
        .map(|(name, text)| {
            let parsed = syn::parse_file(&text).expect("a source");
            (name, parsed)
        })
        .collect();
    let types: BTreeSet<String> = files
        .iter()
        .flat_map(|(_, file)| &file.items)
        .filter_map(|item| match item {
            Item::Enum(item) => is_public(&item.vis).then(|| item.ident.to_string()),
            Item::Struct(item) => is_public(&item.vis).then(|| item.ident.to_string()),
            _ => None,
        })
        .collect();

    let crates = crates();
    let mut named = BTreeMap::new();
    for (name, file) in &files {
        let mut imports = BTreeMap::new();
        for item in &file.items {
            if let Item::Use(item) = item {
                imports.extend(flatten(&item.tree, Vec::new()));
            }
        }
        let parts = file
            .items
            .iter()
            .flat_map(|item| public_parts(item, &types));
        for path in parts.flat_map(paths) {
            let (first, rest) = path.split_first().expect("a path has a name");
            let start = imports.get(first).cloned();
            let mut path = start.unwrap_or_else(|| vec![first.clone()]);
            path.extend_from_slice(rest);
            if path.len() > 1 && crates.contains(&path[0]) {
                named.insert(path.join("::"), name.clone());
            }
        }
    }
    named
}

#[test]
fn the_page_lists_the_types_of_other_crates() {
    let page = include_str!("../../../docs/dependencies.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let listed: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|path| path.contains("::"))
        .collect();
    let named = named();
    let missing: Vec<_> = named
        .iter()
        .filter(|(path, _)| !listed.contains(path.as_str()))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
    let gone: Vec<_> = listed
        .iter()
        .filter(|path| !named.contains_key(**path))
        .collect();
    assert!(gone.is_empty(), "on the page only: {gone:#?}");
}

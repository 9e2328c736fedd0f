use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::{Attribute, Item, ItemMod, Meta, UseTree, Visibility};

use super::Edges;
use super::references::references;

/// A path from the crate's root.
pub(super) type ModulePath = Vec<String>;

/// The modules of a crate, as its source declares them. What is only for its tests or its guide is left out.
#[derive(Default)]
pub(crate) struct CrateModules {
    modules: BTreeMap<ModulePath, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// The items that are defined here, modules left out.
    items: BTreeSet<String>,
    /// What `use` brings in, by the name that it has here.
    imports: BTreeMap<String, Import>,
    /// The paths that are written here outside of `use`, as they are written.
    paths: Vec<Vec<String>>,
}

struct Import {
    /// As it is written.
    path: Vec<String>,
    /// Whether it only gives a name to others (`pub use`), which is a use only if the module uses it, too.
    is_reexport: bool,
}

impl CrateModules {
    /// Reads the crate whose `lib.rs` is in `source`.
    pub(super) fn read(source: &Path) -> Self {
        let mut modules = Self::default();
        modules.read_file(source, "lib.rs", Vec::new());
        modules
    }

    /// Which names each file takes from each other file.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (at, module) in &self.modules {
            let imports = module.imports.values().filter(|import| !import.is_reexport);
            let used = imports.map(|import| &import.path).chain(&module.paths);
            for path in used.filter_map(|path| self.absolute(at, path)) {
                let Some((file, name)) = self.definition(&path, 0) else {
                    continue;
                };
                if file != module.file {
                    edges
                        .entry((module.file.clone(), file))
                        .or_default()
                        .insert(name);
                }
            }
        }
        edges
    }

    fn read_file(&mut self, source: &Path, file: &str, path: ModulePath) {
        let text =
            fs::read_to_string(source.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let folder = match file.rsplit_once('/') {
            _ if file == "lib.rs" => String::new(),
            Some((folder, "mod.rs")) => format!("{folder}/"),
            _ => format!("{}/", file.trim_end_matches(".rs")),
        };
        self.read_items(source, file, &folder, path, &parsed.items);
    }

    fn read_items(
        &mut self,
        source: &Path,
        file: &str,
        folder: &str,
        at: ModulePath,
        items: &[Item],
    ) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            if is_for_tests_or_the_guide(item_attributes(item)) {
                continue;
            }
            match item {
                Item::Mod(inner) => self.read_module(source, file, folder, &at, inner),
                Item::Use(item) => {
                    let is_reexport = !matches!(item.vis, Visibility::Inherited);
                    for (name, path) in flatten(&item.tree, Vec::new()) {
                        module.imports.insert(name, Import { path, is_reexport });
                    }
                }
                _ => {
                    module.items.extend(defined_name(item));
                    module.paths.extend(references(item));
                }
            }
        }
        self.modules.insert(at, module);
    }

    fn read_module(
        &mut self,
        source: &Path,
        file: &str,
        folder: &str,
        at: &ModulePath,
        module: &ItemMod,
    ) {
        let name = module.ident.to_string();
        let path: ModulePath = at.iter().cloned().chain([name.clone()]).collect();
        if let Some((_, items)) = &module.content {
            return self.read_items(source, file, &format!("{folder}{name}/"), path, items);
        }
        let flat = format!("{folder}{name}.rs");
        let nested = format!("{folder}{name}/mod.rs");
        let file = if source.join(&flat).exists() {
            flat
        } else {
            nested
        };
        self.read_file(source, &file, path);
    }

    /// `path` as written in the module `at`, from the crate's root; `None` for what is not the crate's.
    fn absolute(&self, at: &ModulePath, path: &[String]) -> Option<ModulePath> {
        if let Some(path) = relative_to(at, path) {
            return Some(path);
        }
        let (first, rest) = path.split_first()?;
        let mut child = at.clone();
        child.push(first.clone());
        let start = if self.modules.contains_key(&child) {
            child
        } else {
            let imported = &self.modules[at].imports.get(first)?.path;
            // A crate, or a name that is imported from it, has its own name.
            if imported.first() == Some(first) {
                return None;
            }
            self.absolute(at, imported)?
        };
        Some(start.into_iter().chain(rest.iter().cloned()).collect())
    }

    /// The file that defines what `path` names, and the name.
    fn definition(&self, path: &[String], depth: usize) -> Option<(String, String)> {
        assert!(depth < 16, "{path:?} is imported in circles");
        let mut at = ModulePath::new();
        for (index, name) in path.iter().enumerate() {
            let module = &self.modules[&at];
            at.push(name.clone());
            let is_last = index + 1 == path.len();
            let is_item =
                is_last && (module.items.contains(name) || module.imports.contains_key(name));
            // A function may have the name of the module that it is in.
            if !is_item && self.modules.contains_key(&at) {
                continue;
            }
            at.pop();
            if module.items.contains(name) {
                return Some((module.file.clone(), name.clone()));
            }
            let import = module.imports.get(name)?;
            let rest = path[index + 1..].iter().cloned();
            let path: ModulePath = self
                .absolute(&at, &import.path)?
                .into_iter()
                .chain(rest)
                .collect();
            return self.definition(&path, depth + 1);
        }
        None
    }
}

/// `path`, if it begins with `crate`, `self` or `super`, from the crate's root.
fn relative_to(at: &ModulePath, path: &[String]) -> Option<ModulePath> {
    let (first, mut rest) = path.split_first()?;
    let mut start = match first.as_str() {
        "crate" => Vec::new(),
        "self" => at.clone(),
        "super" => at[..at.len() - 1].to_vec(),
        _ => return None,
    };
    while rest.first().is_some_and(|name| name == "super") {
        start.pop();
        rest = &rest[1..];
    }
    Some(start.into_iter().chain(rest.iter().cloned()).collect())
}

/// The names that a `use` brings in, with the paths that they stand for.
pub(crate) fn flatten(tree: &UseTree, mut path: Vec<String>) -> Vec<(String, Vec<String>)> {
    match tree {
        UseTree::Path(tree) => {
            path.push(tree.ident.to_string());
            flatten(&tree.tree, path)
        }
        UseTree::Name(tree) if tree.ident == "self" => {
            vec![(path.last().cloned().unwrap_or_default(), path)]
        }
        UseTree::Name(tree) => {
            path.push(tree.ident.to_string());
            vec![(tree.ident.to_string(), path)]
        }
        UseTree::Rename(tree) => {
            if tree.ident != "self" {
                path.push(tree.ident.to_string());
            }
            vec![(tree.rename.to_string(), path)]
        }
        UseTree::Group(tree) => tree
            .items
            .iter()
            .flat_map(|tree| flatten(tree, path.clone()))
            .collect(),
        UseTree::Glob(_) => {
            let is_own = matches!(
                path.first().map(String::as_str),
                Some("crate" | "self" | "super")
            );
            assert!(!is_own, "a glob import hides what is used: {path:?}");
            Vec::new()
        }
    }
}

/// The guide uses the crate as others do.
fn is_for_tests_or_the_guide(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
            _ => return false,
        };
        condition == "test" || condition.contains("\"_guide\"")
    })
}

fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => {
            // What pin-project's macro defines is inside of it.
            let tokens: Vec<String> = item
                .mac
                .tokens
                .clone()
                .into_iter()
                .map(|token| token.to_string())
                .collect();
            let keyword = tokens
                .iter()
                .position(|token| token == "struct" || token == "enum");
            return keyword.and_then(|at| tokens.get(at + 1).cloned());
        }
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

//! The page on the runtime's architecture says what the sources are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::module_graph::{folder, runtime};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/architecture.md")).expect("the page is there")
}

/// What is between backticks on the page, but not in its code blocks.
fn names(page: &str) -> Vec<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

/// All sources of the runtime, by their paths from `gorums-runtime/src`.
pub(crate) fn sources() -> BTreeMap<String, String> {
    fn read(folder: &Path, source: &Path, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                read(&path, source, files);
            } else {
                let name = path.strip_prefix(source).expect("it is inside");
                let text = fs::read_to_string(&path).expect("a source");
                files.insert(name.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    let source = root().join("gorums-runtime/src");
    let mut files = BTreeMap::new();
    read(&source, &source, &mut files);
    files
}

#[test]
fn every_file_and_folder_on_the_page_is_there() {
    let (page, root) = (page(), root());
    let is_path = |name: &&str| name.ends_with('/') || name.ends_with(".rs");
    let paths: Vec<&str> = names(&page).into_iter().filter(is_path).collect();
    assert!(paths.len() > 50, "{} paths", paths.len());
    for path in paths {
        let candidates = [root.join("gorums-runtime/src").join(path), root.join(path)];
        let is_there = candidates.iter().any(|path| path.exists());
        assert!(is_there, "{path} is not there");
    }
}

#[test]
fn every_function_on_the_page_is_in_the_file_that_follows_it() {
    let (page, sources) = (page(), sources());
    let hops = page
        .lines()
        .skip_while(|line| !line.starts_with("## A quorum call"));
    let hops: Vec<&str> = hops
        .take_while(|line| !line.starts_with("## Locks"))
        .collect();
    let hops = hops.join("\n");
    let names = names(&hops);
    let mut checked = 0;
    for (at, name) in names.iter().enumerate() {
        let Some((owner, function)) = name.split_once("::") else {
            continue;
        };
        let defines = |text: &String| {
            text.contains(&format!("fn {function}(")) || text.contains(&format!("fn {function}<"))
        };
        let file = names.get(at + 1).filter(|next| next.ends_with(".rs"));
        match file.and_then(|file| sources.get(*file)) {
            Some(text) => assert!(defines(text), "{name} is not in {file:?}"),
            None => {
                let owns = |text: &&String| text.contains(owner) && defines(text);
                assert!(
                    sources.values().any(|text| owns(&text)),
                    "there is no {name}"
                );
            }
        }
        checked += 1;
    }
    assert!(checked > 40, "{checked} functions");
}

#[test]
fn folders_import_those_below_them_on_the_page_only() {
    let page = page();
    let rows = |heading: &str| -> Vec<Vec<&str>> {
        let rest = page.split_once(heading).expect("the heading").1;
        let table = rest.lines().skip_while(|line| !line.starts_with("| `"));
        let table = table.take_while(|line| line.starts_with("| `"));
        let first = table.map(|row| row.split('|').nth(1).expect("a cell"));
        let cells = first.map(|cell| {
            names(cell)
                .into_iter()
                .map(|name| name.trim_end_matches('/'))
        });
        cells.map(Iterator::collect).collect()
    };
    let client = rows("## The folders");
    let server = rows("The server stands beside");
    let shared = client.iter().position(|row| row.contains(&"wire"));
    let shared = shared.expect("the wire format has a row");
    // The server is above the wire format, and beside the client, but for its calls to clients.
    let for_clients = ["clients", "configuration", "node", "node_stream"].map(|it| vec![it]);
    let server_rows: Vec<Vec<&str>> = server
        .into_iter()
        .chain(for_clients)
        .chain(client[shared..].to_vec())
        .collect();
    let mut checked = 0;
    for ((from, to), taken) in &runtime().edges() {
        let (from, to) = (folder(from), folder(to));
        let is_server = from.starts_with("server");
        let layers = if is_server { &server_rows } else { &client };
        let level = |folder: &str| layers.iter().position(|row| row.contains(&folder));
        // Files for benchmarks, fuzzing and generated code see everything.
        let Some(level_of_user) = level(from) else {
            let is_outside = ["lib.rs", "codegen.rs", "bench.rs", "fuzz.rs"].contains(&from);
            assert!(is_outside, "{from} is not on the page");
            continue;
        };
        // Systems, interceptors, and what tests are made of, concern servers, too.
        let is_both = ["interceptors", "system", "testing"].contains(&from);
        if from == to || is_both && to.starts_with("server") {
            continue;
        }
        let used = level(to);
        let used =
            used.unwrap_or_else(|| panic!("{from} uses {taken:?} of {to}, which is not below it"));
        let is_kind_of_call = layers[used].contains(&"quorum_call");
        assert!(
            level_of_user < used || level_of_user == used && is_kind_of_call,
            "{from} uses {taken:?} of {to}, which is not below it on the page"
        );
        checked += 1;
    }
    assert!(checked > 200, "{checked} uses");
}

//! The links between the pages of the documentation, and the protos that the guide shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The pages on GitHub, by which links in the guide lead to what is not in its package.
const ON_GITHUB: &str = "https://github.com/gorums-rs/gorums-rs/blob/main/";

fn root() -> PathBuf {
    normalised(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

/// The path without `..`.
fn normalised(path: &Path) -> PathBuf {
    let mut normalised = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normalised.pop()),
            component => normalised.push(component),
        }
    }
    normalised
}

/// Reads all Markdown files below the folder.
fn read(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            read(&path, pages);
        } else if name.ends_with(".md") {
            let text = fs::read_to_string(&path).expect("a page");
            pages.insert(path, text);
        }
    }
}

#[derive(Default)]
struct Page {
    links: BTreeSet<String>,
    anchors: BTreeSet<String>,
}

impl Page {
    fn of(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors
                        .extend(heading.take().map(|heading| slug(&heading)));
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    page.links.insert(dest_url.into_string());
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// Whether the link, in a page that is also a crate's documentation, names an item: rustdoc checks that.
fn is_item(link: &str) -> bool {
    link.chars()
        .all(|letter| letter.is_alphanumeric() || "_:".contains(letter))
}

/// The anchor that GitHub and rustdoc give to a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter => letter
            .is_alphanumeric()
            .then(|| letter.to_ascii_lowercase()),
    });
    kept.collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut texts = BTreeMap::new();
    read(&root(), &mut texts);
    let pages: BTreeMap<&PathBuf, Page> = texts
        .iter()
        .map(|(path, text)| (path, Page::of(text)))
        .collect();
    let mut checked = 0;
    let mut broken = Vec::new();
    for (path, page) in &pages {
        let folder = path.parent().expect("a page is in a folder");
        for link in &page.links {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file.strip_prefix(ON_GITHUB) {
                Some(file) => root().join(file),
                None if file.contains(':') => continue,
                None if file.is_empty() => path.to_path_buf(),
                None => normalised(&folder.join(file)),
            };
            let has_anchor = pages
                .get(&target)
                .is_none_or(|page| anchor.is_empty() || page.anchors.contains(anchor));
            if !(target.exists() && has_anchor || !target.exists() && is_item(file)) {
                broken.push(format!("{}: {link}", path.display()));
            }
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} links");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_proto_in_the_guide_is_part_of_its_service() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let guide = root().join("gorums-runtime/src/guide");
    let proto = fs::read_to_string(guide.join("example/storage.proto")).expect("a proto");
    let mut texts = BTreeMap::new();
    read(&guide, &mut texts);
    let mut checked = 0;
    for (path, text) in &texts {
        for block in text.split("```proto\n").skip(1) {
            let (example, _) = block.split_once("```").expect("a block ends");
            let is_part = words(&proto).contains(&words(example));
            assert!(is_part, "{}:\n{example}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 1, "{checked} protos");
}

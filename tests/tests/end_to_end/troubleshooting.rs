//! The page on troubleshooting has the error texts of the runtime, and no others.

use std::collections::BTreeSet;
use std::fs;

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use syn::LitStr;

use crate::architecture::{root, sources};

/// Stands for a placeholder.
const PLACE: char = '…';

/// The texts in the first column of the page's tables.
fn texts() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let row = &row[2..];
        let ticks = row.len() - row.trim_start_matches('`').len();
        let fence = &row[..ticks];
        let text = row[ticks..].split(fence).next().expect("a text");
        text.trim().to_owned()
    })
    .collect()
}

/// All string literals of the runtime, and those that are the texts of errors.
#[derive(Default)]
struct Literals {
    all: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl Literals {
    fn add(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Literal(literal) => self.all.extend(text(literal)),
                TokenTree::Group(group) => {
                    let is_error = group.delimiter() == Delimiter::Parenthesis
                        && makes_an_error(&tokens[..at]);
                    if is_error {
                        self.errors.extend(first_text(group.stream()));
                    }
                    if !is_of_tests(&tokens[..at]) {
                        self.add(group.stream());
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

/// Whether the group after these tokens has the arguments of a new status or I/O error, or is an `error` attribute.
fn makes_an_error(before: &[TokenTree]) -> bool {
    let words: Vec<String> = before
        .iter()
        .rev()
        .take(4)
        .map(ToString::to_string)
        .collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["error"] => true,
        ["new" | "other", ":", ":", "Error"] => true,
        // What a status is made from has the text.
        ["from" | "from_error" | "from_header_map" | "of" | "ok", ..] => false,
        [_, ":", ":", "Status"] => true,
        _ => false,
    }
}

/// Whether the group after these tokens is a module of tests.
fn is_of_tests(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(module), TokenTree::Ident(tests)]
        if module == "mod" && tests == "tests")
}

/// The first string literal, whatever groups it is in.
fn first_text(tokens: TokenStream) -> Option<String> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Literal(literal) => text(&literal),
        TokenTree::Group(group) => first_text(group.stream()),
        TokenTree::Ident(_) | TokenTree::Punct(_) => None,
    })
}

/// The text of a string literal, with a mark for each of its placeholders.
fn text(literal: &Literal) -> Option<String> {
    let literal: LitStr = syn::parse_str(&literal.to_string()).ok()?;
    let mut text = String::new();
    let mut characters = literal
        .value()
        .chars()
        .collect::<Vec<_>>()
        .into_iter()
        .peekable();
    while let Some(character) = characters.next() {
        match character {
            '{' | '}' if characters.peek() == Some(&character) => {
                characters.next();
                text.push(character);
            }
            '{' => {
                characters.by_ref().find(|it| *it == '}');
                text.push(PLACE);
            }
            _ => text.push(character),
        }
    }
    Some(text)
}

fn literals() -> Literals {
    let mut literals = Literals::default();
    for (path, source) in &sources() {
        let is_for_users = path.ends_with(".rs")
            && !path.starts_with("guide/")
            && !["fuzz", "bench", "tests"].contains(&stem(path));
        if is_for_users {
            literals.add(source.parse().expect("a source"));
        }
    }
    literals
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.trim_end_matches(".rs")
}

#[test]
fn every_text_on_the_page_is_one_that_the_runtime_gives() {
    let (texts, literals) = (texts(), literals().all);
    assert!(texts.len() > 80, "{} texts", texts.len());
    let unknown: Vec<_> = texts.difference(&literals).collect();
    assert!(unknown.is_empty(), "not in the sources: {unknown:#?}");
}

#[test]
fn every_error_of_the_runtime_is_on_the_page() {
    let (texts, errors) = (texts(), literals().errors);
    assert!(errors.len() > 80, "{} errors", errors.len());
    let has_words = |text: &&&String| text.contains(' ');
    let missing: Vec<_> = errors
        .difference(&texts)
        .filter(|it| has_words(&it))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
}

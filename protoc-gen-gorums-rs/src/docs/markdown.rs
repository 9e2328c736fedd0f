//! Makes a proto's comments into documentation that rustdoc and clippy accept.
//!
//! Authors of protos do not write for rustdoc: what they indent would be compiled as a doctest, and what
//! they put in brackets would be taken for HTML or for links.

use super::escape::escape;

/// The comment without what rustdoc would misunderstand. prost-build puts a space before each line.
pub(super) fn clean(comment: &str) -> String {
    let mut cleaner = Cleaner::default();
    for line in comment.lines() {
        cleaner.line(line.strip_prefix(' ').unwrap_or(line).trim_end());
    }
    cleaner.finish()
}

#[derive(Default)]
struct Cleaner {
    lines: Vec<String>,
    block: Block,
}

/// What the line before belongs to.
#[derive(Clone, Copy, Default, PartialEq)]
enum Block {
    /// Nothing: it is empty, or the first one follows.
    #[default]
    None,
    Paragraph,
    /// An item of a list, whose text begins in this column, after an empty line or not.
    Item {
        column: usize,
        after_blank: bool,
    },
    /// Indented code, for which a fence has been opened.
    Code,
    /// A fenced block of the author's.
    Fence {
        mark: char,
    },
}

impl Cleaner {
    fn line(&mut self, line: &str) {
        let line = line.replace('\t', "    ");
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        if let Block::Fence { mark } = self.block {
            if fence_mark(text) == Some(mark) && text.trim_matches(mark).is_empty() {
                self.block = Block::None;
            }
            self.push(&line);
            return;
        }
        if text.is_empty() {
            self.blank();
            return;
        }
        if let Some(column) = self.code_column()
            && indent >= column
        {
            self.code(&line);
            return;
        }
        self.end_code();
        match (fence_mark(text), item_width(text), self.block) {
            (Some(mark), _, _) => {
                self.block = Block::Fence { mark };
                self.push(&format!("{}{}", &line[..indent], fence(text, mark)));
            }
            (None, Some(width), _) => {
                let indent = self.item_indent(indent);
                self.block = Block::Item {
                    column: indent + width,
                    after_blank: false,
                };
                self.push(&format!("{}{}", " ".repeat(indent), escape(text)));
            }
            // What continues an item belongs in its column: clippy wants neither less nor more.
            (
                None,
                None,
                Block::Item {
                    column,
                    after_blank,
                },
            ) if !after_blank || indent > 0 => {
                self.block = Block::Item {
                    column,
                    after_blank: false,
                };
                self.push(&format!("{}{}", " ".repeat(column), escape(text)));
            }
            _ => {
                self.block = Block::Paragraph;
                self.push(&escape(text));
            }
        }
    }

    fn blank(&mut self) {
        self.block = match self.block {
            Block::Paragraph => Block::None,
            Block::Item { column, .. } => Block::Item {
                column,
                after_blank: true,
            },
            other => other,
        };
        self.push("");
    }

    /// From which column on a line is code.
    fn code_column(&self) -> Option<usize> {
        match self.block {
            Block::None | Block::Code => Some(4),
            Block::Item {
                column,
                after_blank: true,
            } => Some(column + 4),
            Block::Item { .. } | Block::Paragraph | Block::Fence { .. } => None,
        }
    }

    fn code(&mut self, line: &str) {
        if self.block != Block::Code {
            self.push("```text");
            self.block = Block::Code;
        }
        self.push(line.get(4..).unwrap_or_default());
    }

    fn end_code(&mut self) {
        if self.block == Block::Code {
            let blanks = self
                .lines
                .iter()
                .rev()
                .take_while(|line| line.is_empty())
                .count();
            self.lines
                .insert(self.lines.len() - blanks, "```".to_owned());
            self.block = Block::None;
        }
    }

    /// An item that follows other text without being inside a list must not look like code.
    fn item_indent(&self, indent: usize) -> usize {
        match self.block {
            Block::Item { .. } => indent,
            _ => indent.min(3),
        }
    }

    fn push(&mut self, line: &str) {
        if !line.is_empty() || !self.lines.is_empty() {
            self.lines.push(line.to_owned());
        }
    }

    fn finish(mut self) -> String {
        self.end_code();
        if let Block::Fence { mark } = self.block {
            self.push(&mark.to_string().repeat(3));
        }
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        self.lines.join("\n")
    }
}

/// The letter of which the fence of a code block is made.
fn fence_mark(text: &str) -> Option<char> {
    ['`', '~']
        .into_iter()
        .find(|mark| text.starts_with(&mark.to_string().repeat(3)))
}

/// The beginning of a fenced block that rustdoc does not compile.
fn fence(text: &str, mark: char) -> String {
    let language = text.trim_start_matches(mark).trim();
    let marks = &text[..text.len() - text.trim_start_matches(mark).len()];
    if language.is_empty() {
        return format!("{marks}text");
    }
    let rust = [
        "rust",
        "should_panic",
        "no_run",
        "ignore",
        "compile_fail",
        "edition",
        "standalone",
    ];
    if rust.iter().any(|word| language.starts_with(word)) {
        return format!("{marks}rust,ignore");
    }
    text.to_owned()
}

/// For an item of a list, how wide its mark is.
fn item_width(text: &str) -> Option<usize> {
    if ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark)) {
        return Some(2);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = (1..=9).contains(&digits)
        && [". ", ") "]
            .iter()
            .any(|mark| text[digits..].starts_with(mark));
    numbered.then_some(digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(comment: &str, expected: &str) {
        assert_eq!(clean(comment), expected);
    }

    #[test]
    fn prose_stays_as_it_is() {
        check(
            " One line,\n and another.\n\n A second paragraph.\n",
            "One line,\nand another.\n\nA second paragraph.",
        );
    }

    #[test]
    fn lines_without_a_space_get_one_and_outer_blanks_go() {
        check("\nno space\n\n\n", "no space");
        check("\n \n", "");
    }

    #[test]
    fn indented_code_is_fenced_as_text() {
        check(
            " Before:\n\n     let x = 1;\n\n       y\n\n After.",
            "Before:\n\n```text\nlet x = 1;\n\n  y\n```\n\nAfter.",
        );
        check("     x", "```text\nx\n```");
    }

    #[test]
    fn indented_lines_of_a_paragraph_are_part_of_it() {
        check(" A line\n       goes on.", "A line\ngoes on.");
    }

    #[test]
    fn fenced_code_is_not_a_doctest() {
        check(" ```\n x\n ```", "```text\nx\n```");
        check(" ```rust\n x\n ```", "```rust,ignore\nx\n```");
        check(" ```proto\n x\n ```\n y", "```proto\nx\n```\ny");
        check(" ~~~\n x\n", "~~~text\nx\n~~~");
    }

    #[test]
    fn lists_are_continued_in_their_column() {
        check(
            " - an item\n that goes on\n - another\n       that does",
            "- an item\n  that goes on\n- another\n  that does",
        );
        check(
            " 1. an item\n goes on\n\n Prose.",
            "1. an item\n   goes on\n\nProse.",
        );
    }

    #[test]
    fn nested_items_keep_their_indentation() {
        check(
            " - outer\n   - inner\n     goes on",
            "- outer\n  - inner\n    goes on",
        );
    }
}

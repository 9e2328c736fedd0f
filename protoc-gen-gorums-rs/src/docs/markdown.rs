//! Makes a proto's comments into documentation that rustdoc and clippy accept.
//!
//! Authors of protos do not write for rustdoc. It would compile their indented text as doctests, and take their
//! brackets for HTML or links. Code stays as it is, whatever its language.

use super::escape::escape;
use super::line::{
    begins_list, closes, fence, is_heading, is_rule, item_width, printable, protect,
};

/// The comment's lines, without anything that rustdoc would misread.
pub(super) fn clean(comment: &str) -> Vec<String> {
    let mut cleaner = Cleaner::default();
    for line in comment.lines() {
        let line = printable(line);
        cleaner.line(line.strip_prefix(' ').unwrap_or(&line).trim_end());
    }
    cleaner.finish()
}

#[derive(Default)]
struct Cleaner {
    lines: Vec<String>,
    /// The columns in which the text of the open list items begins, from the outermost item on.
    items: Vec<usize>,
    block: Block,
}

/// The block that the previous line belongs to.
#[derive(Clone, Default, PartialEq)]
enum Block {
    /// No block that the next line could continue.
    #[default]
    None,
    /// A paragraph, possibly within an item, that begins with this line of the output.
    Paragraph { start: usize },
    /// Indented code that begins with this line of the output. This many spaces are removed from each line.
    Code { start: usize, indent: usize },
    /// A fenced block with this indentation.
    Fence { fence: String, indent: usize },
}

impl Cleaner {
    fn line(&mut self, line: &str) {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        match &self.block {
            Block::Fence {
                fence,
                indent: opened,
            } => {
                if indent < opened + 4 && closes(text, fence) {
                    let fence = fence.clone();
                    self.push(&fence);
                    self.block = Block::None;
                } else {
                    let cut = indent.min(*opened);
                    self.push(&line[cut..]);
                }
                return;
            }
            Block::Code { indent: cut, .. } if text.is_empty() || indent >= *cut => {
                let cut = (*cut).min(line.len());
                self.push(&line[cut..]);
                return;
            }
            _ => {}
        }
        if text.is_empty() {
            self.end_block();
            self.push("");
            return;
        }
        if matches!(self.block, Block::Code { .. }) {
            self.end_block();
        }
        self.block_line(line, text, indent);
    }

    /// A line that is neither empty nor in a block of code.
    fn block_line(&mut self, line: &str, text: &str, indent: usize) {
        let depth = self.items.partition_point(|column| *column <= indent);
        let base = depth.checked_sub(1).map_or(0, |last| self.items[last]);
        let in_paragraph = matches!(self.block, Block::Paragraph { .. });
        if indent >= base + 4 && !in_paragraph {
            self.items.truncate(depth);
            self.block = Block::Code {
                start: self.lines.len(),
                indent: base + 4,
            };
            self.push(&line[base + 4..]);
        } else if let Some(fence) = fence(text) {
            self.end_block();
            self.items.truncate(depth);
            self.open_fence(fence, indent);
        } else if is_rule(text) || is_heading(text) {
            self.end_block();
            self.items.truncate(depth);
            self.push(&escape(text));
        } else if let Some(width) = item_width(text)
            && !(in_paragraph && depth == self.items.len() && !begins_list(text))
        {
            let (mark, item) = text.split_at(width);
            let indent = indent + width + item.len() - item.trim_start().len();
            self.end_block();
            self.items.truncate(depth);
            self.item(
                mark,
                item.trim_start(),
                line.len() - text.len() - base,
                indent,
            );
        } else if in_paragraph {
            self.continue_paragraph(text);
        } else {
            self.items.truncate(depth);
            self.block = Block::Paragraph {
                start: self.lines.len(),
            };
            self.push(&protect(text));
        }
    }

    fn continue_paragraph(&mut self, text: &str) {
        match self.lines.last_mut() {
            // At the beginning of a line, `<` would begin HTML even inside code.
            Some(line) if text.starts_with('<') => line.extend([" ", text]),
            _ => self.push(&protect(text)),
        }
    }

    /// An item with this indentation within its parent item. Its text was indented by `text_indent`.
    fn item(&mut self, mark: &str, text: &str, indent: usize, text_indent: usize) {
        // A larger margin would make it code.
        let margin = self.column() + indent.min(3);
        let (mut marks, mut text, mut text_indent) = (mark.to_owned(), text, text_indent);
        let start = self.lines.len();
        self.items.push(margin + marks.len());
        while let Some(width) = item_width(text).filter(|_| !is_rule(text)) {
            let (mark, item) = text.split_at(width);
            text = item.trim_start();
            text_indent += width + item.len() - text.len();
            marks.push_str(mark);
            self.items.push(margin + marks.len());
        }
        let margin = " ".repeat(margin);
        if let Some(fence) = fence(text) {
            // An empty item cannot follow a paragraph.
            self.push("");
            let marks = match marks.trim_end() {
                // Several of these would be a horizontal rule.
                several if several.contains(' ') => several.replace(['-', '*'], "+"),
                mark => mark.to_owned(),
            };
            self.lines.push(format!("{margin}{marks}"));
            self.open_fence(fence, text_indent);
        } else if is_heading(text) || is_rule(text) {
            self.lines.push(format!("{margin}{marks}{}", escape(text)));
        } else {
            self.lines.push(format!("{margin}{marks}{}", protect(text)));
            self.block = Block::Paragraph { start };
        }
    }

    fn open_fence(&mut self, fence: &str, indent: usize) {
        self.push(&format!("{fence}text"));
        self.block = Block::Fence {
            fence: fence.to_owned(),
            indent,
        };
    }

    fn end_block(&mut self) {
        match std::mem::take(&mut self.block) {
            Block::None | Block::Fence { .. } => {}
            // Code and links may go on in the next line.
            Block::Paragraph { start } => {
                let text = escape(&self.lines.split_off(start).join("\n"));
                self.lines.extend(text.lines().map(str::to_owned));
            }
            Block::Code { start, .. } => {
                let mut after = self.lines.split_off(start);
                let blank = after.iter().rev().take_while(|line| line.is_empty());
                let blank = after.split_off(after.len() - blank.count());
                let longest = after.iter().map(|line| {
                    let code = line.trim_start();
                    code.len() - code.trim_start_matches('`').len()
                });
                let fence = "`".repeat(longest.max().unwrap_or(0).max(2) + 1);
                self.push(&format!("{fence}text"));
                self.lines.extend(after);
                self.push(&fence);
                self.lines.extend(blank);
            }
        }
    }

    /// The column in which the text of the innermost open item begins.
    fn column(&self) -> usize {
        self.items.last().copied().unwrap_or(0)
    }

    /// Adds a line to the open block.
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            if !self.lines.is_empty() {
                self.lines.push(String::new());
            }
            return;
        }
        let margin = " ".repeat(self.column());
        self.lines.push(format!("{margin}{text}"));
    }

    fn finish(mut self) -> Vec<String> {
        if let Block::Fence { fence, .. } = &self.block {
            let fence = fence.clone();
            self.push(&fence);
        }
        self.end_block();
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

    use super::*;

    fn check(comment: &str, expected: &str) {
        assert_eq!(clean(comment).join("\n"), expected);
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
        check(" ~~~rust\n x\n ~~~", "~~~text\nx\n~~~");
        check(" ```proto\n x\n ```\n y", "```text\nx\n```\ny");
        check(" ~~~\n x\n", "~~~text\nx\n~~~");
        check("     ~~~rust\n     x", "```text\n~~~rust\nx\n```");
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

    #[test]
    fn the_text_of_code_stays_as_it_is() {
        check(
            " ```\n a[0] < https://a.b\n   ~~~\n ```",
            "```text\na[0] < https://a.b\n  ~~~\n```",
        );
        check("     a[0]\n     ```", "````text\na[0]\n```\n````");
        check(" See `a[0]\n b[0]` here.", "See `a[0]\nb[0]` here.");
    }

    #[test]
    fn fences_end_where_they_would_for_rustdoc() {
        check(" ````\n ```\n x\n ````\n y", "````text\n```\nx\n````\ny");
        check(" ``` a ``` b", "``` a ``` b");
    }

    #[test]
    fn code_in_items_is_fenced_in_their_column() {
        check(
            " - a\n   ```\n x\n   y\n   ```\n   b",
            "- a\n  ```text\n  x\n  y\n  ```\n  b",
        );
        check(" - ```\n   x\n   ```", "-\n  ```text\n  x\n  ```");
        check(" - a\n\n       x", "- a\n\n  ```text\n  x\n  ```");
        check(" -     x", "- x");
    }

    #[test]
    fn quotations_are_text() {
        check(" > ```\n > x\n > ```", "\\> ```\n\\> x\n\\> ```");
    }

    #[test]
    fn tables_are_text() {
        check(
            " | `a[0] | b[0]` |\n |---|---|",
            "| `a[0] | b[0]` |\n\\|---|---|",
        );
    }

    #[test]
    fn what_rustc_refuses_in_comments_is_left_out() {
        check(" a\rb\x0bc\0d", "a b c d");
        check(" a\u{202e}b\u{2066}c", "abc");
        check(" a\tb", "a    b");
    }

    #[test]
    fn no_comment_gives_code_to_compile_or_html_or_links_to_items() {
        const PARTS: [&str; 40] = [
            "a",
            "a[0]",
            "`",
            "``",
            "```",
            "~~~",
            "````",
            "rust",
            "- ",
            "* ",
            "1. ",
            "2. ",
            "+ ",
            "> ",
            "\n",
            "\n",
            "\n",
            "\n\n",
            " ",
            "  ",
            "   ",
            "    ",
            "     ",
            "\t",
            "<b>",
            "<div>",
            "<!--",
            "[x](y)",
            "[a]: http://x.y",
            "https://a.b/c",
            "<https://q.r>",
            "# T",
            "---",
            "===",
            "* * *",
            "\\",
            "|",
            "(",
            ")",
            "[",
        ];
        for seed in 0..20_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let parts = (0..random.usize(1..30)).map(|_| PARTS[random.usize(..PARTS.len())]);
            let comment: String = parts.collect();
            let documentation = clean(&comment).join("\n");
            // rustdoc's parser, with the extensions that rustdoc turns on.
            let options = Options::ENABLE_TABLES
                | Options::ENABLE_FOOTNOTES
                | Options::ENABLE_STRIKETHROUGH
                | Options::ENABLE_TASKLISTS
                | Options::ENABLE_SMART_PUNCTUATION;
            for event in Parser::new_ext(&documentation, options) {
                let is_good = match &event {
                    Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                        &**language == "text"
                    }
                    Event::Start(Tag::CodeBlock(_)) | Event::Html(_) | Event::InlineHtml(_) => {
                        false
                    }
                    Event::Start(Tag::Link { dest_url, .. }) => dest_url.starts_with("http"),
                    _ => true,
                };
                assert!(is_good, "{comment:?} gives {event:?}:\n{documentation}");
            }
        }
    }
}

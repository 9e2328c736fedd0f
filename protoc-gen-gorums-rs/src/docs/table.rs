//! The documentation that placeholders stand for.

/// The documentation of all elements of a run. Generated code has placeholders for it until it is filled in.
#[derive(Debug, Default)]
pub(crate) struct Docs {
    texts: Vec<Text>,
}

/// The documentation that replaces a placeholder.
#[derive(Debug)]
struct Text {
    lines: Vec<String>,
    attributes: Vec<&'static str>,
}

/// The beginning of a placeholder; its number follows.
const PLACEHOLDER: &str = "gorums documentation ";

impl Docs {
    /// Stores the lines of an element's documentation and the attributes after them. Returns their placeholder.
    pub(super) fn add(&mut self, lines: Vec<String>, attributes: Vec<&'static str>) -> String {
        self.texts.push(Text { lines, attributes });
        format!("{PLACEHOLDER}{}", self.texts.len() - 1)
    }

    /// The lines whose placeholder the text is; `None` if it is something else.
    pub(crate) fn lines(&self, text: &str) -> Option<&[String]> {
        self.text(text).map(|text| text.lines.as_slice())
    }

    fn text(&self, placeholder: &str) -> Option<&Text> {
        let number = placeholder.trim().strip_prefix(PLACEHOLDER)?;
        self.texts.get(number.parse::<usize>().ok()?)
    }

    /// Replaces each placeholder in the code, a doc comment of its own, by the documentation.
    pub(crate) fn fill(&self, code: &str) -> String {
        let mut filled = String::with_capacity(code.len() * 2);
        for line in code.lines() {
            let text = line.trim_start();
            let documentation = text
                .strip_prefix("///")
                .and_then(|placeholder| self.text(placeholder));
            let Some(Text { lines, attributes }) = documentation else {
                filled.extend([line, "\n"]);
                continue;
            };
            let margin = &line[..line.len() - text.len()];
            for line in lines {
                let space = if line.is_empty() { "" } else { " " };
                filled.extend([margin, "///", space, line, "\n"]);
            }
            for attribute in attributes {
                filled.extend([margin, attribute, "\n"]);
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_with_their_indentation() {
        let mut docs = Docs::default();
        let first = docs.add(
            vec!["One.".to_owned(), String::new(), "  Two.".to_owned()],
            vec!["#[deprecated]"],
        );
        let second = docs.add(vec!["a[0]".to_owned()], Vec::new());
        let code = format!("/// {second}\nmod m {{\n    /// {first}\n    struct S;\n}}\n");
        let filled = "/// a[0]\nmod m {\n    /// One.\n    ///\n    ///   Two.\n    #[deprecated]\n    struct S;\n}\n";
        assert_eq!(docs.fill(&code), filled);
    }

    #[test]
    fn other_comments_are_no_placeholders() {
        let docs = Docs::default();
        for text in ["gorums documentation 0", "gorums documentation x", "text"] {
            assert_eq!(docs.lines(text), None);
        }
    }
}

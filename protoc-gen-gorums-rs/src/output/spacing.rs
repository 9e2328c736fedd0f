//! Empty lines between items, which prettyplease leaves out.

/// Puts an empty line between an item that ends with a brace and the next one.
pub(super) fn space_out(code: &str) -> String {
    let mut spaced = String::with_capacity(code.len() + code.len() / 32);
    let mut before = "";
    for line in code.lines() {
        if indent(before) == indent(line) && before.trim() == "}" && begins_item(line.trim_start())
        {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
        before = line;
    }
    spaced
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn begins_item(line: &str) -> bool {
    ["///", "#[", "pub ", "impl", "fn ", "async fn "]
        .iter()
        .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_apart_and_statements_are_not() {
        let code = "impl A {\n    fn a() {\n        if b {\n        }\n        c\n    }\n    fn d() {}\n}\nstruct A;\n";
        let spaced = "impl A {\n    fn a() {\n        if b {\n        }\n        c\n    }\n\n    fn d() {}\n}\nstruct A;\n";
        assert_eq!(space_out(code), spaced);
    }

    #[test]
    fn braces_of_other_depths_do_not_count() {
        let code = "mod a {\n    fn b() {\n    }\n}\n\n/// C.\nfn c() {}\n";
        let unspaced = code.replace("\n\n", "\n");
        assert_eq!(space_out(&unspaced), code);
    }
}

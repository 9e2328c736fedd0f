//! Adds empty lines between items, which prettyplease omits.

/// Puts an empty line between an item and the next one, and around a block of imports.
pub(super) fn space_out(code: &str) -> String {
    let mut spaced = String::with_capacity(code.len() + code.len() / 16);
    let mut before = "";
    for line in code.lines() {
        let begins = indent(before) == indent(line) && begins_item(line.trim_start());
        if begins && ends_item(before) && !belongs_to(line, before) {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
        before = line;
    }
    spaced
}

/// Whether a function follows the associated type that it returns. The two stay together.
fn belongs_to(line: &str, before: &str) -> bool {
    before.trim_start().starts_with("type ") && line.trim_start().starts_with("fn ")
}

/// Whether an item may end here. Fields end with a comma and stay together.
fn ends_item(line: &str) -> bool {
    line.trim_start().starts_with("#![")
        || (line.ends_with(';') && !line.trim_start().starts_with("//"))
        || line.trim_start() == "}"
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
    fn a_function_stays_with_the_type_that_it_returns() {
        let code = "mod a {\n    #![allow(dead_code)]\n\n    impl A for B {\n        type C = D;\n        fn e() {}\n    }\n}\n";
        let unspaced = code.replace("\n\n", "\n");
        assert_eq!(space_out(&unspaced), code);
    }

    #[test]
    fn only_items_of_the_same_depth_are_apart() {
        let code = "mod a {\n    use b;\n    use c;\n\n    /// D;\n    /// and so on.\n    struct D;\n}\n\n/// C.\nfn c() {}\n";
        let unspaced = code.replace("\n\n", "\n");
        assert_eq!(space_out(&unspaced), code);
    }
}

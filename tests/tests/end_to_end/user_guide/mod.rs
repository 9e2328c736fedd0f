//! The examples of the user guide, compiled and run.

mod calls;
mod interceptors;
mod nodes;
mod service;
mod serving;
mod systems;
mod testing;

use tests::generated::guide as storage;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Code without spaces, and without the commas that depend on line breaks.
fn normalised(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    let code = code.replace(",)", ")").replace(",}", "}");
    code.replace(",]", "]")
}

#[test]
fn every_example_of_the_guide_is_compiled_here() {
    let guide = include_str!("../../../../docs/user-guide.md");
    let here = normalised(concat!(
        include_str!("service.rs"),
        include_str!("calls.rs"),
        include_str!("interceptors.rs"),
        include_str!("nodes.rs"),
        include_str!("serving.rs"),
        include_str!("systems.rs"),
        include_str!("testing.rs"),
    ));
    let here = here.replace("pub(crate)", "");
    let proto = normalised(include_str!("../../../proto/guide.proto"));
    let examples = |language: &str| {
        let start = format!("```{language}\n");
        let blocks: Vec<String> = guide.split(&start).skip(1).map(str::to_string).collect();
        blocks.into_iter().map(|block| {
            let (example, _) = block.split_once("```").expect("a block ends");
            example.to_string()
        })
    };
    let mut compiled = 0;
    for example in examples("rust") {
        assert!(
            here.contains(&normalised(&example)),
            "not compiled:\n{example}"
        );
        compiled += 1;
    }
    assert!(compiled > 10, "only {compiled} examples were found");
    for example in examples("proto") {
        assert!(
            proto.contains(&normalised(&example)),
            "not compiled:\n{example}"
        );
    }
}

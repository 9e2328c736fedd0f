//! Runs prost-build: the text of messages and the Rust paths of types.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use prost_build::{Config, Module, ServiceGenerator};
use prost_types::{DescriptorProto, FileDescriptorProto};

use crate::descriptor::qualified;
use crate::docs::Docs;
use crate::groups;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::problems::Problems;

/// The path of the well-known types in generated code. The runtime re-exports them, so that a user's crate needs no
/// `prost-types`, and cannot have another version.
const WELL_KNOWN_TYPES: &str = "::gorums_runtime::prost_types";

/// Types inside the functions that prost-derive writes. They hide enums with the same names, unless the enums' paths
/// have more parts.
const DERIVED_TYPES: [&str; 5] = [
    "Inner",
    "KeyWrapper",
    "MapWrapper",
    "ScalarWrapper",
    "ValueWrapper",
];

/// The output of prost-build.
#[derive(Debug, Default)]
pub(crate) struct Generated {
    /// The text of messages and enums, by package.
    pub(crate) text: HashMap<String, String>,
    /// The services with the Rust paths of their types, by full name.
    pub(crate) services: HashMap<String, prost_build::Service>,
}

impl Generated {
    /// Replaces the placeholders by the documentation.
    pub(crate) fn document(&mut self, docs: &Docs) {
        for text in self.text.values_mut() {
            *text = docs.fill(text);
        }
        let services = self.services.values_mut();
        let comments = services.flat_map(|service| {
            let of_methods = service.methods.iter_mut();
            let of_methods = of_methods.map(|method| &mut method.comments);
            [&mut service.comments].into_iter().chain(of_methods)
        });
        for comments in comments {
            let placeholder = comments.leading.first();
            let lines = placeholder.and_then(|placeholder| docs.lines(placeholder));
            comments.leading = lines.unwrap_or_default().to_vec();
        }
    }
}

/// Generates the messages of the `wanted` files, which may refer to the `others`.
pub(crate) fn generate(
    wanted: &[FileDescriptorProto],
    others: &[FileDescriptorProto],
    parameters: &Parameters,
) -> Result<Generated, Problems> {
    let others: Vec<_> = others.iter().map(outline).collect();
    run(wanted, &others, parameters).map_err(|failure| blame(wanted, &others, parameters, failure))
}

/// Finds the files at which prost-build fails, by passing it one at a time.
fn blame(
    wanted: &[FileDescriptorProto],
    others: &[FileDescriptorProto],
    parameters: &Parameters,
    failure: String,
) -> Problems {
    let mut problems = Problems::default();
    for (index, file) in wanted.iter().enumerate() {
        let rest = wanted
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let rest = rest.map(|(_, file)| outline(file));
        let others: Vec<_> = others.iter().cloned().chain(rest).collect();
        if let Err(failure) = run(std::slice::from_ref(file), &others, parameters) {
            let text = format!("prost cannot generate this file: {failure}; change what it names");
            problems.push(Problem::in_file(file.name(), text));
        }
    }
    match problems.into_result() {
        Ok(()) => Problem::new(format!(
            "prost cannot generate these files: {failure}; change what it names"
        ))
        .into(),
        Err(problems) => problems,
    }
}

fn run(
    wanted: &[FileDescriptorProto],
    others: &[FileDescriptorProto],
    parameters: &Parameters,
) -> Result<Generated, String> {
    let services = Rc::new(RefCell::new(HashMap::new()));
    let mut config = config(parameters);
    config.service_generator(Box::new(Collector {
        services: Rc::clone(&services),
    }));

    for path in groups::recursive(wanted.iter().chain(others)) {
        config.boxed(path);
    }

    // prost-build uses modules only to group its output, here by package. It needs the other files to know
    // which messages contain themselves.
    let module = |package: &str| Module::from_parts([package]);
    let wanted_files = wanted
        .iter()
        .map(|file| (module(file.package()), file.clone()));
    let other_module = Module::from_parts(["", ""]);
    let other_files = others
        .iter()
        .map(|file| (other_module.clone(), file.clone()));
    let files = wanted_files.chain(other_files).collect();
    let mut modules = catch_unwind(AssertUnwindSafe(|| config.generate(files)))
        .map_err(panic_text)?
        .map_err(|error| error.to_string())?;

    let text = wanted
        .iter()
        .filter_map(|file| {
            let text = modules.remove(&module(file.package()))?;
            Some((file.package().to_owned(), unhide(text)))
        })
        .collect();
    // The generator inside `config` has the other reference.
    Ok(Generated {
        text,
        services: services.take(),
    })
}

/// Lengthens the paths of enums that would be hidden.
fn unhide(mut text: String) -> String {
    for name in DERIVED_TYPES {
        for (start, end) in [("enumeration = \"", "\", "), ("enumeration(", ")\", ")] {
            let hidden = format!("{start}{name}{end}");
            if text.contains(&hidden) {
                text = text.replace(&hidden, &format!("{start}self::{name}{end}"));
            }
        }
    }
    text
}

fn config(parameters: &Parameters) -> Config {
    let mut config = Config::new();
    config
        .btree_map(&parameters.btree_map)
        .bytes(&parameters.bytes)
        .skip_debug(&parameters.skip_debug)
        .default_package_filename(&parameters.default_package_filename);
    for path in &parameters.boxed {
        config.boxed(path);
    }
    for (path, rust) in &parameters.extern_path {
        config.extern_path(path, rust);
    }
    for (path, attribute) in &parameters.type_attribute {
        config.type_attribute(path, attribute);
    }
    for (path, attribute) in &parameters.message_attribute {
        config.message_attribute(path, attribute);
    }
    for (path, attribute) in &parameters.enum_attribute {
        config.enum_attribute(path, attribute);
    }
    for (path, attribute) in &parameters.field_attribute {
        config.field_attribute(path, attribute);
    }
    for (path, domain) in &parameters.type_name_domain {
        config.type_name_domain([path], domain);
    }
    if parameters.compile_well_known_types || parameters.replaces_well_known_types() {
        config.compile_well_known_types();
    } else {
        config.prost_types_path(WELL_KNOWN_TYPES);
    }
    if !parameters.has_usual_prost() {
        config.prost_path(&parameters.prost_path);
    }
    if parameters.retain_enum_prefix {
        config.retain_enum_prefix();
    }
    if parameters.enable_type_names {
        config.enable_type_names();
    }
    config
}

/// The file without the parts that matter only for its own code, because these could fail needlessly.
fn outline(file: &FileDescriptorProto) -> FileDescriptorProto {
    fn outline(message: &DescriptorProto) -> DescriptorProto {
        DescriptorProto {
            enum_type: Vec::new(),
            nested_type: message.nested_type.iter().map(outline).collect(),
            ..message.clone()
        }
    }
    FileDescriptorProto {
        name: file.name.clone(),
        package: file.package.clone(),
        message_type: file.message_type.iter().map(outline).collect(),
        ..Default::default()
    }
}

/// Collects the services instead of generating code for them.
struct Collector {
    services: Rc<RefCell<HashMap<String, prost_build::Service>>>,
}

impl ServiceGenerator for Collector {
    fn generate(&mut self, service: prost_build::Service, text: &mut String) {
        // prost-build panics when a package with services has no text.
        text.push('\n');
        let name = qualified(&service.package, &service.proto_name);
        self.services.borrow_mut().insert(name, service);
    }
}

/// The message of a panic, in one line.
fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = match panic.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => panic
            .downcast_ref()
            .copied()
            .unwrap_or("it failed without a message"),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{EnumDescriptorProto, EnumValueDescriptorProto, ServiceDescriptorProto};

    fn file(name: &str, package: &str) -> FileDescriptorProto {
        FileDescriptorProto {
            name: Some(name.to_owned()),
            package: Some(package.to_owned()),
            syntax: Some("proto3".to_owned()),
            ..Default::default()
        }
    }

    /// prost panics at enum values whose Rust names are equal.
    fn file_that_fails(name: &str) -> FileDescriptorProto {
        let value = |name: &str, number| EnumValueDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            ..Default::default()
        };
        let item = EnumDescriptorProto {
            name: Some("E".to_owned()),
            value: vec![value("a_b", 0), value("AB", 1), value("A_B", 2)],
            ..Default::default()
        };
        FileDescriptorProto {
            enum_type: vec![item],
            ..file(name, "a")
        }
    }

    #[test]
    fn a_panic_is_blamed_on_its_file() {
        let files = [file("good.proto", "a"), file_that_fails("bad.proto")];
        let problems = generate(&files, &[], &Parameters::new())
            .unwrap_err()
            .to_string();
        assert!(
            problems.starts_with("bad.proto: prost cannot generate this file: "),
            "{problems}"
        );
        assert_eq!(problems.lines().count(), 1);
    }

    #[test]
    fn files_that_are_not_wanted_cannot_fail() {
        let others = [file_that_fails("bad.proto")];
        let generated = generate(&[file("good.proto", "b")], &others, &Parameters::new()).unwrap();
        assert!(generated.text.is_empty());
    }

    #[test]
    fn a_package_may_have_nothing_but_a_service() {
        let service = ServiceDescriptorProto {
            name: Some("S".to_owned()),
            ..Default::default()
        };
        let only = FileDescriptorProto {
            service: vec![service],
            ..file("a.proto", "a.b")
        };
        let generated = generate(&[only], &[], &Parameters::new()).unwrap();
        assert!(generated.services.contains_key("a.b.S"));
    }

    #[test]
    fn wrong_paths_are_told_without_a_panic() {
        let twice = Parameters::new().extern_path(".google.protobuf.Empty", "::x::Empty");
        let problems = generate(&[file("a.proto", "a")], &[], &twice)
            .unwrap_err()
            .to_string();
        assert!(problems.contains("duplicate extern Protobuf path: .google.protobuf.Empty"));
    }
}

//! The pipeline.

use std::collections::BTreeMap;

use prost_types::{FileDescriptorProto, MethodDescriptorProto};

use crate::cargo_crate::{self, Features, feature_name};
use crate::check::check;
use crate::descriptor::{Source, Sources};
use crate::docs::{self, Deprecated, Disabled, Docs};
use crate::lower::lower;
use crate::messages;
use crate::model::{self, Package};
use crate::output::{self, GeneratedFile, Included};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::problems::Problems;

/// Generates the code for `files_to_generate`: one file for each of their packages, sorted by name.
///
/// `files` are the encoded `google.protobuf.FileDescriptorProto`s of these files and of all that they import, imports
/// first. A package is generated with all its files among them.
///
/// # Errors
///
/// All that is wrong with the files and the parameters.
pub fn generate<B: AsRef<[u8]>>(
    files: &[B],
    files_to_generate: &[String],
    parameters: &Parameters,
) -> Result<Vec<GeneratedFile>, Problems> {
    let wrong: Problems = parameters
        .check()
        .iter()
        .map(|error| Problem::new(error.to_string()))
        .collect();
    wrong.into_result()?;
    let sources = Sources::decode(files, files_to_generate)?;
    generate_sources(&sources, parameters).map_err(|mut problems| {
        problems.sort(sources.iter().map(Source::name));
        problems
    })
}

fn generate_sources(
    sources: &Sources,
    parameters: &Parameters,
) -> Result<Vec<GeneratedFile>, Problems> {
    let packages = sources.packages(parameters);
    let mut problems = Problems::default();
    let models = model::read(sources, &packages, &mut problems);
    let (wanted, others) = lower_all(sources, &packages, parameters, &mut problems);
    check(
        &models,
        sources,
        &packages,
        &wanted,
        parameters,
        &mut problems,
    );
    problems.into_result()?;

    let mut docs = Docs::default();
    let deprecated = Deprecated::new(sources);
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|file| prepare(file, &models, parameters, &deprecated, &mut docs))
        .collect();
    let mut generated = messages::generate(&wanted, &others, parameters)?;
    generated.document(&docs);

    let mut problems = Problems::default();
    let mut files = Vec::new();
    let mut written = Vec::new();
    for package in &models {
        match output::package_file(package, &generated, &deprecated, parameters) {
            Ok(Some(file)) => {
                written.push((package, file.name.clone()));
                files.push(file);
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    problems.into_result()?;
    files.extend(around(&written, sources, parameters)?);
    files.sort();
    Ok(files)
}

/// The files around those of packages: what includes them, and what makes a crate of them. `written` has the packages with
/// code, each with the name of its file.
fn around(
    written: &[(&Package, String)],
    sources: &Sources,
    parameters: &Parameters,
) -> Result<Vec<GeneratedFile>, Problems> {
    let mut files = Vec::new();
    if parameters.insert_include {
        let insertions = written.iter();
        files
            .extend(insertions.map(|(package, name)| output::insertion(package, name, parameters)));
    }
    if let Some(root) = parameters.included_by() {
        let included: Vec<_> = written
            .iter()
            .map(|(package, name)| Included {
                modules: package.modules(),
                path: output::relative(name, root),
                feature: parameters
                    .gen_crate
                    .as_ref()
                    .map(|_| feature_name(&package.name, parameters)),
            })
            .collect();
        let is_crate_root = parameters.include_file.is_none();
        let content = output::include_file(&included, is_crate_root);
        files.push(GeneratedFile::new(root, content));
    }
    if let Some(name) = &parameters.gen_crate {
        let with_code = written.iter().map(|(package, _)| package.name.as_str());
        let features = Features::new(sources, &with_code.collect(), parameters);
        files.push(cargo_crate::manifest(name, &features, parameters)?);
    }
    Ok(files)
}

/// The files to generate and the others, for prost-build.
fn lower_all(
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> (Vec<FileDescriptorProto>, Vec<FileDescriptorProto>) {
    // Of files that are not generated here, only the names matter.
    let mut ignored = Problems::default();
    let others = sources
        .iter()
        .filter(|source| !packages.contains_key(source.package()))
        .map(|source| lower(source, &mut ignored))
        .collect();
    let problems = if parameters.messages {
        problems
    } else {
        &mut Problems::default()
    };
    let wanted = packages
        .values()
        .flatten()
        .map(|source| lower(source, problems))
        .collect();
    (wanted, others)
}

/// Adds what prost-build has to resolve or to write.
fn prepare(
    mut file: FileDescriptorProto,
    models: &[Package],
    parameters: &Parameters,
    deprecated: &Deprecated,
    docs: &mut Docs,
) -> FileDescriptorProto {
    let name = file.name().to_owned();
    let package = models.iter().find(|package| package.name == file.package());
    let services = package.into_iter().flat_map(|package| &package.services);
    for service in services.filter(|service| service.file == name) {
        let Some(proto) = file.service.get_mut(service.index) else {
            continue;
        };
        let custom_types: Vec<_> = service
            .methods
            .iter()
            .filter_map(|method| method.custom_return_type.clone())
            .map(|custom_type| MethodDescriptorProto {
                // Only its reply type is used.
                name: Some("custom_return_type".to_owned()),
                input_type: Some(custom_type.clone()),
                output_type: Some(custom_type),
                ..Default::default()
            })
            .collect();
        proto.method.extend(custom_types);
    }
    let disabled = Disabled::new(&parameters.disable_comments);
    docs::complete(&mut file, &disabled, deprecated, docs);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::{DescriptorProto, ServiceDescriptorProto};

    fn message(name: &str) -> DescriptorProto {
        DescriptorProto {
            name: Some(name.to_owned()),
            ..Default::default()
        }
    }

    fn file(name: &str, package: &str, messages: &[&str]) -> FileDescriptorProto {
        FileDescriptorProto {
            name: Some(name.to_owned()),
            package: Some(package.to_owned()),
            syntax: Some("proto3".to_owned()),
            message_type: messages.iter().map(|name| message(name)).collect(),
            ..Default::default()
        }
    }

    /// `service S { rpc Get(.a.M) returns (.a.M); }`
    fn file_with_service(name: &str, package: &str) -> FileDescriptorProto {
        let method = MethodDescriptorProto {
            name: Some("Get".to_owned()),
            input_type: Some(".a.M".to_owned()),
            output_type: Some(".a.M".to_owned()),
            ..Default::default()
        };
        let service = ServiceDescriptorProto {
            name: Some("S".to_owned()),
            method: vec![method],
            ..Default::default()
        };
        FileDescriptorProto {
            service: vec![service],
            ..file(name, package, &[])
        }
    }

    fn run(
        files: &[FileDescriptorProto],
        parameters: &Parameters,
    ) -> Result<Vec<GeneratedFile>, Problems> {
        let names: Vec<_> = files.iter().map(|file| file.name().to_owned()).collect();
        let encoded: Vec<_> = files.iter().map(Message::encode_to_vec).collect();
        generate(&encoded, &names, parameters)
    }

    #[test]
    fn the_order_of_descriptors_does_not_matter() {
        let files = [
            file("a.proto", "a", &["M"]),
            file("b.proto", "a", &["N"]),
            file_with_service("c.proto", "a.inner"),
        ];
        let mut reversed = files.clone();
        reversed.reverse();
        let parameters = Parameters::new().include_file("all.rs");
        let generated = run(&files, &parameters).unwrap();
        let names: Vec<_> = generated.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.inner.rs", "a.rs", "all.rs"]);
        assert_eq!(run(&reversed, &parameters), Ok(generated));
    }

    #[test]
    fn packages_without_code_give_no_file() {
        assert_eq!(
            run(&[file("a.proto", "a", &[])], &Parameters::new()),
            Ok(Vec::new())
        );
        let elsewhere = Parameters::new().extern_path(".a", "::elsewhere");
        assert_eq!(
            run(&[file("a.proto", "a", &["M"])], &elsewhere),
            Ok(Vec::new())
        );
    }

    #[test]
    fn types_may_be_elsewhere() {
        let files = [
            file("a.proto", "a", &["M"]),
            file_with_service("b.proto", "b"),
        ];
        let elsewhere = Parameters::new().extern_path(".a", "::elsewhere");
        let generated = run(&files, &elsewhere).unwrap();
        assert_eq!(generated.len(), 1);
        assert!(
            generated[0]
                .content
                .contains("type Request = ::elsewhere::M;")
        );
    }

    #[test]
    fn without_messages_only_services_are_generated() {
        let files = [
            file("a.proto", "a", &["M"]),
            file_with_service("b.proto", "a"),
        ];
        let generated = run(&files, &Parameters::new().messages(false)).unwrap();
        assert_eq!(generated[0].name, "a.gorums.rs");
        assert!(!generated[0].content.contains("struct M"));
        assert!(generated[0].content.contains("type Request = super::M;"));
    }

    #[test]
    fn files_that_would_have_one_name_are_told() {
        let files = [
            file("a.proto", "aB", &["M"]),
            file("b.proto", "a_b", &["M"]),
        ];
        assert_eq!(
            run(&files, &Parameters::new()).unwrap_err().to_string(),
            "b.proto: package `a_b`: its code goes to `a_b.rs`, as does that of package `aB`; rename one"
        );
        let files = [file("a.proto", "a", &["M"])];
        let problems = run(&files, &Parameters::new().include_file("a.rs")).unwrap_err();
        assert!(
            problems
                .to_string()
                .contains("as does that of parameter `include_file`")
        );
    }

    #[test]
    fn types_that_no_descriptor_declares_are_told() {
        let what = "its type `.a.M` is no message here; pass the descriptors of all files, as protoc writes them";
        let problems = run(&[file_with_service("b.proto", "b")], &Parameters::new());
        let expected = format!("b.proto: S.Get: {what}\nb.proto: S.Get: {what}");
        assert_eq!(problems.unwrap_err().to_string(), expected);
    }

    #[test]
    fn names_of_types_that_are_not_generated_are_free() {
        let files = [file("a.proto", "a", &["foo", "Foo"])];
        assert_eq!(
            run(&files, &Parameters::new()).unwrap_err().to_string(),
            "a.proto: a.Foo: it is `Foo` in Rust, as is message `foo`; rename one"
        );
        let elsewhere = Parameters::new().extern_path(".a.foo", "::elsewhere::Foo");
        assert!(run(&files, &elsewhere).is_ok());
        assert!(run(&files, &Parameters::new().messages(false)).is_ok());
    }

    #[test]
    fn modules_of_packages_that_are_not_generated_are_free() {
        let mut outer = file("a.proto", "", &["Google", "A"]);
        for message in &mut outer.message_type {
            message.nested_type.push(self::message("Inner"));
        }
        outer.dependency.push("b.proto".to_owned());
        let files = [
            file("b.proto", "google.protobuf", &["M"]),
            file("c.proto", "a.b", &["M"]),
            outer,
        ];
        let clash = |module: &str, package: &str| {
            let message = module[..1].to_uppercase() + &module[1..];
            format!(
                "a.proto: {message}: its Rust module `{module}` is also that of package `{package}`; rename one of them"
            )
        };
        let errors = |parameters: &Parameters| {
            run(&files, parameters).map_or_else(|problems| problems.to_string(), |_| String::new())
        };
        let parameters = Parameters::new();
        assert_eq!(errors(&parameters), clash("a", "a"));
        let parameters = parameters.extern_path(".a.b", "::elsewhere");
        assert_eq!(errors(&parameters), "");
        let parameters = parameters.compile_well_known_types(true);
        assert_eq!(errors(&parameters), clash("google", "google"));
    }

    #[test]
    fn wrong_parameters_are_told_to_build_scripts_too() {
        let problems = run(&[], &Parameters::new().type_attribute(".", "no")).unwrap_err();
        assert!(
            problems
                .to_string()
                .starts_with("parameter `type_attribute`: `.=no` is not valid")
        );
    }
}

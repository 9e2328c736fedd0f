//! The pipeline.

use std::collections::{BTreeMap, HashMap};

use prost_types::{FileDescriptorProto, MethodDescriptorProto};

use crate::descriptor::{Source, Sources};
use crate::docs::{self, Disabled};
use crate::lower::lower;
use crate::messages;
use crate::model::{self, Package};
use crate::output::{self, GeneratedFile};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::problems::Problems;

/// Generates the code for `files_to_generate`: one file for each of their packages, sorted by name.
///
/// `files` are the encoded `google.protobuf.FileDescriptorProto`s of these files and of all they
/// import, imports first. A package is generated with all its files that are there.
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
    check_file_names(&models, &packages, parameters, &mut problems);
    let (wanted, others) = lower_all(sources, &packages, parameters, &mut problems);
    problems.into_result()?;

    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|file| prepare(file, &models, parameters))
        .collect();
    let generated = messages::generate(&wanted, &others, parameters)?;

    let mut problems = Problems::default();
    let mut files = Vec::new();
    let mut included = Vec::new();
    for package in &models {
        match output::package_file(package, &generated, parameters) {
            Ok(Some(file)) => {
                included.push((package.modules(), file.name.clone()));
                files.push(file);
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    problems.into_result()?;
    if let Some(name) = &parameters.include_file {
        files.push(GeneratedFile {
            name: name.clone(),
            content: output::include_file(&included),
        });
    }
    files.sort();
    Ok(files)
}

/// Reports packages whose files have the same name.
fn check_file_names(
    models: &[Package],
    packages: &BTreeMap<&str, Vec<&Source>>,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    let include_file = parameters.include_file.as_ref();
    let mut owners: HashMap<String, String> = include_file
        .map(|name| (name.clone(), "parameter `include_file`".to_owned()))
        .into_iter()
        .collect();
    for package in models {
        let name = output::file_name(package, parameters);
        let subject = format!("package `{}`", package.name);
        let file = packages
            .get(package.name.as_str())
            .and_then(|files| files.first());
        if let (Some(other), Some(file)) = (owners.insert(name.clone(), subject.clone()), file) {
            let text = format!("its code goes to `{name}`, as does that of {other}; rename one");
            problems.push(Problem::in_file(file.name(), text).about(subject));
        }
    }
}

/// The files to generate and the others, for prost-build.
fn lower_all(
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> (Vec<FileDescriptorProto>, Vec<FileDescriptorProto>) {
    let mut wanted = Vec::new();
    let mut others = Vec::new();
    // Only names matter of what is not ours to generate.
    let mut ignored = Problems::default();
    for source in sources.iter() {
        if packages.contains_key(source.package()) {
            let problems = if parameters.messages {
                &mut *problems
            } else {
                &mut ignored
            };
            wanted.push(lower(source, problems));
        } else {
            others.push(lower(source, &mut ignored));
        }
    }
    (wanted, others)
}

/// Adds what prost-build is to resolve or to write for us.
fn prepare(
    mut file: FileDescriptorProto,
    models: &[Package],
    parameters: &Parameters,
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
                // Only its reply type is looked at.
                name: Some("custom_return_type".to_owned()),
                input_type: Some(custom_type.clone()),
                output_type: Some(custom_type),
                ..Default::default()
            })
            .collect();
        proto.method.extend(custom_types);
    }
    docs::complete(&mut file, &Disabled::new(&parameters.disable_comments));
    file
}

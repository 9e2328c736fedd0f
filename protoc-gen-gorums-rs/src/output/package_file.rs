//! The file of a package: messages, tonic's stubs and our code.

use std::panic::resume_unwind;
use std::thread::{self, available_parallelism};

use prettyplease::unparse;
use syn::{File, Item};

use super::deprecated::wrap as wrap_deprecated;
use super::{GeneratedFile, HEADER, file_name, ordered_maps, spacing};
use crate::docs::Deprecated;
use crate::emit::{self, ServiceCode};
use crate::messages::Generated;
use crate::model::{Package, Service};
use crate::parameters::Parameters;
use crate::problem::Problem;

/// The package's file, unless there is nothing to write.
pub(crate) fn package_file(
    package: &Package,
    generated: &Generated,
    deprecated: &Deprecated,
    parameters: &Parameters,
) -> Result<Option<GeneratedFile>, Problem> {
    let name = file_name(package, parameters);
    let unparsable = |error: syn::Error| {
        // Whatever else goes into the code has been checked.
        Problem::new(format!(
            "the code for {name} is no Rust code: {error}; check the attributes and paths in the \
             parameters"
        ))
    };
    let mut code = String::new();
    if let (true, Some(text)) = (parameters.messages, generated.text.get(&package.name)) {
        let mut file = syn::parse_file(text).map_err(unparsable)?;
        if !parameters.has_usual_prost() {
            ordered_maps::derive_debug(&mut file.items);
        }
        file.items = wrap_deprecated(file.items).map_err(unparsable)?;
        code.push_str(&unparse(&file));
    }
    for text in services(package, generated, deprecated, parameters).map_err(unparsable)? {
        code.push_str(&text);
    }
    if code.is_empty() {
        return Ok(None);
    }
    let content = format!("{HEADER}{}", spacing::space_out(&code));
    Ok(Some(GeneratedFile::new(name, content)))
}

/// The code of the package's services, in their order. They are formatted in parallel, because parsing and printing
/// takes nearly all of the generator's time.
fn services(
    package: &Package,
    generated: &Generated,
    deprecated: &Deprecated,
    parameters: &Parameters,
) -> Result<Vec<String>, syn::Error> {
    let resolved = package.services.iter().filter_map(|service| {
        let resolved = generated.services.get(&service.full_name)?;
        Some((service, resolved))
    });
    let services: Vec<_> = resolved.collect();
    let code = |services: &[(&Service, &prost_build::Service)]| {
        let services = services.iter();
        services
            .map(|(service, resolved)| {
                service_code(package, service, resolved, deprecated, parameters)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let processors = available_parallelism().map_or(1, usize::from);
    let share = services.len().div_ceil(processors).max(1);
    let Some((first, others)) = services.split_at_checked(share) else {
        return code(&services);
    };
    thread::scope(|scope| {
        let others: Vec<_> = others
            .chunks(share)
            .map(|services| scope.spawn(move || code(services)))
            .collect();
        let mut all = code(first)?;
        for other in others {
            let other = other.join();
            all.extend(other.unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    })
}

/// The code of a service.
fn service_code(
    package: &Package,
    service: &Service,
    resolved: &prost_build::Service,
    deprecated: &Deprecated,
    parameters: &Parameters,
) -> Result<String, syn::Error> {
    let prost_path = &parameters.prost_path;
    let service = ServiceCode::new(&package.name, service, resolved, deprecated, prost_path)?;
    // One module at a time: a syntax tree takes many times the memory of its text.
    modules(&service, parameters)
        .map(|module| Ok(unparse(&module?)))
        .collect()
}

/// The modules of a service, each as a file of its own.
fn modules(
    service: &ServiceCode<'_>,
    parameters: &Parameters,
) -> impl Iterator<Item = Result<File, syn::Error>> {
    let client = parameters
        .generates_client()
        .then(|| emit::client(service, parameters));
    let server = parameters.server.then(|| emit::server(service, parameters));
    let modules = client
        .into_iter()
        .chain(server)
        .chain([emit::module(service, parameters)]);
    modules.map(|module| {
        Ok(File {
            shebang: None,
            attrs: Vec::new(),
            items: vec![Item::Mod(module?)],
        })
    })
}

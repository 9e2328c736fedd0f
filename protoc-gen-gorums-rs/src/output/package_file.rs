//! The file of a package: messages, tonic's stubs and our code.

use prettyplease::unparse;
use syn::Item;

use super::{GeneratedFile, HEADER, spacing};
use crate::emit::{self, ServiceCode};
use crate::messages::Generated;
use crate::model::Package;
use crate::parameters::Parameters;
use crate::problem::Problem;

/// The name of the package's file, which is prost's where it holds the messages.
pub(crate) fn file_name(package: &Package, parameters: &Parameters) -> String {
    let modules = package.modules();
    let stem = match modules.as_slice() {
        [] => parameters.default_package_filename.clone(),
        modules => modules.join("."),
    };
    if parameters.messages {
        format!("{stem}.rs")
    } else {
        format!("{stem}.gorums.rs")
    }
}

/// The package's file, unless there is nothing to write.
pub(crate) fn package_file(
    package: &Package,
    generated: &Generated,
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
    let text = if parameters.messages {
        generated.text.get(&package.name)
    } else {
        None
    };
    let mut file = syn::parse_file(text.map_or("", String::as_str)).map_err(unparsable)?;
    for service in &package.services {
        let Some(resolved) = generated.services.get(&service.full_name) else {
            continue;
        };
        let code = ServiceCode::new(&package.name, service, resolved).map_err(unparsable)?;
        file.items
            .extend(modules(&code, parameters).map_err(unparsable)?);
    }
    if file.items.is_empty() {
        return Ok(None);
    }
    let content = format!("{HEADER}{}", spacing::space_out(&unparse(&file)));
    Ok(Some(GeneratedFile { name, content }))
}

/// The modules of a service.
fn modules(service: &ServiceCode<'_>, parameters: &Parameters) -> Result<Vec<Item>, syn::Error> {
    let mut modules = Vec::new();
    if parameters.client {
        modules.push(emit::client(service, parameters)?);
    }
    if parameters.server {
        modules.push(emit::server(service, parameters)?);
    }
    modules.push(emit::module(service, parameters)?);
    Ok(modules.into_iter().map(Item::Mod).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(package: &str, parameters: &Parameters) -> String {
        let package = Package {
            name: package.to_owned(),
            services: Vec::new(),
        };
        file_name(&package, parameters)
    }

    #[test]
    fn files_are_called_as_prost_calls_them() {
        let parameters = Parameters::new();
        assert_eq!(name("a.bC", &parameters), "a.b_c.rs");
        assert_eq!(name("", &parameters), "_.rs");
        assert_eq!(
            name("", &parameters.default_package_filename("root")),
            "root.rs"
        );
    }

    #[test]
    fn code_without_messages_sits_beside_them() {
        assert_eq!(
            name("a.b", &Parameters::new().messages(false)),
            "a.b.gorums.rs"
        );
    }
}

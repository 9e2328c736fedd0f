//! Lints that code breaks when names in a proto are unusual.

use proc_macro2::TokenStream;

use super::service_code::ServiceCode;

/// Lints about the signatures of functions with certain names.
fn function_names(service: &ServiceCode<'_>) -> Vec<&'static str> {
    let any = |is: fn(&str) -> bool| service.methods.iter().any(|method| is(&method.function));
    let mut lints = Vec::new();
    if any(|name| name == "cmp") {
        lints.push("clippy::should_implement_trait");
    }
    if any(|name| name == "new" || name.starts_with("from_") || name.starts_with("into_")) {
        lints.push("clippy::wrong_self_convention");
    }
    lints
}

/// Lints that all code of the service may break.
pub(super) fn of_service(service: &ServiceCode<'_>) -> Vec<&'static str> {
    let mut lints = function_names(service);
    if service.uses_deprecated {
        lints.push("deprecated");
    }
    lints
}

/// Lints that tonic's server breaks.
pub(super) fn of_server(service: &ServiceCode<'_>) -> Vec<&'static str> {
    let mut lints = of_service(service);
    if service.methods.is_empty() {
        lints.push("clippy::match_single_binding");
    }
    // tonic calls a type `{Method}Stream`, in the letter case of the proto.
    let mut streams = service
        .methods
        .iter()
        .filter(|code| code.method.shape.server_stream);
    if streams.any(|code| code.method.name != code.type_name) {
        lints.push("non_camel_case_types");
    }
    lints
}

/// The lints as an attribute has them.
pub(super) fn paths(lints: &[&str]) -> Vec<TokenStream> {
    lints.iter().filter_map(|lint| lint.parse().ok()).collect()
}

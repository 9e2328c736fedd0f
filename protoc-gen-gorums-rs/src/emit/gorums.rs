//! The module of a service's quorum calls, node calls and replicas.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ItemMod;

use super::service_code::{MethodCode, ServiceCode};
use super::{calls_trait, configuration, doc, lints, methods, node, quorum_spec, replica};
use crate::names;
use crate::parameters::Parameters;

/// Functions of a service's configuration type, and of traits of the prelude. A method's function with such a name
/// would be hidden by them.
const CONFIGURATION_FUNCTIONS: [&str; 10] = [
    "clone",
    "configuration",
    "into",
    "new",
    "node",
    "nodes",
    "spec",
    "try_into",
    "with_options",
    "with_spec",
];

/// Functions of a service's node type, and of such traits.
const NODE_FUNCTIONS: [&str; 8] = [
    "as_node",
    "client",
    "clone",
    "id",
    "into",
    "new",
    "try_into",
    "with_options",
];

/// The names in the module.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) quorum_spec: Ident,
    pub(super) configuration: Ident,
    pub(super) node: Ident,
    /// The trait of its calls.
    pub(super) calls: Ident,
    /// The trait of its replicas.
    pub(super) replica: Ident,
    /// The service as a type.
    pub(super) service: Ident,
    /// A replica as a service of a server.
    pub(super) replica_server: Ident,
}

impl Names {
    fn new(service: &ServiceCode<'_>) -> Self {
        let name = &service.type_name;
        Self {
            quorum_spec: format_ident!("{name}QuorumSpec"),
            configuration: format_ident!("{name}Configuration"),
            node: format_ident!("{name}Node"),
            calls: format_ident!("{name}Calls"),
            replica: format_ident!("{name}Replica"),
            service: format_ident!("{name}Service"),
            replica_server: format_ident!("{name}ReplicaServer"),
        }
    }

    /// The name of the method's function on a configuration.
    pub(super) fn configuration_function(&self, code: &MethodCode<'_>) -> String {
        names::avoid(&code.function, &CONFIGURATION_FUNCTIONS)
    }

    /// The name of the method's function on a node.
    pub(super) fn node_function(&self, code: &MethodCode<'_>) -> String {
        names::avoid(&code.function, &NODE_FUNCTIONS)
    }
}

/// The module of the service's quorum calls and node calls.
pub(crate) fn module(
    service: &ServiceCode<'_>,
    parameters: &Parameters,
) -> Result<ItemMod, syn::Error> {
    let names = Names::new(service);
    let module = format_ident!("{}", service.service.gorums_module());
    let mut lines = vec![format!(
        "Quorum calls and node calls of the service `{}`.",
        service.service.full_name
    )];
    if !service.comment.is_empty() {
        lines.push(String::new());
        lines.extend(service.comment.iter().cloned());
    }
    let doc = doc::doc(&lines);
    // A crate need not use everything that a service has.
    let mut lints = vec!["dead_code"];
    lints.extend(lints::of_service(service));
    let lints = lints::paths(&lints);
    let quorum_spec = service
        .service
        .has_quorum_functions()
        .then(|| quorum_spec::quorum_spec(service, &names));
    let configuration = configuration::configuration(service, &names);
    let node = node::node(service, &names, parameters.has_client());
    let calls_trait = parameters
        .calls_trait
        .then(|| calls_trait::calls_trait(service, &names));
    let replica = parameters
        .replica
        .then(|| replica::replica(service, &names));
    let methods = methods::methods(service, &names);
    let deprecated = service.service.deprecated.then(|| quote!(#[deprecated]));
    syn::parse2(quote! {
        #doc
        #deprecated
        pub mod #module {
            #![allow(#(#lints),*)]

            #quorum_spec
            #configuration
            #node
            #calls_trait
            #replica
            #methods
        }
    })
}

/// The doc comment and attributes of the function that calls the method.
pub(super) fn function_doc(
    code: &MethodCode<'_>,
    mut lines: Vec<String>,
    function: &str,
) -> TokenStream {
    if function != code.function {
        lines.push(String::new());
        lines.push(format!(
            "Its name has an underscore because `{}` is a function of every such type.",
            code.function
        ));
    }
    let doc = doc::doc(&lines);
    let deprecated = code.method.deprecated.then(|| quote!(#[deprecated]));
    quote!(#doc #deprecated)
}

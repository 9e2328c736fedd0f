//! The type of a service on a configuration of nodes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::doc::doc;
use super::gorums::{Names, function_doc};
use super::service_code::{MethodCode, ServiceCode};

/// The service on a configuration: generic over the quorum spec when there is one.
pub(super) fn configuration(service: &ServiceCode<'_>, names: &Names) -> TokenStream {
    let type_doc = doc(&[format!(
        "The service `{}` on a configuration of nodes.",
        service.service.full_name
    )]);
    let name = &names.configuration;
    let nodes = nodes(names);
    if !service.service.has_quorum_functions() {
        return quote! {
            #type_doc
            #[derive(Clone, Debug)]
            pub struct #name {
                configuration: Configuration,
            }

            impl #name {
                /// Calls on `configuration`.
                pub fn new(configuration: Configuration) -> Self {
                    Self { configuration }
                }

                #nodes
            }
        };
    }

    let quorum_spec = &names.quorum_spec;
    let calls = service
        .methods
        .iter()
        .filter(|code| code.method.has_quorum_function());
    let calls = calls.map(|code| call(service, code, names));
    quote! {
        #type_doc
        #[derive(Debug)]
        pub struct #name<Q = ()> {
            configuration: Configuration,
            spec: Arc<Q>,
        }

        impl<Q> Clone for #name<Q> {
            fn clone(&self) -> Self {
                Self {
                    configuration: self.configuration.clone(),
                    spec: Arc::clone(&self.spec),
                }
            }
        }

        impl<Q> #name<Q> {
            /// Calls on `configuration`; `spec` decides the quorum calls.
            pub fn new(configuration: Configuration, spec: Q) -> Self {
                Self {
                    configuration,
                    spec: Arc::new(spec),
                }
            }

            /// The quorum functions.
            pub fn spec(&self) -> &Q {
                &self.spec
            }

            #nodes
        }

        impl<Q: #quorum_spec> #name<Q> {
            #(#calls)*
        }
    }
}

fn nodes(names: &Names) -> TokenStream {
    let Names {
        node, unknown_node, ..
    } = names;
    let error_doc = doc(&[format!(
        "[`{}`] when the node is not in the configuration.",
        names.unknown_node_path()
    )]);
    quote! {
        /// The nodes that are called.
        pub fn configuration(&self) -> &Configuration {
            &self.configuration
        }

        /// The node with this id, for the calls that go to one node.
        ///
        /// # Errors
        ///
        #error_doc
        pub fn node(&self, id: NodeId) -> Result<#node, #unknown_node> {
            self.configuration.node(id).map(#node::new)
        }

        /// The nodes of the configuration, for the calls that go to one node.
        pub fn nodes(&self) -> impl Iterator<Item = #node> + '_ {
            self.configuration.nodes().cloned().map(#node::new)
        }
    }
}

fn call(service: &ServiceCode<'_>, code: &MethodCode<'_>, names: &Names) -> TokenStream {
    let request = &code.request;
    let function = names.configuration_function(code);
    let marker = format_ident!("{}", code.type_name);
    let default = format!(
        "Calls `{}` on every node; [`{}::{}`] decides.",
        code.full_name(service.service),
        names.quorum_spec,
        code.quorum_function(),
    );
    let mut lines = if code.comment.is_empty() {
        vec![default]
    } else {
        code.comment.clone()
    };
    if code.method.per_node_arg {
        lines.push(String::new());
        lines.push(
            "`per_node` gives each node its own request, or none to skip the node.".to_owned(),
        );
    }
    let doc = function_doc(code, lines, &function);
    let function = format_ident!("{function}");
    if code.method.per_node_arg {
        quote! {
            #doc
            pub fn #function(
                &self,
                request: #request,
                per_node: impl FnMut(&#request, NodeId) -> Option<#request> + Send + 'static,
            ) -> QuorumCall<methods::#marker, Q> {
                QuorumCall::per_node(&self.configuration, &self.spec, request, per_node)
            }
        }
    } else {
        quote! {
            #doc
            pub fn #function(&self, request: #request) -> QuorumCall<methods::#marker, Q> {
                QuorumCall::new(&self.configuration, &self.spec, request)
            }
        }
    }
}

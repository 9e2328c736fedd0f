//! The type of a service on one node.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::configuration::SENT;
use super::doc::doc;
use super::gorums::{Names, function_doc};
use super::service_code::{MethodCode, ServiceCode};
use crate::model::Form;

/// The service on one node.
pub(super) fn node(service: &ServiceCode<'_>, names: &Names, has_client: bool) -> TokenStream {
    let name = &names.node;
    let type_doc = doc(&[format!(
        "The service `{}` on one node.",
        service.service.full_name
    )]);
    let client = has_client.then(|| client(service));
    let calls = service
        .methods
        .iter()
        .filter(|code| matches!(code.method.form(), Form::Node | Form::Unicast));
    let calls = calls.map(|code| call(service, code, names));
    quote! {
        #type_doc
        #[derive(Clone, Debug)]
        pub struct #name(gorums_runtime::codegen::NodeCaller);

        impl #name {
            /// Calls on `node`.
            pub fn new(node: gorums_runtime::Node) -> Self {
                Self(gorums_runtime::codegen::NodeCaller::new(node))
            }

            /// The same node, with `options` for each call.
            pub fn with_options(&self, options: gorums_runtime::CallOptions) -> Self {
                Self(self.0.with_options(options))
            }

            /// The node that is called.
            pub fn as_node(&self) -> &gorums_runtime::Node {
                self.0.as_node()
            }

            /// The node's id.
            pub fn id(&self) -> gorums_runtime::NodeId {
                self.0.as_node().id()
            }

            #client

            #(#calls)*
        }
    }
}

fn client(service: &ServiceCode<'_>) -> TokenStream {
    let module = format_ident!("{}_client", service.service.module_stem());
    let client = format_ident!("{}Client", service.type_name);
    quote! {
        /// tonic's client of the service on the node's connection, for methods that stream.
        pub fn client(&self) -> super::#module::#client<gorums_runtime::NodeChannel> {
            super::#module::#client::new(self.0.as_node().channel())
        }
    }
}

fn call(service: &ServiceCode<'_>, code: &MethodCode<'_>, names: &Names) -> TokenStream {
    let request = &code.request;
    let function = names.node_function(code);
    let marker = format_ident!("{}", code.type_name);
    let full_name = code.full_name(service.service);
    let one_way = code.method.form() == Form::Unicast;
    let default = match one_way {
        true => format!("Sends `{full_name}` to the node, one way."),
        false => format!("Calls `{full_name}` on the node."),
    };
    let mut lines = if code.comment.is_empty() {
        vec![default]
    } else {
        code.comment.clone()
    };
    if one_way {
        lines.push(String::new());
        lines.push(SENT.to_owned());
    }
    let doc = function_doc(code, lines, &function);
    let function = format_ident!("{function}");
    if one_way {
        quote! {
            #doc
            pub fn #function(&self, request: #request) -> gorums_runtime::Unicast {
                gorums_runtime::Unicast::start::<methods::#marker>(&self.0, request)
            }
        }
    } else {
        quote! {
            #doc
            pub fn #function(&self, request: #request) -> gorums_runtime::NodeCall<methods::#marker> {
                gorums_runtime::NodeCall::new(&self.0, request)
            }
        }
    }
}

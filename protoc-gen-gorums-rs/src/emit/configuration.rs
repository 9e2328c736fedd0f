//! The type of a service on a configuration of nodes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::doc::doc;
use super::gorums::{Names, function_doc};
use super::service_code::{MethodCode, ServiceCode};
use crate::model::{Form, Start};

/// The documentation of a call that is sent without being awaited.
pub(super) const SENT: &str = "The call has been sent when this returns.";

/// The documentation of a multicast that takes a stream.
const ON_ONE_STREAM: &str =
    "Each node is sent all calls of this method on one stream, in their order.";

/// The service on a configuration: generic over the quorum spec when there is one.
pub(super) fn configuration(service: &ServiceCode<'_>, names: &Names) -> TokenStream {
    let type_doc = doc(&[format!(
        "The service `{}` on a configuration of nodes.",
        service.service.full_name
    )]);
    let name = &names.configuration;
    let common = common(names);
    let calls = service.methods.iter();
    let calls = calls.filter_map(|code| call(service, code, names));
    if !service.service.has_quorum_functions() {
        return quote! {
            #type_doc
            #[derive(Clone, Debug)]
            pub struct #name(gorums_runtime::codegen::Caller<()>);

            impl #name {
                /// Calls on `members`: a configuration, or whatever nodes there are at the time of each call.
                pub fn new(members: impl Into<gorums_runtime::Membership>) -> Self {
                    Self(gorums_runtime::codegen::Caller::new(members, ()))
                }

                #common

                #(#calls)*
            }
        };
    }

    let name_text = name.to_string();
    let spec_doc = doc(&[format!(
        "The same service, with the calls that `spec` decides: a [`{}`].",
        names.quorum_spec
    )]);
    quote! {
        #type_doc
        pub struct #name<Q = ()>(gorums_runtime::codegen::Caller<Q>);

        impl<Q> Clone for #name<Q> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<Q> std::fmt::Debug for #name<Q> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(#name_text).field(&self.0).finish()
            }
        }

        impl #name {
            /// Calls on `members`: a configuration, or whatever nodes there are at the time of each call. Calls that a
            /// quorum function decides need [`with_spec`](Self::with_spec).
            pub fn new(members: impl Into<gorums_runtime::Membership>) -> Self {
                Self(gorums_runtime::codegen::Caller::new(members, ()))
            }
        }

        impl<Q> #name<Q> {
            #spec_doc
            pub fn with_spec<S>(&self, spec: S) -> #name<S> {
                #name(self.0.with_spec(spec))
            }

            /// The quorum functions.
            pub fn spec(&self) -> &Q {
                self.0.spec()
            }

            #common

            #(#calls)*
        }
    }
}

/// The functions that every such type has, whatever the service's methods.
fn common(names: &Names) -> TokenStream {
    let node = &names.node;
    quote! {
        /// The same service, with `options` for each call made through the returned handle.
        pub fn with_options(&self, options: gorums_runtime::CallOptions) -> Self {
            Self(self.0.with_options(options))
        }

        /// The nodes that a call goes to which is made now.
        pub fn configuration(&self) -> gorums_runtime::Configuration {
            self.0.configuration()
        }

        /// The node with this id, for the calls that go to one node.
        ///
        /// # Errors
        ///
        /// When the node is not in the configuration.
        pub fn node(
            &self,
            id: gorums_runtime::NodeId,
        ) -> Result<#node, gorums_runtime::errors::UnknownNode> {
            self.0.node(id).map(#node)
        }

        /// The nodes of the configuration, for the calls that go to one node.
        pub fn nodes(&self) -> impl Iterator<Item = #node> + '_ {
            self.0.nodes().map(#node)
        }
    }
}

/// The function that calls the method on all nodes; `None` for a method that is called on one.
fn call(service: &ServiceCode<'_>, code: &MethodCode<'_>, names: &Names) -> Option<TokenStream> {
    let MethodCode {
        request, output, ..
    } = code;
    let marker = format_ident!("{}", code.type_name);
    let (returned, call, start) = match code.method.form() {
        Form::Client | Form::Node | Form::Unicast => return None,
        Form::Multicast => (
            quote!(gorums_runtime::Multicast),
            quote!(gorums_runtime::codegen::MulticastCall::<methods::#marker>),
            Some(quote!(.start())),
        ),
        Form::Quorum(Start::Awaited) => {
            let call = quote!(gorums_runtime::QuorumCall<methods::#marker, Q>);
            (call, quote!(gorums_runtime::QuorumCall), None)
        }
        Form::Quorum(Start::Made) => (
            quote!(gorums_runtime::calls::QuorumCallHandle<#output>),
            quote!(gorums_runtime::QuorumCall::<methods::#marker, Q>),
            Some(quote!(.start())),
        ),
        Form::Aggregate(Start::Awaited) => {
            let call = quote!(gorums_runtime::AggregateCall<methods::#marker>);
            (call, quote!(gorums_runtime::AggregateCall), None)
        }
        Form::Aggregate(Start::Made) => {
            let call = quote!(gorums_runtime::AsyncCall<methods::#marker>);
            (call, quote!(gorums_runtime::AsyncCall), None)
        }
        Form::Correctable => (
            quote!(gorums_runtime::Correctable<#output>),
            quote!(gorums_runtime::codegen::CorrectableCall::<methods::#marker, Q>),
            Some(quote!(.start())),
        ),
    };
    let function = names.configuration_function(code);
    let doc = function_doc(code, lines(service, code, names), &function);
    let function = format_ident!("{function}");
    // On the function instead of the `impl`, so that rustc says what `with_spec` is for if there is no spec.
    let quorum_spec = &names.quorum_spec;
    let needs_spec = code
        .method
        .has_quorum_function()
        .then(|| quote!(where Q: #quorum_spec,));
    Some(if code.method.per_node_arg {
        quote! {
            #doc
            pub fn #function(
                &self,
                request: #request,
                per_node: impl FnMut(&#request, gorums_runtime::NodeId) -> Option<#request> + Send + 'static,
            ) -> #returned
            #needs_spec
            {
                #call::per_node(&self.0, request, per_node) #start
            }
        }
    } else {
        quote! {
            #doc
            pub fn #function(&self, request: #request) -> #returned
            #needs_spec
            {
                #call::new(&self.0, request) #start
            }
        }
    })
}

/// The lines that document the function: the proto's comment, or a default.
fn lines(service: &ServiceCode<'_>, code: &MethodCode<'_>, names: &Names) -> Vec<String> {
    let full_name = code.full_name(service.service);
    let quorum_function = format!("[`{}::{}`]", names.quorum_spec, code.quorum_function());
    let (who_decides, sent) = match code.method.form() {
        Form::Multicast => ("nobody waits for replies".to_owned(), Some(SENT)),
        Form::Aggregate(start) => (
            "the caller says how to aggregate the replies".to_owned(),
            (start == Start::Made).then_some(
                "The call is sent as soon as the returned value is told how to aggregate the replies.",
            ),
        ),
        Form::Correctable => (format!("{quorum_function} gives the levels"), Some(SENT)),
        Form::Quorum(Start::Made) => (format!("{quorum_function} decides"), Some(SENT)),
        _ => (format!("{quorum_function} decides"), None),
    };
    let default = format!("Calls `{full_name}` on every node; {who_decides}.");
    let mut lines = if code.comment.is_empty() {
        vec![default]
    } else {
        code.comment.clone()
    };
    let per_node = code
        .method
        .per_node_arg
        .then_some("`per_node` gives each node its own request, or none to skip the node.");
    let stream = code.method.shape.client_stream.then_some(ON_ONE_STREAM);
    for line in [sent, stream, per_node].into_iter().flatten() {
        lines.push(String::new());
        lines.push(line.to_owned());
    }
    lines
}

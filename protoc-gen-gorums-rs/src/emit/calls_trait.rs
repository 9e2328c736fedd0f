//! The trait of a service's calls, for code that is tested without replicas.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::doc::doc;
use super::gorums::Names;
use super::service_code::{MethodCode, ServiceCode};
use crate::model::Form;

/// The trait of the service's calls, and its implementation by a configuration. Empty for a service without calls.
pub(super) fn calls_trait(service: &ServiceCode<'_>, names: &Names) -> Option<TokenStream> {
    let calls = service.methods.iter();
    let calls: Vec<Call> = calls.filter_map(|code| Call::new(code, names)).collect();
    if calls.is_empty() {
        return None;
    }
    let Names {
        calls: name,
        configuration,
        quorum_spec,
        ..
    } = names;
    let doc = doc(&[
        &format!(
            "The calls of the service `{}`, to be implemented by mocks: code that is generic over it is",
            service.service.full_name
        ),
        "tested without replicas.",
        "",
        "A mock implements the functions that its test needs. The others panic.",
    ]);
    let with_options = format!("{name}::with_options");
    let declared = calls.iter().map(|call| {
        let (doc, deprecated, signature) = (&call.doc, &call.deprecated, &call.signature);
        let default = &call.default;
        quote!(#doc #deprecated #signature { #default })
    });
    let implemented = calls.iter().map(|call| {
        let (signature, body) = (&call.signature, &call.body);
        quote!(#signature { #body })
    });
    let allow = calls
        .iter()
        .any(|call| call.deprecated.is_some())
        .then(|| quote!(#[allow(deprecated)]));
    let implements = if service.service.has_quorum_functions() {
        quote!(impl<Q: #quorum_spec> #name for #configuration<Q>)
    } else {
        quote!(impl #name for #configuration)
    };
    Some(quote! {
        #doc
        #[allow(unused_variables)]
        pub trait #name: Send + Sync {
            /// The same service, with `options` for each call made through the returned value.
            fn with_options(&self, options: gorums_runtime::CallOptions) -> Self
            where
                Self: Sized,
            {
                gorums_runtime::codegen::not_mocked(#with_options)
            }

            #(#declared)*
        }

        #allow
        #implements {
            fn with_options(&self, options: gorums_runtime::CallOptions) -> Self {
                Self::with_options(self, options)
            }

            #(#implemented)*
        }
    })
}

/// A function of the trait.
struct Call {
    doc: TokenStream,
    deprecated: Option<TokenStream>,
    signature: TokenStream,
    /// Its body in the trait.
    default: TokenStream,
    /// Its body in the implementation by a configuration.
    body: TokenStream,
}

impl Call {
    /// The function for the method; `None` for one that is called through tonic's client.
    fn new(code: &MethodCode<'_>, names: &Names) -> Option<Self> {
        let MethodCode {
            request,
            reply,
            output,
            ..
        } = code;
        let form = code.method.form();
        let to_node = matches!(form, Form::Node | Form::Unicast);
        let (of, function) = match to_node {
            true => (&names.node, names.node_function(code)),
            false => (&names.configuration, names.configuration_function(code)),
        };
        let link = function.strip_prefix("r#").unwrap_or(&function);
        let mut line = format!("Makes the call [`{of}::{link}`]");
        let not_mocked = format!("{}::{link}", names.calls);
        let function = format_ident!("{function}");

        let (per_node, pass) = match code.method.per_node_arg {
            true => (
                Some(quote! {
                    per_node: impl FnMut(&#request, gorums_runtime::NodeId) -> Option<#request> + Send + 'static,
                }),
                Some(quote!(per_node)),
            ),
            false => (None, None),
        };
        let arguments = quote!(request: #request, #per_node);
        let call = quote!(Self::#function(self, request, #pass));
        let future = |output| quote!(-> impl std::future::Future<Output = #output> + Send);
        let (arguments, returned, body) = match form {
            Form::Client => return None,
            Form::Node | Form::Unicast => {
                line.push_str(" on `node`.");
                let output = match form {
                    Form::Node => quote!(Result<#reply, gorums_runtime::errors::NodeError>),
                    _ => quote!(Result<(), gorums_runtime::errors::NodeError>),
                };
                (
                    quote!(node: gorums_runtime::NodeId, #arguments),
                    future(output),
                    quote! {
                        let call = self.node(node).map(|node| node.#function(request));
                        async move { call?.await }
                    },
                )
            }
            Form::Multicast => {
                line.push('.');
                (
                    arguments,
                    future(quote!(Result<(), gorums_runtime::errors::MulticastError>)),
                    call,
                )
            }
            Form::Quorum(_) => {
                line.push('.');
                let output = quote!(Result<#output, gorums_runtime::errors::QuorumCallError>);
                (
                    arguments,
                    future(output),
                    quote!(std::future::IntoFuture::into_future(#call)),
                )
            }
            Form::Aggregate(_) => {
                line.push_str(", for the replies that `aggregation` wants.");
                (
                    quote!(#arguments aggregation: gorums_runtime::calls::Aggregation,),
                    future(
                        quote!(Result<gorums_runtime::Replies<#reply>, gorums_runtime::errors::QuorumCallError>),
                    ),
                    quote!(#call.replies(aggregation)),
                )
            }
            Form::Correctable => {
                line.push('.');
                (
                    arguments,
                    quote!(-> gorums_runtime::Correctable<#output>),
                    call,
                )
            }
        };
        let default = match form {
            Form::Correctable => quote!(gorums_runtime::codegen::not_mocked(#not_mocked)),
            _ => quote!(gorums_runtime::codegen::not_mocked_future(#not_mocked)),
        };
        Some(Self {
            doc: doc(&[line]),
            deprecated: code.method.deprecated.then(|| quote!(#[deprecated])),
            signature: quote!(fn #function(&self, #arguments) #returned),
            default,
            body,
        })
    }
}

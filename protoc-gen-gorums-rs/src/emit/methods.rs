//! The types that stand for a service's methods.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::doc::doc;
use super::gorums::Names;
use super::service_code::{MethodCode, ServiceCode};
use crate::model::Form;

/// The module of the types, and what they implement.
pub(super) fn methods(service: &ServiceCode<'_>, names: &Names) -> TokenStream {
    let methods = &service.methods;
    if methods.is_empty() {
        return TokenStream::new();
    }
    let types = methods.iter().map(|code| {
        let name = format_ident!("{}", code.type_name);
        let doc = doc(&[format!("`{}`", code.full_name(service.service))]);
        quote! {
            #doc
            #[derive(Clone, Copy, Debug)]
            pub struct #name;
        }
    });
    let impls = methods.iter().map(|code| {
        let method = method(service, code);
        let decide = code
            .method
            .has_quorum_function()
            .then(|| decide(code, names));
        quote!(#method #decide)
    });
    quote! {
        /// The service's methods as types.
        pub mod methods {
            #(#types)*
        }

        #(#impls)*
    }
}

fn method(service: &ServiceCode<'_>, code: &MethodCode<'_>) -> TokenStream {
    let MethodCode { request, reply, .. } = code;
    let marker = format_ident!("{}", code.type_name);
    let path = format!("/{}", code.full_name(service.service));
    let shape = code.method.shape;
    let with_request_stream = shape.client_stream.then(|| quote!(.with_request_stream()));
    let with_reply_stream = shape.server_stream.then(|| quote!(.with_reply_stream()));
    let with_concurrency = code.method.concurrent.then(|| quote!(.with_concurrency()));
    let with_idempotency = code.method.idempotent.then(|| quote!(.with_idempotency()));
    let is_usual = shape.is_unary() && !code.method.concurrent && !code.method.idempotent;
    let descriptor = (!is_usual).then(|| {
        quote! {
            const DESCRIPTOR: gorums_runtime::MethodDescriptor =
                gorums_runtime::MethodDescriptor::new(Self::PATH)
                #with_request_stream #with_reply_stream #with_concurrency #with_idempotency;
        }
    });
    quote! {
        impl gorums_runtime::Method for methods::#marker {
            type Request = #request;
            type Reply = #reply;
            const PATH: &'static str = #path;
            #descriptor
        }
    }
}

fn decide(code: &MethodCode<'_>, names: &Names) -> TokenStream {
    let output = &code.output;
    let quorum_spec = &names.quorum_spec;
    let marker = format_ident!("{}", code.type_name);
    let function = format_ident!("{}", code.quorum_function());
    let (of, forward, decision) = match code.method.form() {
        Form::Correctable => (
            quote!(gorums_runtime::codegen::Correct),
            quote!(correct),
            quote!(gorums_runtime::Correction<Self::Output>),
        ),
        _ => (
            quote!(gorums_runtime::calls::Decide),
            quote!(decide),
            quote!(Self::Output),
        ),
    };
    let request = code.method.shows_request().then(|| quote!(tally.request,));
    quote! {
        impl<Q: #quorum_spec> #of<Q> for methods::#marker {
            type Output = #output;

            fn #forward(tally: gorums_runtime::calls::Tally<'_, Self, Q>) -> Option<#decision> {
                tally.spec.#function(#request tally.replies)
            }
        }
    }
}

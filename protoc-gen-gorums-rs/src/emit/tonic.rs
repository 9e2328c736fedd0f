//! The stubs that tonic-build generates.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{ItemMod, parse_quote};
use tonic_build::{Attributes, CodeGenBuilder};

use super::lints;
use super::service_code::{MethodCode, ServiceCode};
use crate::names;
use crate::parameters::Parameters;

const CODEC: &str = "::gorums_runtime::codegen::ProstCodec";

/// Functions of tonic's clients, and of traits in scope everywhere that would be called in their place.
const TAKEN: [&str; 12] = [
    "accept_compressed",
    "clone",
    "connect",
    "into",
    "max_decoding_message_size",
    "max_encoding_message_size",
    "new",
    "send_compressed",
    "to_owned",
    "try_into",
    "with_interceptor",
    "with_origin",
];

/// The module of the service's client.
pub(crate) fn client(
    service: &ServiceCode<'_>,
    parameters: &Parameters,
) -> Result<ItemMod, syn::Error> {
    let attributes = attributes(
        &parameters.client_mod_attribute,
        &parameters.client_attribute,
    );
    let tokens = CodeGenBuilder::new()
        .attributes(attributes)
        .generate_client(&Stubs::new(service), "super");
    allow(&lints::function_names(service), tokens)
}

/// The module of the service's server.
pub(crate) fn server(
    service: &ServiceCode<'_>,
    parameters: &Parameters,
) -> Result<ItemMod, syn::Error> {
    let attributes = attributes(
        &parameters.server_mod_attribute,
        &parameters.server_attribute,
    );
    let tokens = CodeGenBuilder::new()
        .attributes(attributes)
        .generate_server(&Stubs::new(service), "super");
    allow(&lints::of_server(service), tokens)
}

fn attributes(module: &[(String, String)], structure: &[(String, String)]) -> Attributes {
    let mut attributes = Attributes::default();
    for (pattern, attribute) in module {
        attributes.push_mod(pattern, attribute);
    }
    for (pattern, attribute) in structure {
        attributes.push_struct(pattern, attribute);
    }
    attributes
}

/// Adds the lints to those that tonic's module allows.
fn allow(lints: &[&str], module: TokenStream) -> Result<ItemMod, syn::Error> {
    let mut module: ItemMod = syn::parse2(module)?;
    if !lints.is_empty() {
        let lints = lints::paths(lints);
        module.attrs.push(parse_quote!(#![allow(#(#lints),*)]));
    }
    Ok(module)
}

/// A service as tonic-build wants it.
struct Stubs<'a> {
    service: &'a ServiceCode<'a>,
    methods: Vec<Stub<'a>>,
}

/// A method as tonic-build wants it.
struct Stub<'a> {
    method: &'a MethodCode<'a>,
    function: String,
}

impl<'a> Stubs<'a> {
    fn new(service: &'a ServiceCode<'a>) -> Self {
        let methods = service.methods.iter();
        let methods = methods.map(|method| Stub {
            method,
            function: names::avoid(&method.function, &TAKEN),
        });
        Self {
            service,
            methods: methods.collect(),
        }
    }
}

impl<'a> tonic_build::Service for Stubs<'a> {
    type Comment = String;
    type Method = Stub<'a>;

    fn name(&self) -> &str {
        &self.service.type_name
    }

    fn package(&self) -> &str {
        self.service.package
    }

    fn identifier(&self) -> &str {
        &self.service.service.name
    }

    fn methods(&self) -> &[Stub<'a>] {
        &self.methods
    }

    fn comment(&self) -> &[String] {
        &self.service.comment
    }
}

impl tonic_build::Method for Stub<'_> {
    type Comment = String;

    fn name(&self) -> &str {
        &self.function
    }

    fn identifier(&self) -> &str {
        &self.method.method.name
    }

    fn codec_path(&self) -> &str {
        CODEC
    }

    fn client_streaming(&self) -> bool {
        self.method.method.shape.client_stream
    }

    fn server_streaming(&self) -> bool {
        self.method.method.shape.server_stream
    }

    fn comment(&self) -> &[String] {
        &self.method.comment
    }

    fn deprecated(&self) -> bool {
        self.method.method.deprecated
    }

    fn request_response_name(&self, _: &str, _: bool) -> (TokenStream, TokenStream) {
        (
            self.method.request.to_token_stream(),
            self.method.reply.to_token_stream(),
        )
    }
}

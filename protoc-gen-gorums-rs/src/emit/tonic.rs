//! The stubs that tonic-build generates.

use proc_macro2::{Group, Ident, Literal, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{ItemMod, parse_quote};
use tonic_build::{Attributes, CodeGenBuilder};

use super::service_code::{MethodCode, ServiceCode};
use super::{doc, lints};
use crate::names;
use crate::parameters::Parameters;

const CODEC: &str = "gorums_runtime::codegen::ProstCodec";

/// Functions of tonic's clients, and of traits of the prelude that would hide a method's function.
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

/// Names in the module of tonic's server: the service's trait would hide them, or be hidden by them.
const SERVER_NAMES: [&str; 16] = [
    "Arc",
    "B",
    "Body",
    "Box",
    "BoxFuture",
    "Clone",
    "CompressionEncoding",
    "Context",
    "Default",
    "EnabledCompressionEncodings",
    "InterceptedService",
    "Into",
    "Option",
    "Poll",
    "Self",
    "T",
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
    complete(service, &lints::of_service(service), tokens)
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
    let mut stubs = Stubs::new(service);
    let mut builder = CodeGenBuilder::new();
    builder.attributes(attributes);
    let tokens = if names_of_server(service).any(|taken| taken == stubs.type_name) {
        stubs.type_name.push('_');
        let renamed = [
            (
                format!("{}_Server", service.type_name),
                format!("{}Server", service.type_name),
            ),
            (
                format!("{}__server", service.service.module_stem()),
                format!("{}_server", service.service.module_stem()),
            ),
        ];
        rename(builder.generate_server(&stubs, "super"), &renamed)
    } else {
        builder.generate_server(&stubs, "super")
    };
    complete(service, &lints::of_server(service), tokens)
}

/// The names that the trait of the service cannot have in the module of its server.
fn names_of_server(service: &ServiceCode<'_>) -> impl Iterator<Item = String> {
    let of_methods = service.methods.iter();
    let of_methods = of_methods.map(|code| format!("{}Svc", code.method.name));
    SERVER_NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .chain(of_methods)
}

/// Renames identifiers, also where documentation ends with one.
fn rename(tokens: TokenStream, names: &[(String, String)]) -> TokenStream {
    let tokens = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => {
            let inner = rename(group.stream(), names);
            let mut renamed = Group::new(group.delimiter(), inner);
            renamed.set_span(group.span());
            renamed.into()
        }
        TokenTree::Ident(ident) => {
            let name = names.iter().find(|(old, _)| ident == old);
            name.map_or(ident.clone(), |(_, new)| Ident::new(new, ident.span()))
                .into()
        }
        TokenTree::Literal(literal) => {
            // The documentation of the trait names its server at the end.
            let text = literal.to_string();
            let renamed = names.iter().find_map(|(old, new)| {
                let rest = text.strip_suffix(&format!(" {old}.\""))?;
                format!("{rest} {new}.\"").parse::<Literal>().ok()
            });
            renamed.unwrap_or(literal).into()
        }
        other => other,
    });
    tokens.collect()
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

/// Imports tonic from the runtime, adds the lints to those that tonic's module allows, and deprecates the module if the
/// service is deprecated.
fn complete(
    service: &ServiceCode<'_>,
    lints: &[&str],
    module: TokenStream,
) -> Result<ItemMod, syn::Error> {
    let mut module: ItemMod = syn::parse2(module)?;
    if let Some((_, items)) = &mut module.content {
        items.insert(
            0,
            parse_quote!(
                use gorums_runtime::tonic;
            ),
        );
    }
    if !lints.is_empty() {
        let lints = lints::paths(lints);
        module.attrs.push(parse_quote!(#![allow(#(#lints),*)]));
    }
    if service.service.deprecated {
        module.attrs.push(parse_quote!(#[deprecated]));
    }
    Ok(module)
}

/// A service in the form that tonic-build takes.
struct Stubs<'a> {
    service: &'a ServiceCode<'a>,
    /// The name of the server's trait, from which tonic derives the others.
    type_name: String,
    /// Lines with a leading space. tonic adds one to lines without it, which would change the indentation of code.
    comment: Vec<String>,
    methods: Vec<Stub<'a>>,
}

/// A method in the form that tonic-build takes.
struct Stub<'a> {
    method: &'a MethodCode<'a>,
    function: String,
    comment: Vec<String>,
}

fn indented(comment: &[String]) -> Vec<String> {
    comment.iter().map(|line| doc::indented(line)).collect()
}

impl<'a> Stubs<'a> {
    fn new(service: &'a ServiceCode<'a>) -> Self {
        let methods = service.methods.iter();
        let methods = methods.map(|method| Stub {
            method,
            function: names::avoid(&method.function, &TAKEN),
            comment: indented(&method.comment),
        });
        Self {
            service,
            type_name: service.type_name.clone(),
            comment: indented(&service.comment),
            methods: methods.collect(),
        }
    }
}

impl<'a> tonic_build::Service for Stubs<'a> {
    type Comment = String;
    type Method = Stub<'a>;

    fn name(&self) -> &str {
        &self.type_name
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
        &self.comment
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
        &self.comment
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

//! The trait of a service's replicas, and how they are served.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::doc::doc;
use super::gorums::Names;
use super::service_code::{MethodCode, ServiceCode};

/// The trait that a replica implements, and the service that it is served as.
pub(super) fn replica(service: &ServiceCode<'_>, names: &Names) -> TokenStream {
    let full_name = &service.service.full_name;
    let Names {
        replica,
        service: marker,
        replica_server,
        ..
    } = names;
    let trait_doc = doc(&[
        &format!("What a replica of the service `{full_name}` does with each call."),
        "",
        "A handler runs to its end, even if its caller gives up (see `ctx`). If it panics, only its call fails.",
    ]);
    let functions = service.methods.iter().map(|code| function(service, code));
    let marker_doc = doc(&[format!("The service `{full_name}` as a type.")]);
    let handlers: Vec<TokenStream> = service.methods.iter().map(handler).collect();
    let (argument, add_handlers) = match handlers.is_empty() {
        true => (quote!(_), None),
        false => (quote!(handlers), Some(quote!(handlers #(#handlers)*;))),
    };
    let server_doc = doc(&[format!("A [`{replica}`] as a service of a server.")]);
    quote! {
        #trait_doc
        pub trait #replica: Send + Sync + 'static {
            #(#functions)*
        }

        #marker_doc
        #[derive(Clone, Copy, Debug)]
        pub struct #marker;

        impl gorums_runtime::server::ServiceName for #marker {
            const NAME: &'static str = #full_name;
        }

        impl<T: #replica> gorums_runtime::codegen::Serve<T> for #marker {
            fn add_handlers(#argument: &mut gorums_runtime::codegen::Handlers<T>) {
                #add_handlers
            }
        }

        #server_doc
        pub type #replica_server = gorums_runtime::server::ReplicaServer<#marker>;
    }
}

/// The arguments and the result of a handler, besides the context.
struct Signature {
    /// The function of `Handlers` that takes it.
    register: &'static str,
    /// The name and type of each argument.
    arguments: Vec<(&'static str, TokenStream)>,
    output: TokenStream,
}

impl Signature {
    fn new(code: &MethodCode<'_>) -> Self {
        let MethodCode { request, reply, .. } = code;
        let shape = code.method.shape;
        let sink = ("replies", quote!(gorums_runtime::ReplySink<#reply>));
        let one = ("request", quote!(#request));
        let many = (
            "requests",
            quote!(gorums_runtime::tonic::Streaming<#request>),
        );
        let (register, arguments, output) = if code.method.is_one_way() {
            let register = match shape.client_stream {
                true => "one_way_stream",
                false => "one_way",
            };
            (register, vec![one], quote!(()))
        } else {
            match (shape.client_stream, shape.server_stream) {
                (false, false) => ("unary", vec![one], quote!(#reply)),
                (false, true) => ("server_streaming", vec![one, sink], quote!(())),
                (true, false) => ("client_streaming", vec![many], quote!(#reply)),
                (true, true) => ("bidirectional", vec![many, sink], quote!(())),
            }
        };
        let output = match code.method.is_one_way() {
            true => output,
            false => quote!(Result<#output, gorums_runtime::tonic::Status>),
        };
        Self {
            register,
            arguments,
            output,
        }
    }
}

/// A function of the trait.
fn function(service: &ServiceCode<'_>, code: &MethodCode<'_>) -> TokenStream {
    let Signature {
        arguments, output, ..
    } = Signature::new(code);
    let arguments = arguments.iter().map(|(name, of)| {
        let name = format_ident!("{name}");
        quote!(#name: #of)
    });
    let doc = doc(&lines(service, code));
    let function = format_ident!("{}", code.function);
    quote! {
        #doc
        fn #function(
            &self,
            ctx: &gorums_runtime::Context,
            #(#arguments,)*
        ) -> impl std::future::Future<Output = #output> + Send;
    }
}

/// The lines that document the function: the proto's comment, or a default.
fn lines(service: &ServiceCode<'_>, code: &MethodCode<'_>) -> Vec<String> {
    let full_name = code.full_name(service.service);
    let mut lines = if code.comment.is_empty() {
        vec![format!("Handles `{full_name}`.")]
    } else {
        code.comment.clone()
    };
    let shape = code.method.shape;
    let more = if code.method.is_one_way() && shape.client_stream {
        Some(
            "Called for each request of the stream, one after the other. The caller waits for no reply.",
        )
    } else if code.method.is_one_way() {
        Some("The caller waits for no reply.")
    } else if shape.server_stream {
        Some("The stream of replies ends when this has returned and `replies` is dropped.")
    } else {
        None
    };
    if let Some(more) = more {
        lines.push(String::new());
        lines.push(more.to_owned());
    }
    lines
}

/// The registration of the function.
fn handler(code: &MethodCode<'_>) -> TokenStream {
    let register = format_ident!("{}", Signature::new(code).register);
    let marker = format_ident!("{}", code.type_name);
    let function = format_ident!("{}", code.function);
    quote!(.#register(methods::#marker, T::#function))
}

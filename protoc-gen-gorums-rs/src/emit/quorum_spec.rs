//! The trait of a service's quorum functions.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::doc::doc;
use super::gorums::Names;
use super::service_code::{MethodCode, ServiceCode};
use crate::model::Form;

/// The trait of the service's quorum functions.
pub(super) fn quorum_spec(service: &ServiceCode<'_>, names: &Names) -> TokenStream {
    let quorum_spec = &names.quorum_spec;
    let functions = service
        .methods
        .iter()
        .filter(|code| code.method.has_quorum_function());
    let functions = functions.map(|code| function(code, names));
    let doc = doc(&[
        &format!(
            "The quorum functions of the service `{}`.",
            service.service.full_name
        ),
        "",
        "Each is called after every reply to its call, with all replies so far in order of arrival. It returns",
        "the result of the call, or `None` to wait for more replies.",
    ]);
    let missing = format!(
        "`{{Self}}` has no quorum functions for the service `{}`",
        service.service.full_name
    );
    let label = format!("this needs a `{quorum_spec}`");
    let note = format!(
        "add one with `with_spec`: `{}::new(members).with_spec(spec)`",
        names.configuration
    );
    quote! {
        #doc
        #[diagnostic::on_unimplemented(message = #missing, label = #label, note = #note)]
        pub trait #quorum_spec: Send + Sync + 'static {
            #(#functions)*
        }
    }
}

fn function(code: &MethodCode<'_>, names: &Names) -> TokenStream {
    let MethodCode { request, reply, .. } = code;
    let decision = code.decision();
    let function = format_ident!("{}", code.quorum_function());
    let method = names.configuration_function(code);
    let method = method.strip_prefix("r#").unwrap_or(&method);
    let verb = match code.method.form() {
        Form::Correctable => "Gives the levels of",
        _ => "Decides",
    };
    let doc = doc(&[format!("{verb} [`{}::{method}`].", names.configuration)]);
    let request = code.method.shows_request().then(|| {
        let request = request.reference();
        quote!(request: #request,)
    });
    quote! {
        #doc
        fn #function(&self, #request replies: &mut gorums_runtime::Replies<#reply>) -> Option<#decision>;
    }
}

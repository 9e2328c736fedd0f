//! The input of the code of a service.

use proc_macro2::TokenStream;
use quote::quote;

use super::rust_type::RustType;
use crate::docs::Deprecated;
use crate::model::{Form, Method, Service};
use crate::names;

/// The input of the code of a service: the model, with Rust paths.
#[derive(Clone, Debug)]
pub(crate) struct ServiceCode<'a> {
    pub(crate) service: &'a Service,
    pub(crate) package: &'a str,
    /// The name of its types.
    pub(crate) type_name: String,
    /// The proto's comment, line by line.
    pub(crate) comment: Vec<String>,
    pub(crate) methods: Vec<MethodCode<'a>>,
    /// Whether it or one of its types is deprecated, so that its code uses deprecated items.
    pub(crate) uses_deprecated: bool,
}

/// The input of the code of a method.
#[derive(Clone, Debug)]
pub(crate) struct MethodCode<'a> {
    pub(crate) method: &'a Method,
    /// The name of its functions, unless another function has that name.
    pub(crate) function: String,
    /// The name of its marker type.
    pub(crate) type_name: String,
    /// The proto's comment, line by line.
    pub(crate) comment: Vec<String>,
    pub(crate) request: RustType,
    pub(crate) reply: RustType,
    /// What its quorum function returns.
    pub(crate) output: RustType,
}

impl<'a> ServiceCode<'a> {
    /// Joins the model of a service with the types from prost-build, which finds prost at `prost_path`. `resolved` has the
    /// service's methods, followed by one more for each custom return type, which is its reply.
    pub(crate) fn new(
        package: &'a str,
        service: &'a Service,
        resolved: &prost_build::Service,
        deprecated: &Deprecated,
        prost_path: &str,
    ) -> Result<Self, syn::Error> {
        let rust_type = |path: &str| RustType::new(path, prost_path);
        let mut custom_types = resolved.methods.iter().skip(service.methods.len());
        let mut methods = Vec::with_capacity(service.methods.len());
        for (method, resolved) in service.methods.iter().zip(&resolved.methods) {
            let reply = rust_type(&resolved.output_type)?;
            let custom_type = method
                .custom_return_type
                .as_ref()
                .and_then(|_| custom_types.next());
            methods.push(MethodCode {
                method,
                function: names::snake(&method.name),
                type_name: names::upper_camel(&method.name),
                comment: resolved.comments.leading.clone(),
                request: rust_type(&resolved.input_type)?,
                output: match custom_type {
                    Some(custom_type) => rust_type(&custom_type.output_type)?,
                    None => reply.clone(),
                },
                reply,
            });
        }
        let mut with_types = resolved.methods.iter();
        let uses_deprecated = service.deprecated
            || with_types.any(|method| {
                deprecated.contains(&method.input_proto_type)
                    || deprecated.contains(&method.output_proto_type)
            });
        Ok(Self {
            uses_deprecated,
            service,
            package,
            type_name: service.type_name(),
            comment: resolved.comments.leading.clone(),
            methods,
        })
    }
}

impl MethodCode<'_> {
    /// `package.Service/Method`
    pub(crate) fn full_name(&self, service: &Service) -> String {
        format!("{}/{}", service.full_name, self.method.name)
    }

    /// The type of its quorum function's result, as the quorum spec gives it.
    pub(crate) fn decision(&self) -> TokenStream {
        let output = &self.output;
        match self.method.form() {
            Form::Correctable => quote!(gorums_runtime::Correction<#output>),
            _ => quote!(#output),
        }
    }

    /// The name of its quorum function.
    pub(crate) fn quorum_function(&self) -> String {
        names::quorum_function(&self.method.name)
    }
}

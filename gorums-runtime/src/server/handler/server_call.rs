//! A call on its way to its handler.

use std::fmt;
use std::sync::Arc;

use prost::Message;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::context::Context;
use crate::call::{AnyMessage, MethodDescriptor};

/// A call on its way to its handler, as a [`ServerInterceptor`](super::ServerInterceptor) sees it.
pub struct ServerCall {
    context: Context,
    /// The service and the method that are called, such as `register.Register/Read`.
    name: Arc<str>,
    method: Option<&'static MethodDescriptor>,
    /// `None` if the request is a stream, or there is a refusal.
    request: Option<AnyMessage>,
    /// Why no handler will run.
    refusal: Option<Status>,
}

impl ServerCall {
    /// A call whose request is a message.
    pub(super) fn with_request(context: Context, request: AnyMessage) -> Self {
        Self {
            request: Some(request),
            ..Self::with_stream(context)
        }
    }

    /// A call whose request is a stream of messages.
    pub(super) fn with_stream(context: Context) -> Self {
        let method = context.method();
        Self {
            context,
            name: method.full_name().into(),
            method: Some(method),
            request: None,
            refusal: None,
        }
    }

    /// A call whose request does not decode.
    pub(super) fn undecodable(context: Context, refusal: Status) -> Self {
        Self {
            refusal: Some(refusal),
            ..Self::with_stream(context)
        }
    }

    /// A call of the unknown method `name`.
    pub(super) fn unknown(context: Context, name: &str, refusal: Status) -> Self {
        Self {
            name: name.into(),
            method: None,
            refusal: Some(refusal),
            ..Self::with_stream(context)
        }
    }

    /// The service and the method that are called, such as `register.Register/Read`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The method that is called. `None` if there is no such method here.
    pub fn method(&self) -> Option<&'static MethodDescriptor> {
        self.method
    }

    /// What the handler will know about the call: who calls, its metadata, the time left.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The metadata that the handler will see, to be added to or changed. The caller does not see the changes.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        self.context.metadata_mut()
    }

    /// Makes `parent` that of the handler's span.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn set_parent(&mut self, parent: opentelemetry::Context) {
        self.context.set_parent(parent);
    }

    /// The request. `None` if it does not decode, there is no such method, or the method takes a stream of requests.
    pub fn request(&self) -> Option<&AnyMessage> {
        self.request.as_ref()
    }

    /// The request, if its type is `T`.
    pub fn request_as<T: Message + 'static>(&self) -> Option<&T> {
        self.request()?.downcast_ref()
    }

    /// The request, to change it, if its type is `T`. The handler gets what it becomes.
    pub fn request_as_mut<T: Message + 'static>(&mut self) -> Option<&mut T> {
        self.request.as_mut()?.downcast_mut()
    }

    /// Splits the call for its handler.
    ///
    /// # Errors
    ///
    /// The call's refusal, if it has one.
    pub(super) fn into_parts(self) -> Result<(Context, Option<AnyMessage>), Status> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => Ok((self.context, self.request)),
        }
    }
}

impl fmt::Debug for ServerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCall")
            .field("name", &self.name)
            .field("peer", &self.context.peer())
            .finish_non_exhaustive()
    }
}

//! What the requests of one call have in common.

use std::sync::Arc;

use tonic::metadata::{MetadataMap, MetadataValue};

use super::deadline::Deadline;
use super::method::{Method, MethodDescriptor};

/// What the requests of one call have in common, whatever their node and transport.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) deadline: Deadline,
    metadata: Option<Arc<MetadataMap>>,
}

impl Envelope {
    /// The envelope of a call of `M`. The deadline is part of the metadata, as `grpc-timeout`.
    pub(crate) fn new<M: Method>(
        mut metadata: Option<Arc<MetadataMap>>,
        deadline: Deadline,
    ) -> Self {
        // A stream of messages outlives the call that opens it.
        if !M::DESCRIPTOR.streams_requests()
            && let Some(timeout) = deadline.grpc_timeout()
            && let Ok(timeout) = MetadataValue::try_from(timeout)
        {
            let mut with_timeout = metadata.map(Arc::unwrap_or_clone).unwrap_or_default();
            with_timeout.insert(TIMEOUT, timeout);
            metadata = Some(Arc::new(with_timeout));
        }
        Self {
            method: &M::DESCRIPTOR,
            deadline,
            metadata,
        }
    }

    /// The metadata of the requests, the deadline included.
    pub(crate) fn metadata(&self) -> Option<&MetadataMap> {
        self.metadata.as_deref()
    }
}

/// The header of gRPC that carries a deadline.
const TIMEOUT: &str = "grpc-timeout";

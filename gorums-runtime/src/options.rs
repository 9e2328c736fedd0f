//! What the caller may say of a call.

use std::time::Duration;

use tonic::metadata::MetadataMap;

use crate::deadline::Deadline;

/// The options of one call, of whatever kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) metadata: MetadataMap,
}

impl CallOptions {
    /// The deadline of a call that starts now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }
}

//! What the caller may say of a call.

use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataMap;

use super::deadline::Deadline;

/// What is asked of a call besides its request: its deadline, its metadata, and what becomes of it once it is
/// decided.
///
/// Set on a service, with the generated `with_options`, it holds for every call that is made from it; most calls
/// can also be given their own before they start.
///
/// ```
/// use std::time::Duration;
/// use gorums_runtime::CallOptions;
///
/// let options = CallOptions::new().timeout(Duration::from_millis(50)).cancel_rest();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until a call has them"]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    /// None if there is none: most calls have none, and an empty map takes time, too.
    pub(crate) metadata: Option<Arc<MetadataMap>>,
    pub(crate) cancel_rest: bool,
}

impl CallOptions {
    /// No deadline, no metadata, and a decided call goes on at the nodes that have not answered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends a call `timeout` after it started, unless it has ended by then. The deadline travels to the servers as
    /// `grpc-timeout`. Without it a call waits as long as a node may answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends `metadata` along with the request, in place of what was set before.
    pub fn metadata(mut self, metadata: MetadataMap) -> Self {
        self.metadata = (!metadata.is_empty()).then(|| Arc::new(metadata));
        self
    }

    /// Withdraws a quorum call, once it is decided, from the nodes that have not answered yet.
    ///
    /// For calls that change nothing at the servers and are dear there. Withdrawing thousands of calls at once can
    /// make a server close its connection, as it would for an attacker.
    pub fn cancel_rest(mut self) -> Self {
        self.cancel_rest = true;
        self
    }

    /// The deadline of a call that starts now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }
}

/// The methods by which a call that has not started is given its options.
macro_rules! option_methods {
    () => {
        /// Ends the call `timeout` after it started, with `DeadlineExceeded` unless it has ended by then. The
        /// deadline travels to the servers as `grpc-timeout`. Without it a call waits as long as a node may answer.
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options = self.options.timeout(timeout);
            self
        }

        /// Sends `metadata` along with the request, in place of what was set before.
        pub fn metadata(mut self, metadata: tonic::metadata::MetadataMap) -> Self {
            self.options = self.options.metadata(metadata);
            self
        }
    };
    (decided) => {
        option_methods!();

        /// Withdraws the call, once it is decided, from the nodes that have not answered yet. See
        /// [`CallOptions::cancel_rest`](crate::CallOptions::cancel_rest).
        pub fn cancel_rest(mut self) -> Self {
            self.options = self.options.cancel_rest();
            self
        }
    };
}

pub(crate) use option_methods;

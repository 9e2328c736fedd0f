//! The options of a call.

use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataMap;

use super::client_interceptor::{ClientInterceptor, ClientInterceptors};
use super::deadline::Deadline;
use super::served::{self, Served, Withdrawal};
use crate::thrifty::Thrifty;

/// The options of a call: its deadline, its metadata, and what happens to it once it is decided.
///
/// The generated `with_options` of a service applies them to every call made through the returned handle. Most calls
/// also have setters of their own.
///
/// ```
/// use std::time::Duration;
/// use gorums_runtime::CallOptions;
///
/// let options = CallOptions::new().timeout(Duration::from_millis(50)).cancel_rest();
/// ```
///
/// The functions whose names begin with `get_` read the options, for mocks that are given some:
///
/// ```
/// # use std::time::Duration;
/// # use gorums_runtime::CallOptions;
/// # let options = CallOptions::new().timeout(Duration::from_millis(50)).cancel_rest();
/// assert_eq!(options.get_timeout(), Some(Duration::from_millis(50)));
/// assert!(options.get_cancel_rest());
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until a call has them"]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    /// `None` if empty: most calls have no metadata, and even an empty map costs time.
    pub(crate) metadata: Option<Arc<MetadataMap>>,
    pub(crate) cancel_rest: bool,
    pub(crate) is_independent: bool,
    /// What is around the call, inside of what its manager has.
    pub(crate) interceptors: ClientInterceptors,
    /// How the call goes to some of the nodes first. Only for methods that allow it.
    pub(crate) thrifty: Option<Thrifty>,
}

impl CallOptions {
    /// No deadline, no metadata, nested in the call that a handler serves, and a decided call goes on at the nodes that
    /// have not answered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends a call `timeout` after it started, unless it has ended by then. The deadline travels to the servers as
    /// `grpc-timeout`. Without it a call waits as long as a node may answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends `metadata` along with the request, in addition to what was set before. Its entries replace those with the
    /// same keys.
    pub fn metadata(mut self, metadata: MetadataMap) -> Self {
        if !metadata.is_empty() {
            let before = self.metadata.take().map(Arc::unwrap_or_clone);
            let mut headers = before.unwrap_or_default().into_headers();
            headers.extend(metadata.into_headers());
            self.metadata = Some(Arc::new(MetadataMap::from_headers(headers)));
        }
        self
    }

    /// Withdraws a quorum call, once it is decided, from the nodes that have not answered yet.
    ///
    /// Use it for expensive calls that change nothing at the servers. A server may take thousands of withdrawals at
    /// once for an attack and close the connection.
    pub fn cancel_rest(mut self) -> Self {
        self.cancel_rest = true;
        self
    }

    /// Makes a call that a handler makes independent of the call that the handler serves.
    ///
    /// Otherwise such a nested call ends at the deadline of the served call, if that is before its own, and is
    /// withdrawn when the caller of the served call gives up.
    pub fn independent(mut self) -> Self {
        self.is_independent = true;
        self
    }

    /// Lets quorum calls contact one quorum first, and others when it fails or is late; see [`Thrifty`].
    ///
    /// A method has to be declared for it: with `option idempotency_level = NO_SIDE_EFFECTS` or `IDEMPOTENT` in its proto. A
    /// quorum call of another method ends as [`NotIdempotent`](crate::errors::QuorumCallErrorKind::NotIdempotent), and is not
    /// sent. [`responses`](crate::AggregateCall::responses) and one-way calls go to all nodes in any case.
    pub fn thrifty(mut self, thrifty: &Thrifty) -> Self {
        self.thrifty = Some(thrifty.clone());
        self
    }

    /// Puts `interceptor` around the calls that have these options, inside of those that were added before; see
    /// [`ClientInterceptor`].
    pub fn intercept(mut self, interceptor: impl ClientInterceptor) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// How long a call may take, if [`timeout`](Self::timeout) was set.
    pub fn get_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What is sent along with a request, if [`metadata`](Self::metadata) was set.
    pub fn get_metadata(&self) -> Option<&MetadataMap> {
        self.metadata.as_deref()
    }

    /// Whether [`cancel_rest`](Self::cancel_rest) was set.
    pub fn get_cancel_rest(&self) -> bool {
        self.cancel_rest
    }

    /// Whether [`independent`](Self::independent) was set.
    pub fn get_independent(&self) -> bool {
        self.is_independent
    }

    /// How calls go to some of the nodes first, if [`thrifty`](Self::thrifty) was set.
    pub fn get_thrifty(&self) -> Option<&Thrifty> {
        self.thrifty.as_ref()
    }

    /// The deadline of a call that starts now.
    pub(crate) fn deadline(&self) -> Deadline {
        let own = Deadline::after(self.timeout);
        match self.served() {
            Some(served) => own.or_earlier(served.deadline()),
            None => own,
        }
    }

    /// When a call that starts now is withdrawn because it serves nobody any more.
    pub(crate) fn withdrawal(&self) -> Withdrawal {
        Withdrawal::with(self.served())
    }

    /// Whether a call that starts now would serve nobody.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.served().is_some_and(|served| served.is_abandoned())
    }

    /// The call that a call which starts now serves, if any.
    #[inline]
    fn served(&self) -> Option<Arc<dyn Served>> {
        match self.is_independent {
            true => None,
            false => served::current(),
        }
    }
}

/// The setters for the options of a call that has not started.
macro_rules! option_methods {
    () => {
        /// Ends the call `timeout` after it started, with `DeadlineExceeded` unless it has ended by then. The
        /// deadline travels to the servers as `grpc-timeout`. Without it a call waits as long as a node may answer.
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options = self.options.timeout(timeout);
            self
        }

        /// Sends `metadata` along with the request, in addition to that of the service's options. Its entries replace
        /// those with the same keys.
        pub fn metadata(mut self, metadata: tonic::metadata::MetadataMap) -> Self {
            self.options = self.options.metadata(metadata);
            self
        }

        /// Makes a call that a handler makes independent of the call that the handler serves. See
        /// [`CallOptions::independent`](crate::CallOptions::independent).
        pub fn independent(mut self) -> Self {
            self.options = self.options.independent();
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

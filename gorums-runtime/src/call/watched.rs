//! A call that its interceptors watch.

use std::any::Any;
use std::fmt;

use tokio::time::Instant;
use tonic::Status;

use super::client_interceptor::{CallWatch, ClientCall, NodeOutcome};
use super::deadline::Deadline;
use super::message_options::MessageOptions;
use super::method::Method;
use super::options::CallOptions;
use super::outcome::CallOutcome;
use crate::identity::{ConfigurationId, NodeId};
use crate::metrics::CallMeter;
use crate::support::{Panicked, guard};

/// What the interceptors and the metrics of one call see of it. Without these it costs nothing.
#[derive(Default)]
pub(crate) struct Watched {
    watches: Option<Box<Watches>>,
    meter: CallMeter,
}

struct Watches {
    started: Instant,
    /// The outermost first.
    watches: Vec<Box<dyn CallWatch>>,
}

/// What is called.
pub(crate) struct Called<'a> {
    /// The configuration; `None` for one node.
    pub(crate) configuration: Option<ConfigurationId>,
    /// The options of its manager.
    pub(crate) messages: &'a MessageOptions,
    /// When the call began, if the time is known already. Otherwise it begins now.
    pub(crate) started: Option<Instant>,
}

impl Watched {
    /// Shows a call of `M` to the interceptors, before it is sent.
    ///
    /// # Errors
    ///
    /// Why it must not be sent.
    #[inline]
    pub(crate) fn start<M: Method>(
        called: Called<'_>,
        nodes: impl Iterator<Item = NodeId>,
        request: &mut M::Request,
        options: &mut CallOptions,
        deadline: Deadline,
    ) -> Result<Self, Status> {
        let meter = &called.messages.meter;
        let started = || called.started.unwrap_or_else(Instant::now);
        let mut meter = meter.begin(M::DESCRIPTOR.full_name(), started);
        if options.interceptors.is_empty() && called.messages.interceptors.is_empty() {
            return Ok(Self {
                watches: None,
                meter,
            });
        }
        let nodes = nodes.collect();
        match Self::start_watches::<M>(called, nodes, request, options, deadline) {
            Ok(watches) => Ok(Self { watches, meter }),
            Err(refusal) => {
                meter.end(CallOutcome::Failed as usize, CallOutcome::Failed.name());
                Err(refusal)
            }
        }
    }

    #[cold]
    fn start_watches<M: Method>(
        called: Called<'_>,
        nodes: Vec<NodeId>,
        request: &mut M::Request,
        options: &mut CallOptions,
        deadline: Deadline,
    ) -> Result<Option<Box<Watches>>, Status> {
        let mut watches = Watches {
            started: called.started.unwrap_or_else(Instant::now),
            watches: Vec::new(),
        };
        let CallOptions {
            interceptors,
            metadata,
            ..
        } = options;
        let mut call = ClientCall {
            method: &M::DESCRIPTOR,
            configuration: called.configuration,
            nodes: &nodes,
            deadline,
            metadata,
            request_len: prost::Message::encoded_len(request),
            request,
        };
        let all = called
            .messages
            .interceptors
            .iter()
            .chain(interceptors.iter());
        for interceptor in all {
            let started = guard(|| interceptor.start(&mut call));
            match started.unwrap_or_else(|it| Err(panicked(&it))) {
                Ok(watch) => watches.watches.extend(watch),
                Err(refusal) => {
                    for node in nodes {
                        let _ = watches.node(node, Err(&refusal));
                    }
                    watches.end(CallOutcome::Failed);
                    return Err(refusal);
                }
            }
        }
        Ok((!watches.watches.is_empty()).then(|| Box::new(watches)))
    }

    /// Whether an interceptor watches the call.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watches.is_some()
    }

    /// Shows a node's reply or error.
    ///
    /// # Errors
    ///
    /// Why an interceptor rejects a reply.
    #[inline]
    pub(crate) fn node<R: Any + Send>(
        &mut self,
        node: NodeId,
        outcome: Result<&mut R, &Status>,
    ) -> Result<(), Status> {
        match &mut self.watches {
            None => Ok(()),
            Some(watches) => {
                let outcome = outcome.map(|reply| Some(reply as &mut (dyn Any + Send)));
                watches.node(node, outcome)
            }
        }
    }

    /// Shows that a one-way request was handed to the transport, or was not.
    #[inline]
    pub(crate) fn sent(&mut self, node: NodeId, outcome: Result<(), &Status>) {
        if let Some(watches) = &mut self.watches {
            // What was sent cannot be rejected.
            let _ = watches.node(node, outcome.map(|()| None));
        }
    }

    /// Shows how the call ended, unless it has ended before.
    #[inline]
    pub(crate) fn end(&mut self, outcome: CallOutcome) {
        self.meter.end(outcome as usize, outcome.name());
        if let Some(mut watches) = self.watches.take() {
            watches.end(outcome);
        }
    }
}

impl Watches {
    fn node(
        &mut self,
        node: NodeId,
        result: Result<Option<&mut (dyn Any + Send)>, &Status>,
    ) -> Result<(), Status> {
        let mut outcome = NodeOutcome {
            node,
            elapsed: self.started.elapsed(),
            result,
            rejected: None,
        };
        for watch in self.watches.iter_mut().rev() {
            if let Err(panicked) = guard(|| watch.node(&mut outcome)) {
                outcome.reject(self::panicked(&panicked));
            }
        }
        outcome.rejected.map_or(Ok(()), Err)
    }

    fn end(&mut self, outcome: CallOutcome) {
        let elapsed = self.started.elapsed();
        for watch in self.watches.iter_mut().rev() {
            // The call has ended, and nobody waits to hear of a panic.
            let _ = guard(|| watch.end(outcome, elapsed));
        }
    }
}

/// The status of a call whose interceptor panicked.
fn panicked(panicked: &Panicked) -> Status {
    Status::internal(format!("an interceptor panicked: {}", panicked.0))
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end(CallOutcome::Cancelled);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.is_watched()).finish()
    }
}

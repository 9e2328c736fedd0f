//! A correctable before it starts.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use tokio::sync::watch;

use super::correction::{Correct, Correction};
use super::{Correctable, Leveled, Progress};
use crate::call::{CallOptions, Decide, Method, MethodDescriptor, PerNode, Tally};
use crate::caller::Caller;
use crate::configuration::Configuration;
use crate::identity::NodeId;
use crate::quorum_call::{QuorumCall, QuorumCallError, Undecided};
use crate::support::guarded;

/// A correctable call that has not started.
#[must_use = "a call does nothing until it is started"]
pub struct CorrectableCall<M: Correct<Q>, Q: Send + Sync + 'static> {
    call: QuorumCall<Corrected<M>, Publisher<Q, M::Output>>,
    configuration: Configuration,
    progress: watch::Sender<Progress<M::Output>>,
}

impl<M: Correct<Q>, Q: Send + Sync + 'static> CorrectableCall<M, Q> {
    /// A call of `request` on every node of `caller`, decided by its spec. For generated code.
    pub fn new(caller: &Caller<Q>, request: M::Request) -> Self {
        Self::of(
            caller.configuration(),
            caller.shared_spec(),
            request,
            None,
            caller.options().clone(),
        )
    }

    /// A call that sends each node what `per_node` makes of `request` for it, or nothing. For generated code.
    pub fn per_node(
        caller: &Caller<Q>,
        request: M::Request,
        per_node: impl FnMut(&M::Request, NodeId) -> Option<M::Request> + Send + 'static,
    ) -> Self {
        Self::of(
            caller.configuration(),
            caller.shared_spec(),
            request,
            Some(Box::new(per_node)),
            caller.options().clone(),
        )
    }

    /// A call with all its parts.
    pub(crate) fn of(
        configuration: Configuration,
        spec: Arc<Q>,
        request: M::Request,
        per_node: Option<PerNode<M::Request>>,
        options: CallOptions,
    ) -> Self {
        let progress = watch::Sender::new(Progress::start());
        let publisher = Publisher {
            spec,
            progress: progress.clone(),
        };
        Self {
            call: QuorumCall::of(
                configuration.clone(),
                Arc::new(publisher),
                request,
                per_node,
                options,
            ),
            configuration,
            progress,
        }
    }

    /// Starts the call. The request has been sent when this returns.
    pub fn start(self) -> Correctable<M::Output> {
        let Self {
            call,
            configuration,
            progress,
        } = self;
        let method = M::DESCRIPTOR.full_name();
        let watched = progress.subscribe();
        let call = call.start();
        let task = configuration.tasks().runtime().spawn(async move {
            let end = guarded(call).await.unwrap_or_else(|panicked| {
                let cause = Undecided::Panicked(panicked);
                Err(QuorumCallError::new(method, cause, 0, Vec::new()))
            });
            progress.send_modify(|progress| progress.end = Some(end));
        });
        Correctable {
            method,
            progress: watched,
            task: Some(task),
        }
    }
}

impl<M: Correct<Q>, Q: Send + Sync + 'static> fmt::Debug for CorrectableCall<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CorrectableCall").field(&self.call).finish()
    }
}

/// The method `M` as a quorum call that publishes values until the last.
struct Corrected<M>(PhantomData<fn() -> M>);

impl<M: Method> Method for Corrected<M> {
    type Request = M::Request;
    type Reply = M::Reply;
    const PATH: &str = M::PATH;
    const DESCRIPTOR: MethodDescriptor = M::DESCRIPTOR;
}

/// A quorum spec whose values are published.
struct Publisher<Q, T> {
    spec: Arc<Q>,
    progress: watch::Sender<Progress<T>>,
}

impl<M: Correct<Q>, Q> Decide<Publisher<Q, M::Output>> for Corrected<M> {
    type Output = Leveled<M::Output>;

    fn decide(tally: Tally<'_, Self, Publisher<Q, M::Output>>) -> Option<Leveled<M::Output>> {
        let publisher = tally.spec;
        let tally = Tally::new(&*publisher.spec, tally.request, tally.replies);
        let Correction { value, level, last } = M::correct(tally)?;
        let mut published = None;
        publisher.progress.send_modify(|progress| {
            published = Some(progress.publish(value, level, last));
        });
        published.filter(|_| last)
    }
}

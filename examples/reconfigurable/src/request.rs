//! What requests have in common.

use gorums_runtime::{AggregateCall, Method};

use crate::proto::register_gorums::RegisterConfiguration;
use crate::proto::{At, Blueprint, Known};
use crate::register::Register;

/// A request to the replicas of a configuration.
pub trait Request: Sized + Clone + Send + Sync + 'static {
    /// The method that takes it.
    type Method: Method<Request = Self, Reply = Self::Reply>;
    /// What a replica answers.
    type Reply: Reply;

    /// What the request is about.
    fn at(&self) -> Option<&At>;

    /// The blueprints in the request.
    fn blueprints(&self) -> Vec<Option<&Blueprint>>;

    /// What a replica does with the request if it has not abandoned the configuration `this`.
    fn apply(self, this: &Blueprint, register: &mut Register) -> Self::Reply;

    /// Calls the replicas.
    fn call(self, replicas: &RegisterConfiguration) -> AggregateCall<Self::Method>;

    /// Whether this reply alone decides the call, and no quorum is needed: the configuration was abandoned, for instance.
    fn is_settled_by(&self, reply: &Self::Reply) -> bool {
        reply.known().is_some_and(|known| known.cur.is_some())
    }

    /// Does what a replica does, unless the request is not valid.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`].
    fn handle(self, register: &mut Register) -> Result<Self::Reply, InvalidRequest> {
        let mut blueprints = self.blueprints().into_iter().flatten();
        if !blueprints.all(Blueprint::is_normal) {
            return Err(InvalidRequest::NotNormal);
        }
        let this = self.at().and_then(|at| at.this.clone());
        let this = this.filter(|this| this.is_normal() && this.members().next().is_some());
        let this = this.ok_or(InvalidRequest::NoConfiguration)?;
        Ok(match register.newer_than(&this) {
            Some(cur) => Self::Reply::from(Known {
                cur: Some(cur),
                ..Known::default()
            }),
            None => self.apply(&this, register),
        })
    }
}

/// A replica's answer.
pub trait Reply: From<Known> + Clone + Send + Sync + 'static {
    /// What the replica knows about the configuration.
    fn known(&self) -> Option<&Known>;
}

/// Why a replica refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// The configuration is missing or broken.
    #[error(
        "the request names no configuration in normal form; send one with at least one replica"
    )]
    NoConfiguration,
    /// A blueprint is broken.
    #[error("a blueprint of the request is not in normal form; sort its ids, and give each once")]
    NotNormal,
}

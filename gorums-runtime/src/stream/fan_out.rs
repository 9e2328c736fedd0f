//! One request on the streams to the nodes of a configuration.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;
use prost::Message;
use tonic::Status;

use super::calls::Registration;
use super::inbox::{Event, Inbox};
use super::link::Link;
use super::queue::Item;
use super::request::RequestFrames;
use crate::{Method, Node};

/// A call whose requests are on the streams to its nodes. A stream of the nodes' replies and errors, in order of
/// arrival.
///
/// Dropping it withdraws the call from the nodes that have not replied.
pub(crate) struct StreamFanOut<R> {
    nodes: Vec<Node>,
    inbox: Arc<Inbox>,
    /// None if the call could not be given a number.
    registration: Option<Registration>,
    /// How many nodes may still reply.
    open: usize,
    streams_replies: bool,
    _reply: PhantomData<fn() -> R>,
}

impl<R: Message + Default + 'static> StreamFanOut<R> {
    /// A call of `M` to `nodes`, which is given its number, and is not sent yet.
    pub(crate) fn new<M: Method<Reply = R>>(nodes: Vec<Node>) -> Self {
        let inbox = Inbox::new(M::DESCRIPTOR, nodes.iter().map(Node::id));
        Self {
            open: nodes.len(),
            inbox: Arc::new(inbox),
            nodes,
            registration: None,
            streams_replies: M::DESCRIPTOR.streams_replies(),
            _reply: PhantomData,
        }
    }
}

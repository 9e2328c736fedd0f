//! The connections that requests to a node use.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use http::HeaderMap;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, ConnectError, Status};

use super::attempts::Attempts;
use super::dial::Dial;
use super::direct::Direct;
use super::endpoint::Endpoint;
use crate::call::Deadline;
use crate::identity::Answerer;
use crate::status;

/// The connections to a node, and the attempts to make them. Clones share them, also after the node was moved.
#[derive(Clone, Debug)]
pub(crate) struct Link(Arc<RwLock<Arc<LinkParts>>>);

#[derive(Debug)]
struct LinkParts {
    channel: Channel,
    /// A connection of its own for whatever is large, so that the messages on `channel` do not wait behind it. Made when it
    /// is first asked for.
    beside: OnceLock<Channel>,
    endpoint: Endpoint,
    /// Carries calls with one reply in place of the channel.
    direct: Option<Direct>,
    dial: Dial,
    attempts: Attempts,
    answerer: Answerer,
}

impl Link {
    pub(super) fn new(
        channel: Channel,
        endpoint: Endpoint,
        direct: Option<Direct>,
        dial: Dial,
        attempts: Attempts,
        answerer: Answerer,
    ) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(LinkParts {
            channel,
            beside: OnceLock::new(),
            endpoint,
            direct,
            dial,
            attempts,
            answerer,
        }))))
    }

    /// Leads to where `other` leads from now on. The connections that exist are given up.
    pub(crate) fn replace(&self, other: &Self) {
        let new = other.parts();
        let mut parts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *parts, new);
        drop(parts);
        old.attempts.give_up();
    }

    #[inline]
    fn parts(&self) -> Arc<LinkParts> {
        Arc::clone(&self.read())
    }

    #[inline]
    fn read(&self) -> RwLockReadGuard<'_, Arc<LinkParts>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn channel(&self) -> Channel {
        self.read().channel.clone()
    }

    /// The channel beside [`channel`](Self::channel), with a connection of its own.
    pub(crate) fn beside(&self) -> Channel {
        let parts = self.parts();
        let beside = || parts.endpoint.channel_for_large();
        parts.beside.get_or_init(beside).clone()
    }

    /// The connection that carries calls with one reply in place of the channel. `None` if the manager has an option
    /// that only a channel supports.
    pub(crate) fn direct(&self) -> Option<Direct> {
        self.read().direct.clone()
    }

    /// The IP address that was connected to last. `None` if there was no connection yet.
    pub(crate) fn reached(&self) -> Option<SocketAddr> {
        self.parts().dial.reached()
    }

    /// When the latest connection was established; `None` if there was none yet.
    pub(crate) fn connected(&self) -> Option<Instant> {
        self.parts().attempts.connected()
    }

    /// Waits until a connection may be attempted again.
    pub(crate) async fn until_next_attempt(&self) {
        let parts = self.parts();
        parts.attempts.until_next().await;
    }

    /// Checks that the node itself answered with these headers, and not another one at its address. If it was another
    /// one, gives up the connections, since the next may lead elsewhere.
    ///
    /// # Errors
    ///
    /// If it was another node, or one of another cluster.
    pub(crate) fn check_answer(&self, headers: &HeaderMap) -> Result<(), Status> {
        let parts = self.parts();
        parts
            .answerer
            .check(headers)
            .inspect_err(|_| parts.attempts.give_up())
    }

    /// Gives up the connections, because the node does not answer on them. The next request makes a new one.
    pub(crate) fn give_up(&self) {
        self.parts().attempts.give_up();
    }

    /// Normalises the status of a failed request. If there is no connection, it has the reason for that: HTTP/2 only says
    /// that the connection was lost.
    pub(crate) fn normalise(&self, status: Status, deadline: Deadline) -> Status {
        let is_lost = status::has_lost_connection(&status);
        let status = status::normalise(status, deadline);
        if is_lost
            && status.code() == Code::Unavailable
            && let Some(why) = self.parts().attempts.failure()
        {
            return status::unavailable(Box::new(ConnectError(Box::new(why))));
        }
        status
    }
}

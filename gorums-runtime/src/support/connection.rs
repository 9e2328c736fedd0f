//! Connections of any kind.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection: it reads and writes bytes. Every type that has the four supertraits implements it.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Connection for T {}

pub(crate) type BoxedConnection = Pin<Box<dyn Connection>>;

//! What the quorum function of a correctable returns.

use crate::call::{Method, Tally};

/// How correctable calls of a method are decided by a quorum spec `Q`. Implemented by generated code, which forwards
/// to the quorum function that the user wrote.
pub trait Correct<Q>: Method {
    /// What the quorum function returns, besides levels: the reply type, or the method's `custom_return_type`.
    type Output: Send + Sync + 'static;

    /// A better result than before, or none. Called after each successful reply.
    fn correct(tally: Tally<'_, Self, Q>) -> Option<Correction<Self::Output>>;
}

/// What the quorum function of a correctable returns for the replies so far: a value, its level, and whether it is the
/// last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction<T> {
    pub(crate) value: T,
    pub(crate) level: i32,
    pub(crate) last: bool,
}

impl<T> Correction<T> {
    /// A value that a better one may follow.
    pub fn preliminary(value: T, level: i32) -> Self {
        Self {
            value,
            level,
            last: false,
        }
    }

    /// The value with which the call ends.
    pub fn last(value: T, level: i32) -> Self {
        Self {
            value,
            level,
            last: true,
        }
    }
}

//! Which nodes a service is called on.

use std::fmt;
use std::sync::Arc;

use super::Configuration;

/// The nodes that a service is called on: always the same ones, or those that there are at the time of each call.
///
/// A [`Configuration`] becomes the former by `into`. [`System::membership`](crate::System::membership),
/// [`Manager::membership`](crate::Manager::membership) and [`Clients::membership`](crate::server::Clients::membership) are
/// the latter: a service on one of these needs no replacement when nodes come and go. Each call goes to the nodes of the
/// moment in which it is made, and stays with them.
///
/// ```no_run
/// # mod register { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doctests/register.rs")); }
/// # async fn example(system: gorums_runtime::System) -> Result<(), gorums_runtime::errors::ManagerError> {
/// use register::register_gorums::RegisterConfiguration;
///
/// let fixed = RegisterConfiguration::new(system.configuration());
/// let follows = RegisterConfiguration::new(system.membership());
/// system.add_member(4, "10.0.0.4:4000")?;
/// assert_eq!(follows.configuration().size(), fixed.configuration().size() + 1);
/// # Ok(())
/// # }
/// ```
///
/// A majority of a set of nodes that changes need not meet a majority of the set before. Which sets are safe after each other
/// is up to the protocol that changes them.
#[derive(Clone)]
pub struct Membership(Source);

#[derive(Clone)]
enum Source {
    Fixed(Configuration),
    Following(Arc<dyn Fn() -> Configuration + Send + Sync>),
}

impl Membership {
    /// The nodes that `nodes` returns at the time of each call. The function should be fast, and must not make calls.
    ///
    /// ```
    /// # fn example(system: gorums_runtime::System) -> gorums_runtime::Membership {
    /// use gorums_runtime::Membership;
    ///
    /// // The three nodes that have been fastest so far.
    /// Membership::following(move || {
    ///     let all = system.configuration();
    ///     all.sorted_by_latency().first(3).unwrap_or(all)
    /// })
    /// # }
    /// ```
    pub fn following(nodes: impl Fn() -> Configuration + Send + Sync + 'static) -> Self {
        Self(Source::Following(Arc::new(nodes)))
    }

    /// The nodes that a call goes to which is made now.
    #[inline]
    pub fn now(&self) -> Configuration {
        match &self.0 {
            Source::Fixed(configuration) => configuration.clone(),
            Source::Following(nodes) => nodes(),
        }
    }
}

impl From<Configuration> for Membership {
    fn from(configuration: Configuration) -> Self {
        Self(Source::Fixed(configuration))
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Fixed(configuration) => configuration.fmt(f),
            Source::Following(_) => f.write_str("Following"),
        }
    }
}

//! A client of any of the algorithms.

use crate::access::Access;
use crate::dyna_store::DynaStore;
use crate::proto::{Algorithm, Blueprint, Stored};
use crate::rambo::Rambo;
use crate::reconfigurable::{Operation, OperationError, Reconfigurable};
use crate::session::Session;
use crate::smart_merge::SmartMerge;
use crate::sp_sn_store::SpSnStore;

/// A client of the algorithm that is chosen at run time.
///
/// ```no_run
/// use gorums_runtime::{CallOptions, Manager, NodeId};
/// use reconfigurable::proto::{Algorithm, Blueprint};
/// use reconfigurable::{Client, Network, Reconfigurable, Session};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = (1..=5).fold(Manager::builder(), |manager, id| {
///     manager.node(NodeId::new(id), format!("10.0.0.{id}:4000"))
/// });
/// let network = Network::new(manager.connect().await?, CallOptions::new());
/// let session = Session::new(7, network, Blueprint::of([1, 2, 3]));
/// let register = Client::new(Algorithm::SmartMerge, session);
/// register.write("hello").await?;
/// register.reconfigure(Blueprint::change([4, 5], [1])).await?;
/// assert_eq!(register.read().await?.as_deref(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Client<A> {
    /// A client of RAMBO.
    Rambo(Rambo<A>),
    /// A client of DynaStore.
    DynaStore(DynaStore<A>),
    /// A client of SpSnStore.
    SpSnStore(SpSnStore<A>),
    /// A client of SmartMerge.
    SmartMerge(SmartMerge<A>),
}

impl<A: Access> Client<A> {
    /// A client of this algorithm.
    pub fn new(algorithm: Algorithm, session: Session<A>) -> Self {
        match algorithm {
            Algorithm::Rambo => Self::Rambo(Rambo(session)),
            Algorithm::DynaStore => Self::DynaStore(DynaStore(session)),
            Algorithm::SpSnStore => Self::SpSnStore(SpSnStore(session)),
            Algorithm::SmartMerge => Self::SmartMerge(SmartMerge(session)),
        }
    }
}

impl<A: Access> Reconfigurable for Client<A> {
    type Error = A::Error;

    async fn perform(&self, operation: Operation) -> Result<Stored, OperationError<A::Error>> {
        match self {
            Self::Rambo(register) => register.perform(operation).await,
            Self::DynaStore(register) => register.perform(operation).await,
            Self::SpSnStore(register) => register.perform(operation).await,
            Self::SmartMerge(register) => register.perform(operation).await,
        }
    }

    fn configuration(&self) -> Blueprint {
        match self {
            Self::Rambo(register) => register.configuration(),
            Self::DynaStore(register) => register.configuration(),
            Self::SpSnStore(register) => register.configuration(),
            Self::SmartMerge(register) => register.configuration(),
        }
    }
}

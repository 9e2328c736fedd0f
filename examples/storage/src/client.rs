//! The client of the replicas.

use std::time::Duration;

use gorums_runtime::errors::ManagerError;
use gorums_runtime::metrics::Metrics;
use gorums_runtime::{CallOptions, Configuration, Credentials, Manager, NodeId, Transport};

use crate::proto::membership_gorums::MembershipConfiguration;
use crate::proto::storage_gorums::{StorageConfiguration, StorageNode};
use crate::quorum::Majority;
use crate::selection::{Selection, SelectionError};
use crate::watch::Watch;

/// The storage on a number of replicas, of which a minority may be down.
pub(crate) type Storage = StorageConfiguration<Majority>;

/// A client of all replicas, and of some of them.
#[derive(Debug)]
pub(crate) struct Client {
    manager: Manager,
    timeout: Duration,
    watch: Watch,
}

impl Client {
    /// A client of the replicas at `addresses`, whose calls take at most `timeout`. It connects to the replicas
    /// in the background, by TLS if it has credentials.
    pub(crate) async fn connect(
        addresses: Vec<String>,
        credentials: Option<Credentials>,
        transport: Transport,
        timeout: Duration,
        metrics: &Metrics,
    ) -> Result<Self, ManagerError> {
        let watch = Watch::default();
        let mut builder = Manager::builder().metrics(metrics);
        if let Some(credentials) = credentials {
            builder = builder.tls(credentials);
        }
        let manager = builder
            .addresses(addresses)
            .transport(transport)
            .serve(watch.server())
            .connect_lazy()
            .await?;
        tokio::spawn(watch.clone().renew(manager.clone()));
        Ok(Self {
            manager,
            timeout,
            watch,
        })
    }

    /// The nodes of all replicas.
    pub(crate) fn replicas(&self) -> Configuration {
        self.manager.configuration()
    }

    /// The storage on all replicas.
    pub(crate) fn all(&self) -> Storage {
        self.on(self.replicas())
    }

    /// The storage on some replicas.
    pub(crate) fn some(&self, selection: &Selection) -> Result<Storage, SelectionError> {
        let ids: Vec<NodeId> = self.replicas().node_ids().collect();
        let selected = selection.of(&ids)?;
        Ok(self.on(self.manager.configuration_of(selected)?))
    }

    /// The storage on one replica.
    pub(crate) fn one(&self, index: usize) -> Result<StorageNode, SelectionError> {
        let size = self.replicas().size();
        let node = self.all().nodes().nth(index);
        node.ok_or(SelectionError::TooLarge { index, size })
    }

    /// What all replicas tell about themselves.
    pub(crate) fn membership(&self) -> MembershipConfiguration {
        MembershipConfiguration::new(self.replicas()).with_options(self.options())
    }

    /// Reports new values of `key` from now on.
    pub(crate) fn watch(&self, key: String) {
        self.watch.add(key);
    }

    fn on(&self, replicas: Configuration) -> Storage {
        let majority = Majority::of(&replicas);
        let storage = StorageConfiguration::new(replicas).with_spec(majority);
        storage.with_options(self.options())
    }

    fn options(&self) -> CallOptions {
        CallOptions::new().timeout(self.timeout)
    }
}

//! Reads and writes on the replicas.

use std::time::{Duration, SystemTime};

use gorums_runtime::prost_types::Timestamp;
use gorums_runtime::{Configuration, Decided, Manager, ManagerError, QuorumCallError};

use crate::proto::storage_gorums::StorageConfiguration;
use crate::proto::{ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use crate::quorum::Majority;

/// A client of a number of replicas, of which a minority may be down.
#[derive(Debug)]
pub(crate) struct Client {
    storage: StorageConfiguration<Majority>,
    timeout: Duration,
}

impl Client {
    /// A client of the replicas at `addresses`, whose calls take `timeout` at most.
    pub(crate) async fn connect(
        addresses: Vec<String>,
        timeout: Duration,
    ) -> Result<Self, ManagerError> {
        let manager = Manager::builder()
            .addresses(addresses)
            .connect_lazy()
            .await?;
        let configuration = manager.configuration();
        let majority = Majority::of(configuration.size());
        Ok(Self {
            storage: StorageConfiguration::new(configuration, majority),
            timeout,
        })
    }

    /// The replicas.
    pub(crate) fn configuration(&self) -> &Configuration {
        self.storage.configuration()
    }

    /// The newest value of `key` that a majority has.
    pub(crate) async fn read(&self, key: String) -> Result<Decided<ReadResponse>, QuorumCallError> {
        self.storage
            .read(ReadRequest { key })
            .timeout(self.timeout)
            .with_nodes()
            .await
    }

    /// Writes `value`, as of now, to a majority.
    pub(crate) async fn write(
        &self,
        key: String,
        value: String,
    ) -> Result<Decided<WriteResponse>, QuorumCallError> {
        let time = Some(Timestamp::from(SystemTime::now()));
        self.storage
            .write(WriteRequest { key, value, time })
            .timeout(self.timeout)
            .with_nodes()
            .await
    }
}

//! The messages of a system alone: its floor. The handlers do nothing.

use futures::FutureExt;
use futures::future::BoxFuture;
use gorums_runtime::errors::{NodeError, QuorumCallError};
use gorums_runtime::tonic::Status;
use gorums_runtime::{CallOptions, Configuration, Context, Server, System};

use super::PATIENCE;
use super::candidate::{Candidate, Client};
use super::rounds::Rounds;
use crate::args::Serves;
use crate::payload;
use crate::proto::floor_gorums::{FloorConfiguration, FloorReplica, FloorReplicaServer};
use crate::proto::{Led, Payload, Size};

/// What a replica serves.
pub(super) fn serve(system: &System) -> Server {
    let others = system.others().ok();
    Server::new(FloorReplicaServer::new(Replica {
        replicas: FloorConfiguration::new(system.configuration()),
        others: others.map(FloorConfiguration::new),
    }))
}

/// Calls the other replicas if it leads.
struct Replica {
    replicas: FloorConfiguration,
    /// `None` if it is alone.
    others: Option<FloorConfiguration>,
}

impl FloorReplica for Replica {
    async fn query(&self, _: &Context, size: Size) -> Result<Payload, Status> {
        Ok(payload::of(size.bytes as usize))
    }

    async fn store(&self, _: &Context, _: Payload) -> Result<(), Status> {
        Ok(())
    }

    async fn commit(&self, _: &Context, _: Payload) {}

    async fn lead(&self, ctx: &Context, command: Led) -> Result<(), Status> {
        ctx.release();
        let Led {
            data,
            quorum,
            itself,
            commit,
        } = command;
        let payload = Payload { data };
        let called = match itself {
            true => Some(&self.replicas),
            false => self.others.as_ref(),
        };
        if let Some(called) = called {
            let store = called.store(payload.clone()).timeout(PATIENCE);
            store.threshold(quorum as usize).await?;
        }
        if commit {
            self.replicas.commit(payload).detach();
        }
        Ok(())
    }
}

/// Rounds without a protocol.
pub(super) struct Floor(pub(super) Rounds);

impl Candidate for Floor {
    fn name(&self) -> String {
        format!("floor: {}", self.0)
    }

    fn serves(&self) -> Serves {
        Serves::Floor
    }

    fn rounds(&self, _: usize) -> Rounds {
        self.0
    }

    fn client(&self, id: u64, replicas: Configuration) -> Box<dyn Client> {
        let leaders = match self.0 {
            Rounds::Led { leaders, .. } => leaders,
            Rounds::Query | Rounds::QueryAndStore => 1,
        };
        let options = CallOptions::new().timeout(PATIENCE);
        Box::new(Caller {
            rounds: self.0,
            replicas: FloorConfiguration::new(replicas).with_options(options),
            leader: (id % leaders as u64) as usize,
        })
    }
}

struct Caller {
    rounds: Rounds,
    replicas: FloorConfiguration,
    /// The place of the replica that leads.
    leader: usize,
}

impl Caller {
    async fn query(&self, value: &str) -> Result<(), QuorumCallError> {
        let bytes = value.len() as u32;
        self.replicas.query(Size { bytes }).majority().await?;
        Ok(())
    }

    async fn store(&self, value: &str) -> Result<(), QuorumCallError> {
        let data = value.as_bytes().to_vec();
        self.replicas.store(Payload { data }).majority().await?;
        Ok(())
    }

    async fn have_led(&self, command: Led) -> Result<(), NodeError> {
        match self.replicas.nodes().nth(self.leader) {
            Some(leader) => leader.lead(command).await,
            None => Ok(()),
        }
    }

    async fn call(&self, value: &str) -> Result<(), String> {
        match self.rounds {
            Rounds::Query => self.query(value).await.map_err(|error| error.to_string()),
            Rounds::QueryAndStore => {
                let both = async {
                    self.query(value).await?;
                    self.store(value).await
                };
                both.await.map_err(|error| error.to_string())
            }
            Rounds::Led {
                quorum,
                itself,
                commit,
                ..
            } => {
                let led = self.have_led(Led {
                    data: value.as_bytes().to_vec(),
                    quorum: quorum as u32,
                    itself,
                    commit,
                });
                led.await.map_err(|error| error.to_string())
            }
        }
    }
}

impl Client for Caller {
    fn execute<'a>(&'a self, _: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
        self.call(value).boxed()
    }
}

//! The clients of all systems.

mod by_hand;
mod ours;

use crate::args::{Call, System};
use crate::error::Error;
use crate::proto::Payload;
use crate::servers::Servers;
use crate::tcp::TcpClient;

use by_hand::ByHand;
use ours::Ours;

/// A way to make calls of a client.
pub(crate) trait Load {
    /// The result.
    type Output;

    /// Makes calls with a function for one system and one type of call. The compiler then specialises each, and none
    /// pays for the state of another's calls.
    fn of<C, F>(self, call: C) -> Self::Output
    where
        C: Fn(&Payload) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static;
}

/// A client of one system, connected to all servers.
pub(crate) enum Client {
    Ours(Box<Ours>),
    ByHand(ByHand),
    Tcp(TcpClient),
    Idle,
}

impl Client {
    pub(crate) async fn connect(
        system: System,
        servers: &Servers,
        quorum: usize,
        metrics: bool,
    ) -> Result<Self, Error> {
        match system {
            System::Streams | System::Grpc => {
                let ours = Ours::connect(system, servers, quorum, metrics).await?;
                Ok(Self::Ours(Box::new(ours)))
            }
            System::Tonic => ByHand::connect(servers, quorum).await.map(Self::ByHand),
            System::Tcp if servers.tcp.len() < servers.grpc.len() => Err(Error::NoTcp),
            System::Tcp => {
                let client = TcpClient::connect(&servers.tcp, quorum).await;
                client.map(Self::Tcp).map_err(|source| Error::Connect {
                    address: servers.tcp.join(","),
                    source: source.into(),
                })
            }
            System::Idle => Ok(Self::Idle),
        }
    }

    /// Makes calls of one type under a load.
    pub(crate) fn put_under<L: Load>(self, load: L, call: Call) -> L::Output {
        match self {
            Self::Ours(ours) => ours.put_under(load, call),
            Self::ByHand(client) => load.of(move |payload| client.call(payload)),
            Self::Tcp(client) => load.of(move |payload| client.call(&payload.data)),
            Self::Idle => load.of(|_| async {
                tokio::task::yield_now().await;
                Ok(())
            }),
        }
    }

    /// An error unless the system has this type of call.
    pub(crate) fn check(system: System, call: Call) -> Result<(), Error> {
        match (system, call) {
            (System::Streams | System::Grpc, _) | (_, Call::Quorum) => Ok(()),
            _ => Err(Error::NoSuchCall {
                system: system.name(),
                call: call.name(),
            }),
        }
    }
}

/// The text of an error, computed only when there is one.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_have_other_calls_than_quorum_calls() {
        for system in System::ALL {
            assert!(Client::check(system, Call::Quorum).is_ok());
            let ours = matches!(system, System::Streams | System::Grpc);
            assert_eq!(Client::check(system, Call::Multicast).is_ok(), ours);
        }
    }
}

//! A network in memory, with hosts that can be killed, brought back, and made to hang.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::StreamExt;
use gorums_runtime::server::Router;
use gorums_runtime::{Manager, ManagerBuilder, NodeId, Transport};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;

/// How many unread bytes a connection holds.
const CONNECTION_BUFFER: usize = 64 * 1024;

/// Replicas 1, 2, 3, ... with connections between them and their clients.
#[derive(Clone, Debug)]
pub struct Network {
    transport: Transport,
    hosts: Arc<Mutex<HashMap<u8, Host>>>,
    connections: Arc<AtomicUsize>,
}

/// An absent replica refuses connections.
#[derive(Debug)]
enum Host {
    /// Serves connections.
    Up(Replica),
    /// Its connections carry nothing, and it neither accepts nor refuses others.
    Hanging(Replica),
    /// Neither accepts nor refuses connections.
    Silent,
    /// Accepts connections, and neither reads from them nor writes to them.
    Stuck(Vec<DuplexStream>),
}

#[derive(Debug)]
struct Replica {
    accept: mpsc::UnboundedSender<DuplexStream>,
    server: AbortHandle,
    /// Whether the connections carry nothing. Dropped when they break.
    hanging: watch::Sender<bool>,
}

impl Network {
    /// A network without replicas, whose clients use `transport`.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            hosts: Arc::default(),
            connections: Arc::default(),
        }
    }

    /// The id of replica `number`.
    pub fn id(number: u8) -> NodeId {
        NodeId::new(number.into())
    }

    /// The address of replica `number`.
    pub fn address(number: u8) -> String {
        format!("10.0.0.{number}:4000")
    }

    /// Starts replica `number`, as a plain tonic server with default limits.
    pub fn serve(&self, number: u8, services: impl Into<Router>) {
        let (accept, accepted) = mpsc::unbounded_channel();
        let incoming = UnboundedReceiverStream::new(accepted).map(Ok::<_, io::Error>);
        let server = Server::builder()
            .add_routes(services.into().into_routes())
            .serve_with_incoming(incoming);
        let server = tokio::spawn(async move {
            server.await.expect("an in-memory listener does not fail");
        });
        let replica = Replica {
            accept,
            server: server.abort_handle(),
            hanging: watch::Sender::new(false),
        };
        self.hosts().insert(number, Host::Up(replica));
    }

    /// Ends replica `number`: its connections break, and new ones are refused.
    pub fn kill(&self, number: u8) {
        if let Some(Host::Up(replica) | Host::Hanging(replica)) = self.hosts().remove(&number) {
            replica.server.abort();
        }
    }

    /// Breaks the connections of replica `number`, which keeps running.
    pub fn cut(&self, number: u8) {
        if let Some(Host::Up(replica)) = self.hosts().get_mut(&number) {
            replica.hanging = watch::Sender::new(false);
        }
    }

    /// Lets nothing more through on the connections of replica `number`, and accepts no others.
    pub fn hang(&self, number: u8) {
        let mut hosts = self.hosts();
        if let Some(Host::Up(replica)) = hosts.insert(number, Host::Silent) {
            replica.hanging.send_replace(true);
            hosts.insert(number, Host::Hanging(replica));
        }
    }

    /// Makes replica `number` neither accept nor refuse connections.
    pub fn silence(&self, number: u8) {
        self.kill(number);
        self.hosts().insert(number, Host::Silent);
    }

    /// Makes replica `number` accept connections, and then do nothing.
    pub fn stick(&self, number: u8) {
        self.kill(number);
        self.hosts().insert(number, Host::Stuck(Vec::new()));
    }

    /// A builder of a manager whose nodes are the replicas 1 to `replicas`.
    pub fn manager(&self, replicas: u8) -> ManagerBuilder {
        let network = self.clone();
        let builder = Manager::builder()
            .transport(self.transport)
            .connector(move |address| network.clone().connect(address));
        (1..=replicas).fold(builder, |builder, number| {
            builder.node(Self::id(number), Self::address(number))
        })
    }

    /// How many connections have been made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A connection to the replica at `address`.
    ///
    /// # Errors
    ///
    /// When there is no such replica.
    pub async fn connect(self, address: SocketAddr) -> io::Result<DuplexStream> {
        let number = match address {
            SocketAddr::V4(address) => address.ip().octets()[3],
            SocketAddr::V6(_) => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let accepted = match self.hosts().get_mut(&number) {
            Some(Host::Up(replica)) => {
                self.connections.fetch_add(1, Ordering::SeqCst);
                let (client, client_link) = tokio::io::duplex(CONNECTION_BUFFER);
                let (server, server_link) = tokio::io::duplex(CONNECTION_BUFFER);
                let mut hanging = replica.hanging.subscribe();
                tokio::spawn(async move {
                    let (mut client, mut server) = (client_link, server_link);
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                        // An error means that the sender was dropped with its replica.
                        _ = hanging.wait_for(|hanging| *hanging) => {}
                    }
                    while hanging.changed().await.is_ok() {}
                });
                replica.accept.send(server).ok().map(|()| client)
            }
            Some(Host::Stuck(connections)) => {
                let (client, server) = tokio::io::duplex(CONNECTION_BUFFER);
                connections.push(server);
                Some(client)
            }
            Some(Host::Silent | Host::Hanging(_)) => None,
            None => return Err(io::ErrorKind::ConnectionRefused.into()),
        };
        match accepted {
            Some(client) => Ok(client),
            None => std::future::pending().await,
        }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<u8, Host>> {
        self.hosts.lock().expect("no test panics with the lock")
    }
}

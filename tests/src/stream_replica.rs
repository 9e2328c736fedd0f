//! Replicas that receive streams of messages over plain gRPC, behave as the test sets, and report what arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gorums_runtime::Transport;
use gorums_runtime::server::Router;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use crate::golden::one_way::Entry;
use crate::golden::one_way::one_way_server::{OneWay, OneWayServer};
use crate::network::Network;
use crate::replica::Gate;
use crate::waiting::Events;

/// What a replica does with a stream.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Reads it to its end.
    Read,
    /// Reads nothing until the gate is open.
    ReadAfter(Gate),
    /// Ends it with this after the first message.
    End(Result<(), Status>),
}

/// Replicas that report what arrives.
#[derive(Debug)]
pub struct Cluster {
    /// Their network.
    pub network: Network,
    arrivals: Events<(u8, String)>,
    replica: Replica,
}

#[derive(Clone, Debug)]
struct Replica {
    number: u8,
    behaviour: Behaviour,
    arrived: mpsc::UnboundedSender<(u8, String)>,
    /// How many streams were opened, at all replicas.
    streams: Arc<AtomicUsize>,
    /// How many streams their clients ended.
    finished: Arc<AtomicUsize>,
}

impl Cluster {
    /// Replicas 1, 2, ..., one for each behaviour.
    pub fn start(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let (arrived, arrivals) = Events::channel();
        let cluster = Self {
            network: Network::new(Transport::Grpc),
            arrivals,
            replica: Replica {
                number: 0,
                behaviour: Behaviour::Read,
                arrived,
                streams: Arc::default(),
                finished: Arc::default(),
            },
        };
        for (number, behaviour) in (1..).zip(behaviours) {
            cluster.serve(number, behaviour);
        }
        cluster
    }

    /// Starts replica `number`, or restarts it.
    pub fn serve(&self, number: u8, behaviour: Behaviour) {
        let replica = Replica {
            number,
            behaviour,
            ..self.replica.clone()
        };
        let services = Router::new().add_service(OneWayServer::new(replica));
        self.network.serve(number, services);
    }

    /// The next message, and where it arrived.
    pub async fn arrival(&mut self) -> (u8, String) {
        self.arrivals.awaited("a message at a replica").await
    }

    /// The messages that the test has not read yet, by replica.
    pub fn arrived(&mut self) -> Vec<(u8, String)> {
        let mut arrived = self.arrivals.past();
        arrived.sort();
        arrived
    }

    /// How many streams were opened, at all replicas.
    pub fn streams(&self) -> usize {
        self.replica.streams.load(Ordering::SeqCst)
    }

    /// How many streams their clients ended, at all replicas.
    pub fn finished(&self) -> usize {
        self.replica.finished.load(Ordering::SeqCst)
    }
}

impl Replica {
    async fn take(&self, request: Request<Streaming<Entry>>) -> Result<(), Status> {
        self.streams.fetch_add(1, Ordering::SeqCst);
        if let Some(tag) = request.metadata().get("tag") {
            self.tell(format!("tag {}", tag.to_str().expect("ASCII")));
        }
        assert!(request.metadata().get("grpc-timeout").is_none());
        if let Behaviour::ReadAfter(gate) = &self.behaviour {
            gate.pass().await;
        }
        let mut entries = request.into_inner();
        while let Some(entry) = entries.message().await? {
            self.tell(entry.text);
            if let Behaviour::End(end) = &self.behaviour {
                return end.clone();
            }
        }
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn tell(&self, text: String) {
        // The test may have ended.
        let _ = self.arrived.send((self.number, text));
    }
}

#[tonic::async_trait]
impl OneWay for Replica {
    async fn append(&self, _: Request<Entry>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("only streams"))
    }

    async fn append_per_node(&self, _: Request<Entry>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("only streams"))
    }

    async fn append_in_order(
        &self,
        request: Request<Streaming<Entry>>,
    ) -> Result<Response<()>, Status> {
        self.take(request).await.map(Response::new)
    }

    async fn append_in_order_per_node(
        &self,
        request: Request<Streaming<Entry>>,
    ) -> Result<Response<Entry>, Status> {
        self.take(request)
            .await
            .map(|()| Response::new(Entry::default()))
    }

    async fn append_to(&self, _: Request<Entry>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("only streams"))
    }

    async fn notify(&self, _: Request<Entry>) -> Result<Response<Entry>, Status> {
        Err(Status::unimplemented("only streams"))
    }
}

//! Replicas of the register service: plain tonic services that do as they are told, and tell what happens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::network::Network;
use crate::register::register_gorums::RegisterConfiguration;
use crate::register::register_server::{Register, RegisterServer};
use crate::register::{ReadRequest, State, WriteResponse};

/// What a replica does with each request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Handles it.
    Answer,
    /// Handles it once the gate is open.
    AnswerAfter(Gate),
    /// Fails with this status.
    Fail(Status),
    /// Fails with this status after this time.
    FailAfter(Duration, Status),
    /// Answers with a value of this many bytes.
    AnswerLarge(usize),
}

/// Holds requests back until it is opened.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A gate that is closed.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        let waiting = self.0.subscribe().wait_for(|open| *open).await.is_ok();
        assert!(waiting, "the gate holds its own sender");
    }
}

/// What happened at a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request arrived, with this `grpc-timeout`, if any.
    Arrived {
        /// Where.
        replica: u8,
        /// The deadline, as it came.
        timeout: Option<String>,
    },
    /// A request was handled.
    Handled {
        /// Where.
        replica: u8,
    },
    /// The client lost interest in a request before it was handled.
    Cancelled {
        /// Where.
        replica: u8,
    },
}

/// A number of replicas on one network.
#[derive(Debug)]
pub struct Cluster {
    /// What connects them.
    pub network: Network,
    events: mpsc::UnboundedReceiver<Event>,
    send_events: mpsc::UnboundedSender<Event>,
}

impl Cluster {
    /// Replicas 1, 2, ..., one for each behaviour.
    pub fn start(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let (send_events, events) = mpsc::unbounded_channel();
        let cluster = Self {
            network: Network::new(),
            events,
            send_events,
        };
        for (number, behaviour) in (1..).zip(behaviours) {
            cluster.start_replica(number, behaviour);
        }
        cluster
    }

    /// As many replicas that answer.
    pub fn answering(replicas: u8) -> Self {
        Self::start((0..replicas).map(|_| Behaviour::Answer))
    }

    /// Starts replica `number`, anew if it was running.
    pub fn start_replica(&self, number: u8, behaviour: Behaviour) {
        self.network.serve(number, self.services(number, behaviour));
    }

    /// The services of a replica, to be served elsewhere.
    pub fn services(&self, number: u8, behaviour: Behaviour) -> Routes {
        Routes::new(RegisterServer::new(Replica {
            number,
            behaviour,
            state: Mutex::default(),
            events: self.send_events.clone(),
        }))
    }

    /// The service on the first `replicas` replicas, which are connected to as they are called.
    pub async fn register<Q>(&self, replicas: u8, spec: Q) -> RegisterConfiguration<Q> {
        let manager = self.network.manager(replicas).connect_lazy().await;
        RegisterConfiguration::new(manager.expect("a manager").configuration(), spec)
    }

    /// The next event.
    pub async fn event(&mut self) -> Event {
        self.events.recv().await.expect("the cluster sends events")
    }

    /// Waits until as many events as there are `replicas` satisfy `wanted`, each from another of them.
    pub async fn wait_for(&mut self, replicas: &[u8], wanted: fn(&Event) -> Option<u8>) {
        let mut missing = replicas.to_vec();
        while !missing.is_empty() {
            if let Some(replica) = wanted(&self.event().await) {
                missing.retain(|number| *number != replica);
            }
        }
    }

    /// The events that have happened and were not looked at.
    pub fn past_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

/// The replica at which a request arrived.
pub fn arrived(event: &Event) -> Option<u8> {
    match event {
        Event::Arrived { replica, .. } => Some(*replica),
        _ => None,
    }
}

/// The replica at which a request was handled.
pub fn handled(event: &Event) -> Option<u8> {
    match event {
        Event::Handled { replica } => Some(*replica),
        _ => None,
    }
}

/// The replica at which a request was cancelled.
pub fn cancelled(event: &Event) -> Option<u8> {
    match event {
        Event::Cancelled { replica } => Some(*replica),
        _ => None,
    }
}

struct Replica {
    number: u8,
    behaviour: Behaviour,
    state: Mutex<State>,
    events: mpsc::UnboundedSender<Event>,
}

impl Replica {
    async fn handle<T, R>(
        &self,
        request: Request<T>,
        work: impl FnOnce(T) -> R,
    ) -> Result<Response<R>, Status> {
        let timeout = request.metadata().get("grpc-timeout");
        self.tell(Event::Arrived {
            replica: self.number,
            timeout: timeout.map(|value| value.to_str().expect("ASCII").to_string()),
        });
        let mut interest = Interest {
            replica: self,
            handled: false,
        };
        match &self.behaviour {
            Behaviour::Answer | Behaviour::AnswerLarge(_) => {}
            Behaviour::AnswerAfter(gate) => gate.pass().await,
            Behaviour::Fail(status) => {
                interest.handled = true;
                return Err(status.clone());
            }
            Behaviour::FailAfter(time, status) => {
                tokio::time::sleep(*time).await;
                interest.handled = true;
                return Err(status.clone());
            }
        }
        interest.handled = true;
        Ok(Response::new(work(request.into_inner())))
    }

    fn tell(&self, event: Event) {
        // A test that has ended does not listen any more.
        let _ = self.events.send(event);
    }

    fn read(&self) -> State {
        match self.behaviour {
            Behaviour::AnswerLarge(size) => State {
                value: "x".repeat(size),
                timestamp: 1,
            },
            _ => self.state.lock().expect("not poisoned").clone(),
        }
    }

    fn write(&self, state: State) -> WriteResponse {
        let mut current = self.state.lock().expect("not poisoned");
        let new = state.timestamp > current.timestamp;
        if new {
            *current = state;
        }
        WriteResponse { new }
    }
}

/// Tells of a request that is dropped before it is handled.
struct Interest<'a> {
    replica: &'a Replica,
    handled: bool,
}

impl Drop for Interest<'_> {
    fn drop(&mut self) {
        let replica = self.replica.number;
        self.replica.tell(match self.handled {
            true => Event::Handled { replica },
            false => Event::Cancelled { replica },
        });
    }
}

#[tonic::async_trait]
impl Register for Replica {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<State>, Status> {
        self.handle(request, |_| self.read()).await
    }

    async fn read_no_qc(&self, request: Request<ReadRequest>) -> Result<Response<State>, Status> {
        self.handle(request, |_| self.read()).await
    }

    async fn read_agreed(&self, request: Request<ReadRequest>) -> Result<Response<State>, Status> {
        self.handle(request, |_| self.read()).await
    }

    async fn read_for_write(
        &self,
        request: Request<ReadRequest>,
    ) -> Result<Response<State>, Status> {
        self.handle(request, |_| self.read()).await
    }

    async fn write_no_qc(
        &self,
        request: Request<State>,
    ) -> Result<Response<WriteResponse>, Status> {
        self.handle(request, |state| self.write(state)).await
    }

    async fn write(&self, request: Request<State>) -> Result<Response<WriteResponse>, Status> {
        self.handle(request, |state| self.write(state)).await
    }

    async fn write_per_node(
        &self,
        request: Request<State>,
    ) -> Result<Response<WriteResponse>, Status> {
        self.handle(request, |state| self.write(state)).await
    }
}

//! Replicas of the register service, which behave as the test sets, and report events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorums_runtime::server::Router;
use gorums_runtime::{Context, Transport};
use tokio::sync::{mpsc, watch};
use tonic::Status;

use crate::network::Network;
use crate::register::register_gorums::{
    RegisterConfiguration, RegisterReplica, RegisterReplicaServer,
};
use crate::register::{ReadRequest, State, WriteResponse};
use crate::spec::state;
use crate::waiting::Events;

/// What a replica does with each request. While one waits, others can be handled.
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
    /// Answers with the values of these metadata keys, with commas between the values of one key.
    AnswerMetadata(&'static [&'static str]),
}

/// Blocks requests until it is opened.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A gate that is closed.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn pass(&self) {
        let waiting = self.0.subscribe().wait_for(|open| *open).await.is_ok();
        assert!(waiting, "the gate holds its own sender");
    }
}

/// What happened at a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request arrived, with this `grpc-timeout`, if any.
    Arrived {
        /// The replica.
        replica: u8,
        /// The value of `grpc-timeout`.
        timeout: Option<String>,
    },
    /// A request was handled.
    Handled {
        /// The replica.
        replica: u8,
    },
    /// The client cancelled a request before it was handled.
    Cancelled {
        /// The replica.
        replica: u8,
    },
}

/// Replicas on one network.
#[derive(Debug)]
pub struct Cluster {
    /// Their network.
    pub network: Network,
    events: Events<Event>,
    send_events: mpsc::UnboundedSender<Event>,
}

impl Cluster {
    /// Replicas 1, 2, ..., one for each behaviour, called over `transport`.
    pub fn start(transport: Transport, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let (send_events, events) = Events::channel();
        let cluster = Self {
            network: Network::new(transport),
            events,
            send_events,
        };
        for (number, behaviour) in (1..).zip(behaviours) {
            cluster.start_replica(number, behaviour);
        }
        cluster
    }

    /// This many replicas that answer.
    pub fn answering(transport: Transport, replicas: u8) -> Self {
        Self::start(transport, (0..replicas).map(|_| Behaviour::Answer))
    }

    /// Starts replica `number`, or restarts it.
    pub fn start_replica(&self, number: u8, behaviour: Behaviour) {
        self.network.serve(number, self.services(number, behaviour));
    }

    /// The services of a replica, to be served elsewhere. Their replies have any size.
    pub fn services(&self, number: u8, behaviour: Behaviour) -> Router {
        Router::from(RegisterReplicaServer::new(Replica {
            number,
            behaviour,
            state: Mutex::default(),
            events: self.send_events.clone(),
        }))
        .max_message_size(usize::MAX)
    }

    /// The service on the first `replicas` replicas, which are connected at the first call.
    pub async fn register<Q>(&self, replicas: u8, spec: Q) -> RegisterConfiguration<Q> {
        let manager = self.network.manager(replicas).connect_lazy().await;
        RegisterConfiguration::new(manager.expect("a manager").configuration()).with_spec(spec)
    }

    /// The next event.
    pub async fn event(&mut self) -> Event {
        self.events.next().await
    }

    /// Waits until each of `replicas` has had an event that is `wanted`.
    pub async fn wait_for(&mut self, replicas: &[u8], wanted: fn(&Event) -> Option<u8>) {
        let mut missing = replicas.to_vec();
        while !missing.is_empty() {
            let what = format!("an event at each of the replicas {missing:?}");
            if let Some(replica) = wanted(&self.events.awaited(what).await) {
                missing.retain(|number| *number != replica);
            }
        }
    }

    /// The events that the test has not read yet.
    pub fn past_events(&mut self) -> Vec<Event> {
        self.events.past()
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
    async fn handle<T>(&self, ctx: &Context, work: impl FnOnce() -> T) -> Result<T, Status> {
        let replica = self.number;
        let timeout = ctx.metadata().get("grpc-timeout");
        self.tell(Event::Arrived {
            replica,
            timeout: timeout.map(|value| value.to_str().expect("ASCII").to_string()),
        });
        tokio::select! {
            biased;
            outcome = self.behave(ctx) => {
                let outcome = outcome.map(|()| work());
                self.tell(Event::Handled { replica });
                outcome
            }
            () = ctx.cancelled() => {
                self.tell(Event::Cancelled { replica });
                Err(Status::cancelled("nobody waits"))
            }
        }
    }

    async fn behave(&self, ctx: &Context) -> Result<(), Status> {
        match &self.behaviour {
            Behaviour::Answer | Behaviour::AnswerLarge(_) | Behaviour::AnswerMetadata(_) => Ok(()),
            Behaviour::AnswerAfter(gate) => {
                ctx.release();
                gate.pass().await;
                Ok(())
            }
            Behaviour::Fail(status) => Err(status.clone()),
            Behaviour::FailAfter(time, status) => {
                ctx.release();
                tokio::time::sleep(*time).await;
                Err(status.clone())
            }
        }
    }

    fn tell(&self, event: Event) {
        // The test may have ended.
        let _ = self.events.send(event);
    }

    fn read_state(&self, ctx: &Context) -> State {
        match &self.behaviour {
            Behaviour::AnswerLarge(size) => state(&"x".repeat(*size), 1),
            Behaviour::AnswerMetadata(keys) => {
                let values = |key: &&str| {
                    let values = ctx.metadata().get_all(*key).iter();
                    let texts = values.map(|value| value.to_str().expect("ASCII"));
                    texts.collect::<Vec<_>>().join(",")
                };
                state(&keys.iter().map(values).collect::<Vec<_>>().join(" "), 1)
            }
            _ => self.state.lock().expect("not poisoned").clone(),
        }
    }

    fn write_state(&self, state: State) -> WriteResponse {
        let mut current = self.state.lock().expect("not poisoned");
        let new = state.timestamp > current.timestamp;
        if new {
            *current = state;
        }
        WriteResponse { new }
    }
}

impl RegisterReplica for Replica {
    async fn read_no_qc(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        self.handle(ctx, || self.read_state(ctx)).await
    }

    async fn read(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        self.handle(ctx, || self.read_state(ctx)).await
    }

    async fn read_agreed(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        self.handle(ctx, || self.read_state(ctx)).await
    }

    async fn read_for_write(&self, ctx: &Context, _: ReadRequest) -> Result<State, Status> {
        self.handle(ctx, || self.read_state(ctx)).await
    }

    async fn write(&self, ctx: &Context, state: State) -> Result<WriteResponse, Status> {
        self.handle(ctx, || self.write_state(state)).await
    }

    async fn write_per_node(&self, ctx: &Context, state: State) -> Result<WriteResponse, Status> {
        self.handle(ctx, || self.write_state(state)).await
    }

    async fn write_no_qc(&self, ctx: &Context, state: State) -> Result<WriteResponse, Status> {
        self.handle(ctx, || self.write_state(state)).await
    }
}

//! Replicas of the numbered service. They do what each request wishes, and report what they handle.

use gorums_runtime::server::{ReplicaServer, Router, StreamLimits};
use gorums_runtime::{Context, ManagerBuilder, ReplySink, Transport};
use tokio::sync::mpsc;
use tonic::Status;

use crate::network::Network;
use crate::numbered::numbered_gorums::{
    NumberedConfiguration, NumberedReplica, NumberedReplicaServer, NumberedService,
};
use crate::numbered::{Reply, Request, Wish};
use crate::replica::Gate;
use crate::spec::Count;
use crate::waiting::Events;

/// The number of a request for a stream of one reply, of the size in the request.
pub const ONE_LARGE_REPLY: u64 = u64::MAX;

/// What happened at a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A handler was started for a request.
    Began {
        /// The replica.
        replica: u8,
        /// The request's number.
        number: u64,
    },
    /// A handler has done what the request wished.
    Ended {
        /// The replica.
        replica: u8,
        /// The request's number.
        number: u64,
    },
}

/// A replica that handles each request as it wishes.
#[derive(Clone, Debug)]
pub struct Replica {
    number: u8,
    gate: Gate,
    events: mpsc::UnboundedSender<Event>,
}

/// Replicas that report what they handle.
#[derive(Debug)]
pub struct Cluster {
    /// Their network.
    pub network: Network,
    /// Opens for the requests that wish to wait.
    pub gate: Gate,
    events: Events<Event>,
    send_events: mpsc::UnboundedSender<Event>,
}

/// A request that wishes to be answered.
pub fn request(number: u64) -> Request {
    Request {
        number,
        ..Request::default()
    }
}

/// A request with a wish.
pub fn wish(number: u64, wish: Wish) -> Request {
    Request {
        number,
        wish: wish.into(),
        size: 0,
    }
}

impl Cluster {
    /// Replicas 1, 2, ..., called over node streams.
    pub fn start(replicas: u8) -> Self {
        Self::start_on(Transport::NodeStream, replicas)
    }

    /// Replicas 1, 2, ..., called over `transport`.
    pub fn start_on(transport: Transport, replicas: u8) -> Self {
        let (send_events, events) = Events::channel();
        let cluster = Self {
            network: Network::new(transport),
            gate: Gate::closed(),
            events,
            send_events,
        };
        for number in 1..=replicas {
            cluster.serve(number, StreamLimits::default());
        }
        cluster
    }

    /// Starts replica `number`, or restarts it.
    pub fn serve(&self, number: u8, limits: StreamLimits) {
        let router = self.router(number).stream_limits(limits);
        self.network.serve(number, router);
    }

    /// The services of replica `number`, to be served elsewhere.
    pub fn router(&self, number: u8) -> Router {
        Router::new().add_replica(self.service(number))
    }

    /// The service of replica `number`, to be set up and served elsewhere.
    pub fn service(&self, number: u8) -> ReplicaServer<NumberedService> {
        NumberedReplicaServer::new(Replica {
            number,
            gate: self.gate.clone(),
            events: self.send_events.clone(),
        })
    }

    /// The service on the first `replicas` replicas, whose quorum calls are decided by all of them.
    pub async fn numbered(&self, replicas: u8) -> NumberedConfiguration<Count> {
        let all = Count(replicas.into());
        connect(self.network.manager(replicas), all).await
    }

    /// The next event.
    pub async fn event(&mut self) -> Event {
        self.events.next().await
    }

    /// The events that the test has not read yet.
    pub fn past_events(&mut self) -> Vec<Event> {
        self.events.past()
    }

    /// The numbers of the requests whose handlers were started at `replica` since the test last read events.
    pub fn began_at(&mut self, replica: u8) -> Vec<u64> {
        began_at(replica, &self.past_events())
    }
}

/// The numbers of the requests whose handlers were started at `replica`, in that order.
pub fn began_at(replica: u8, events: &[Event]) -> Vec<u64> {
    let began = |event: &Event| match event {
        Event::Began {
            replica: at,
            number,
        } if *at == replica => Some(*number),
        _ => None,
    };
    events.iter().filter_map(began).collect()
}

/// The service on all nodes, which are connected at the first call.
pub async fn connect(builder: ManagerBuilder, spec: Count) -> NumberedConfiguration<Count> {
    let manager = builder.connect_lazy().await.expect("a manager");
    NumberedConfiguration::new(manager.configuration()).with_spec(spec)
}

impl Replica {
    async fn handle(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.begin(&request);
        self.fulfil(ctx, &request).await;
        Ok(Reply {
            number: request.number,
            padding: vec![0; usize::try_from(request.size).expect("it fits")],
        })
    }

    fn begin(&self, request: &Request) {
        self.tell(Event::Began {
            replica: self.number,
            number: request.number,
        });
    }

    async fn fulfil(&self, ctx: &Context, request: &Request) {
        match request.wish() {
            Wish::Answer => {}
            Wish::Wait => self.gate.pass().await,
            Wish::Release => {
                ctx.release();
                self.gate.pass().await;
            }
            Wish::Panic => panic!("as wished"),
            Wish::Cancelled => ctx.cancelled().await,
        }
        self.tell(Event::Ended {
            replica: self.number,
            number: request.number,
        });
    }

    fn tell(&self, event: Event) {
        // The test may have ended.
        let _ = self.events.send(event);
    }
}

impl NumberedReplica for Replica {
    async fn call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn concurrent_call(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn unicast(&self, ctx: &Context, request: Request) {
        self.begin(&request);
        self.fulfil(ctx, &request).await;
    }

    async fn multicast(&self, ctx: &Context, request: Request) {
        self.unicast(ctx, request).await;
    }

    async fn multicast_stream(&self, ctx: &Context, request: Request) {
        self.unicast(ctx, request).await;
    }

    async fn quorum(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn aggregate(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    async fn r#async(&self, ctx: &Context, request: Request) -> Result<Reply, Status> {
        self.handle(ctx, request).await
    }

    /// Sends the requested number of replies, or [one of that size](ONE_LARGE_REPLY), and then fulfils the wish.
    async fn watch(
        &self,
        ctx: &Context,
        request: Request,
        replies: ReplySink<Reply>,
    ) -> Result<(), Status> {
        self.begin(&request);
        let number = request.number;
        let size = usize::try_from(request.size).expect("it fits");
        let (many, padding) = match number {
            ONE_LARGE_REPLY => (1, size),
            _ => (size, 0),
        };
        for _ in 0..many {
            let padding = vec![0; padding];
            replies.send(Reply { number, padding }).await?;
        }
        self.fulfil(ctx, &request).await;
        Ok(())
    }
}

//! A network and machines in memory, whose every step a seed decides: messages are delivered in any order, lost and repeated, and
//! replicas crash and go on with what is on their disks.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use fastrand::Rng;
use gorums_runtime::NodeId;
use gorums_runtime::quorum::Quorums;
use harness::seeds::Failure;
use reconfigurable::{Access, Flaw, InvalidRequest, Register, Request};

use crate::invariants::Invariants;

/// A world. Clones are the same one.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

pub(crate) struct State {
    rng: Rng,
    machines: BTreeMap<NodeId, Machine>,
    messages: Vec<Message>,
    calls: HashMap<u64, Call>,
    last_call: u64,
    has_faults: bool,
    /// Whether some call may have ended.
    has_news: bool,
    flaw: Option<Flaw>,
    pub(crate) invariants: Invariants,
}

#[derive(Default)]
struct Machine {
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
    register: Register,
    is_gone: bool,
}

#[derive(Clone)]
struct Message {
    call: u64,
    replica: NodeId,
    content: Content,
}

/// What a client does.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

type Answer = Arc<dyn Any + Send + Sync>;

#[derive(Clone)]
enum Content {
    Request(Arc<dyn Fn(&mut Register) -> Answer + Send + Sync>),
    Reply(Answer),
    /// A pause ends.
    Wake,
}

#[derive(Default)]
struct Call {
    replies: Vec<(NodeId, Answer)>,
    in_flight: usize,
    has_failed: bool,
}

/// The call had no quorum.
#[derive(Debug, thiserror::Error)]
#[error("too many messages were lost")]
pub(crate) struct Lost;

impl World {
    pub(crate) fn new(seed: u64, flaw: Option<Flaw>, invariants: Invariants) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: Rng::with_seed(seed),
            machines: BTreeMap::new(),
            messages: Vec::new(),
            calls: HashMap::new(),
            last_call: 0,
            has_faults: true,
            has_news: false,
            flaw,
            invariants,
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the clients go on until all have ended.
    pub(crate) fn run(&self, clients: &mut Vec<Running<'_>>) -> Result<(), Failure> {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..200_000 {
            let mut failure = Ok(());
            clients.retain_mut(|client| match client.as_mut().poll(&mut context) {
                Poll::Pending => true,
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(error)) => {
                    failure = Err(error);
                    false
                }
            });
            failure?;
            if clients.is_empty() {
                return Ok(());
            }
            let mut state = self.state();
            state.has_news = false;
            while !state.has_news {
                state.step()?;
            }
        }
        Err("some operation does not end".into())
    }

    /// From now on nothing fails, but for the machines that are gone.
    pub(crate) fn end_faults(&self) {
        self.state().has_faults = false;
    }

    /// Delivers all messages that are left.
    pub(crate) fn settle(&self) -> Result<(), Failure> {
        let mut state = self.state();
        while !state.messages.is_empty() {
            state.step()?;
        }
        Ok(())
    }

    /// Takes machines away for good.
    pub(crate) fn remove(&self, ids: impl IntoIterator<Item = u32>) {
        let mut state = self.state();
        for id in ids {
            let machine = state.machines.entry(NodeId::new(id)).or_default();
            machine.is_gone = true;
        }
    }
}

impl State {
    fn step(&mut self) -> Result<(), Failure> {
        if self.messages.is_empty() {
            return Err("some operation waits for nothing".into());
        }
        let at = self.rng.usize(..self.messages.len());
        let message = self.messages.swap_remove(at);
        if self.has_faults && !matches!(message.content, Content::Wake) {
            match self.rng.u32(..200) {
                0..4 => {
                    self.end_message(message.call);
                    return Ok(());
                }
                4..14 => {
                    self.count_message(message.call);
                    self.messages.push(message.clone());
                }
                14..16 => self.crash()?,
                16 => self.fail(message.call),
                _ => {}
            }
        }
        self.deliver(message)
    }

    fn deliver(&mut self, message: Message) -> Result<(), Failure> {
        let Message {
            call,
            replica,
            content,
        } = message;
        match content {
            Content::Request(handle) => {
                let machine = self.machines.entry(replica).or_insert_with(|| Machine {
                    register: Register::default().with_flaw(self.flaw),
                    ..Machine::default()
                });
                if machine.is_gone {
                    self.end_message(call);
                    return Ok(());
                }
                let answer = handle(&mut machine.register);
                let writes = machine.register.take_writes();
                let has_changed = !writes.is_empty();
                for (key, value) in writes {
                    match value {
                        Some(value) => machine.disk.insert(key, value),
                        None => machine.disk.remove(&key),
                    };
                }
                if has_changed {
                    let registers = self.machines.iter().map(|(id, it)| (*id, &it.register));
                    let changed = &self.machines[&replica].register;
                    self.invariants.check(changed, registers)?;
                }
                self.messages.push(Message {
                    call,
                    replica,
                    content: Content::Reply(answer),
                });
            }
            Content::Reply(answer) => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.replies.push((replica, answer));
                    self.has_news = true;
                }
                self.end_message(call);
            }
            Content::Wake => self.fail(call),
        }
        Ok(())
    }

    fn crash(&mut self) -> Result<(), Failure> {
        let some = self.rng.usize(..self.machines.len().max(1));
        if let Some(machine) = self.machines.values_mut().nth(some) {
            machine.register = Register::load(machine.disk.clone())?.with_flaw(self.flaw);
        }
        Ok(())
    }

    fn count_message(&mut self, call: u64) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.in_flight += 1;
        }
    }

    fn end_message(&mut self, call: u64) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.in_flight -= 1;
            call.has_failed |= call.in_flight == 0;
            self.has_news |= call.has_failed;
        }
    }

    fn fail(&mut self, call: u64) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.has_failed = true;
            self.has_news = true;
        }
    }

    fn begin(&mut self, contents: Vec<(NodeId, Content)>) -> u64 {
        self.last_call += 1;
        let call = self.last_call;
        let in_flight = contents.len();
        self.calls.insert(
            call,
            Call {
                in_flight,
                ..Call::default()
            },
        );
        let messages = contents.into_iter();
        self.messages
            .extend(messages.map(|(replica, content)| Message {
                call,
                replica,
                content,
            }));
        call
    }
}

impl Access for World {
    type Error = Lost;

    async fn call<R: Request>(
        &self,
        replicas: Vec<NodeId>,
        request: R,
        quorums: &Quorums<NodeId>,
    ) -> Result<Vec<R::Reply>, Lost> {
        let sent = request.clone();
        let handle = Content::Request(Arc::new(move |register: &mut Register| {
            Arc::new(sent.clone().handle(register)) as Answer
        }));
        let requests = replicas.iter().map(|id| (*id, handle.clone()));
        let call = self.state().begin(requests.collect());
        poll_fn(|_| {
            let mut state = self.state();
            let Some(pending) = state.calls.get(&call) else {
                return Poll::Ready(Err(Lost));
            };
            let replies = pending.replies.iter().map(|(replica, answer)| {
                let answer = answer.downcast_ref::<Result<R::Reply, InvalidRequest>>();
                let answer = answer.expect("a reply of this method");
                (
                    replica,
                    answer.as_ref().expect("clients send valid requests"),
                )
            });
            let is_settled = replies
                .clone()
                .any(|(_, reply)| request.is_settled_by(reply));
            let outcome = if is_settled || quorums.is_quorum_of(replies.clone().map(|it| it.0)) {
                // One of each replica, whatever was repeated.
                let replies: BTreeMap<_, _> = replies.collect();
                Ok(replies.into_values().cloned().collect())
            } else if pending.has_failed {
                Err(Lost)
            } else {
                return Poll::Pending;
            };
            state.calls.remove(&call);
            Poll::Ready(outcome)
        })
        .await
    }

    async fn pause(&self) {
        let call = self.state().begin(vec![(NodeId::new(1), Content::Wake)]);
        poll_fn(|_| match self.state().calls.get(&call) {
            Some(pending) if !pending.has_failed => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await
    }
}

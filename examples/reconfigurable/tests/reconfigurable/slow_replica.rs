//! A replica that always answers last, and is the only one that knows what follows the configuration.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::FutureExt;
use gorums_runtime::NodeId;
use gorums_runtime::quorum::Quorums;
use reconfigurable::proto::{Algorithm, At, Blueprint, WriteNext};
use reconfigurable::{Access, Client, Reconfigurable, Register, Request, Session};

use crate::adversary::ALL;

/// More calls than any operation needs here.
const CALLS: usize = 100;

/// Replicas in memory. A call waits only for as many replies as it needs, and those of greater ids are the first.
struct Replicas(Mutex<State>);

struct State {
    registers: BTreeMap<NodeId, Register>,
    calls: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("there were {CALLS} calls")]
struct NoEnd;

impl Replicas {
    /// Replicas 1 to 3, of which only the first knows that `next` follows `this`.
    fn new(algorithm: Algorithm, this: &Blueprint, next: &Blueprint) -> Self {
        let ids = (1..=3).map(NodeId::new);
        let mut registers: BTreeMap<_, _> = ids.map(|id| (id, Register::default())).collect();
        let request = WriteNext {
            at: Some(At {
                algorithm: algorithm.into(),
                this: Some(this.clone()),
            }),
            next: vec![next.clone()],
        };
        let slow = registers.get_mut(&NodeId::new(1)).expect("it is there");
        request.handle(slow).expect("it is valid");
        let calls = 0;
        Self(Mutex::new(State { registers, calls }))
    }
}

impl Access for Replicas {
    type Error = NoEnd;

    async fn call<R: Request>(
        &self,
        mut replicas: Vec<NodeId>,
        request: R,
        quorums: &Quorums<NodeId>,
    ) -> Result<Vec<R::Reply>, NoEnd> {
        let mut state = self.0.lock().expect("nobody panics with it");
        state.calls += 1;
        if state.calls > CALLS {
            return Err(NoEnd);
        }
        replicas.sort_unstable();
        let (mut replied, mut replies) = (Vec::new(), Vec::new());
        while let Some(id) = replicas.pop() {
            let register = state.registers.get_mut(&id).expect("a replica");
            let reply = request.clone().handle(register);
            let reply = reply.expect("clients send valid requests");
            let is_settled = request.is_settled_by(&reply);
            replied.push(id);
            replies.push(reply);
            if is_settled || quorums.is_quorum_of(&replied) {
                break;
            }
        }
        Ok(replies)
    }

    async fn pause(&self) {}
}

#[test]
fn an_operation_ends_though_reads_do_not_wait_for_the_replica_that_knows_what_follows() {
    for algorithm in ALL {
        // Writes need both replicas, reads one of them.
        let this = Blueprint::of([1, 2]);
        let next = this.merge(&Blueprint::change([3], []));
        let session = Session::new(7, Replicas::new(algorithm, &this, &next), this);
        let client = Client::new(algorithm, session);
        let written = client.write("a").now_or_never().expect("nothing waits");
        written.unwrap_or_else(|error| panic!("a write with {algorithm:?}: {error}"));
        let read = client.read().now_or_never().expect("nothing waits");
        assert_eq!(read.expect("a value").as_deref(), Some("a"));
    }
}

//! Functions around each call that a client makes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::QuorumCallErrorKind;
use gorums_runtime::interceptors::{
    CallOutcome, CallWatch, ClientCall, ClientInterceptor, NodeOutcome,
};
use gorums_runtime::{CallOptions, NodeId, Transport};
use tests::network::Network;
use tests::numbered::numbered_gorums::NumberedConfiguration;
use tests::numbered::{Reply, Request, Wish};
use tests::numbered_replica::{Cluster, request, wish};
use tests::on_both;
use tests::spec::Count;
use tonic::{Code, Status};

type Seen = Arc<Mutex<Vec<String>>>;

/// Notes what it sees of calls.
#[derive(Clone)]
struct Noting {
    name: &'static str,
    seen: Seen,
}

impl ClientInterceptor for Noting {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        let number = call.request_as::<Request>().map(|request| request.number);
        let (method, nodes) = (call.method().name(), call.nodes().len());
        let is_of_many = call.configuration_id().is_some();
        let seen = format!("{method} {number:?} to {nodes}, {is_of_many}");
        self.note(seen);
        Ok(Some(Box::new(self.clone())))
    }
}

impl Noting {
    fn note(&self, what: String) {
        let what = format!("{}: {what}", self.name);
        self.seen.lock().expect("no panic").push(what);
    }
}

impl CallWatch for Noting {
    fn node(&mut self, outcome: &mut NodeOutcome<'_>) {
        let reply = outcome.reply_as::<Reply>().map(|reply| reply.number);
        let error = outcome.error().map(Status::code);
        self.note(format!("{:?} {error:?}", reply));
    }

    fn end(&mut self, outcome: CallOutcome, _: Duration) {
        self.note(outcome.to_string());
    }
}

fn take(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut seen.lock().expect("no panic"))
}

/// The service on `replicas` replicas, all of which decide, with `interceptor` around the calls of the manager.
async fn numbered(
    transport: Transport,
    replicas: u8,
    interceptor: impl ClientInterceptor,
) -> (Cluster, NumberedConfiguration<Count>) {
    let cluster = Cluster::start_on(transport, replicas);
    let manager = cluster.network.manager(replicas).intercept(interceptor);
    let manager = manager.connect_lazy().await.expect("addresses");
    let numbered =
        NumberedConfiguration::new(manager.configuration()).with_spec(Count(replicas.into()));
    (cluster, numbered)
}

#[tokio::test]
async fn each_type_of_call_is_seen_from_its_start_to_its_end() {
    on_both(async |transport| {
        let seen = Seen::default();
        let noting = Noting {
            name: "m",
            seen: seen.clone(),
        };
        let (_cluster, numbered) = numbered(transport, 2, noting).await;
        numbered.quorum(request(1)).await.expect("two replies");
        let replies = ["m: Some(1) None", "m: Some(1) None"];
        let around = |first: &str, middle: &[&str], last: &str| {
            let mut all = vec![format!("m: {first}")];
            all.extend(middle.iter().map(ToString::to_string));
            all.push(format!("m: {last}"));
            all
        };
        assert_eq!(
            take(&seen),
            around("Quorum Some(1) to 2, true", &replies, "decided")
        );
        numbered
            .aggregate(request(1))
            .all()
            .await
            .expect("two replies");
        assert_eq!(
            take(&seen),
            around("Aggregate Some(1) to 2, true", &replies, "decided")
        );
        let responses: Vec<_> = numbered.aggregate(request(1)).responses().collect().await;
        assert_eq!(responses.len(), 2);
        assert_eq!(
            take(&seen),
            around("Aggregate Some(1) to 2, true", &replies, "answered")
        );
        numbered
            .r#async(request(1))
            .majority()
            .await
            .expect("two replies");
        assert_eq!(
            take(&seen),
            around("Async Some(1) to 2, true", &replies, "decided")
        );
        let node = numbered.nodes().next().expect("a node");
        node.call(request(1)).await.expect("a reply");
        assert_eq!(
            take(&seen),
            around("Call Some(1) to 1, false", &replies[..1], "answered")
        );
        node.unicast(request(1)).await.expect("sent");
        let sent = ["m: None None", "m: None None"];
        assert_eq!(
            take(&seen),
            around("Unicast Some(1) to 1, false", &sent[..1], "sent")
        );
        numbered.multicast(request(1)).await.expect("sent");
        assert_eq!(
            take(&seen),
            around("Multicast Some(1) to 2, true", &sent, "sent")
        );
        numbered.multicast_stream(request(1)).await.expect("sent");
        assert_eq!(
            take(&seen),
            around("MulticastStream Some(1) to 2, true", &sent, "sent")
        );
        numbered.multicast(request(1)).detach();
        assert_eq!(
            take(&seen),
            around("Multicast Some(1) to 2, true", &[], "detached")
        );
        let three = Request {
            number: 1,
            wish: 0,
            size: 3,
        };
        let replies: Vec<_> = numbered.watch(three).responses().collect().await;
        assert_eq!(replies.len(), 6);
        assert_eq!(take(&seen).len(), 1 + 6 + 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failures_and_ends_without_a_decision_are_seen() {
    on_both(async |transport| {
        let seen = Seen::default();
        let noting = Noting {
            name: "m",
            seen: seen.clone(),
        };
        let (cluster, numbered) = numbered(transport, 2, noting).await;
        let waiting = wish(1, Wish::Wait);
        let late = numbered.quorum(waiting).timeout(Duration::from_secs(1));
        let error = late.await.expect_err("they wait");
        assert_eq!(error.kind(), QuorumCallErrorKind::DeadlineExceeded);
        let expected = [
            "m: Quorum Some(1) to 2, true",
            "m: None Some(DeadlineExceeded)",
            "m: None Some(DeadlineExceeded)",
            "m: deadline_exceeded",
        ];
        assert_eq!(take(&seen), expected);
        drop(numbered.aggregate(waiting).all().start());
        tests::settle().await;
        assert_eq!(
            take(&seen),
            ["m: Aggregate Some(1) to 2, true", "m: cancelled"]
        );
        cluster.gate.open();
        cluster.network.kill(2);
        let error = numbered.quorum(request(1)).await.expect_err("one is down");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        let seen = take(&seen);
        assert!(
            seen.contains(&"m: None Some(Unavailable)".to_string()),
            "{seen:?}"
        );
        assert_eq!(seen.last().map(String::as_str), Some("m: incomplete"));
    })
    .await;
}

#[tokio::test]
async fn those_of_the_manager_are_around_those_of_a_configuration() {
    let seen = Seen::default();
    let noting = |name| Noting {
        name,
        seen: seen.clone(),
    };
    let (_cluster, numbered) = numbered(Transport::NodeStream, 1, noting("manager")).await;
    let options = CallOptions::new()
        .intercept(noting("outer"))
        .intercept(noting("inner"));
    numbered
        .with_options(options)
        .quorum(request(1))
        .await
        .expect("a reply");
    let names: Vec<String> = take(&seen)
        .iter()
        .map(|seen| seen.split(':').next().unwrap_or_default().to_string())
        .collect();
    let [start, back] = [["manager", "outer", "inner"], ["inner", "outer", "manager"]];
    assert_eq!(names, [start, back, back].concat());
}

/// Refuses numbers above 10, and doubles the others.
struct Mapping;

impl ClientInterceptor for Mapping {
    fn start(&self, call: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        match call.request_as_mut::<Request>() {
            Some(request) if request.number > 10 => Err(Status::out_of_range("too large")),
            Some(request) => {
                request.number *= 2;
                Ok(None)
            }
            None => panic!("asked to panic"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_changed_or_refused_before_anything_is_sent() {
    on_both(async |transport| {
        let (mut cluster, numbered) = numbered(transport, 2, Mapping).await;
        let reply = numbered.quorum(request(4)).await.expect("two replies");
        assert_eq!(reply.number, 8);
        let node = numbered.nodes().next().expect("a node");
        node.unicast(request(5)).await.expect("sent");
        tests::settle().await;
        assert_eq!(cluster.began_at(1), [8, 10]);

        let error = numbered.quorum(request(11)).await.expect_err("refused");
        assert_eq!(error.kind(), QuorumCallErrorKind::Incomplete);
        let refused = |error: &gorums_runtime::errors::NodeError| {
            assert_eq!(
                (error.code(), error.status().message()),
                (Code::OutOfRange, "too large")
            );
        };
        assert_eq!(error.errors().len(), 2);
        error.errors().iter().for_each(refused);
        refused(&node.call(request(11)).await.expect_err("refused"));
        refused(&node.unicast(request(11)).await.expect_err("refused"));
        let error = numbered.multicast(request(11)).await.expect_err("refused");
        assert_eq!(error.errors().len(), 2);
        error.errors().iter().for_each(refused);
        let responses: Vec<_> = numbered.aggregate(request(11)).responses().collect().await;
        assert_eq!(responses.len(), 2);
        for (_, response) in &responses {
            refused(response.as_ref().expect_err("refused"));
        }
        tests::settle().await;
        assert_eq!(cluster.past_events().len(), 0, "nothing was sent");
        assert!(
            node.as_node().last_error().is_none(),
            "the node has not failed"
        );
    })
    .await;
}

/// Rejects the replies of one node, and adds to those of the others.
struct Filter(NodeId);

impl ClientInterceptor for Filter {
    fn start(&self, _: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        Ok(Some(Box::new(Self(self.0))))
    }
}

impl CallWatch for Filter {
    fn node(&mut self, outcome: &mut NodeOutcome<'_>) {
        if outcome.node_id() == self.0 {
            outcome.reject(Status::failed_precondition("not this one"));
        } else if let Some(reply) = outcome.reply_as_mut::<Reply>() {
            reply.number += 100;
        }
    }
}

#[tokio::test]
async fn a_reply_is_changed_or_rejected_before_the_quorum_function_sees_it() {
    on_both(async |transport| {
        let (_cluster, numbered) = numbered(transport, 3, Filter(Network::id(2))).await;
        let error = numbered
            .quorum(request(1))
            .await
            .expect_err("one is rejected");
        assert_eq!(error.replies(), 2);
        let [rejected] = error.errors() else {
            panic!("{error}");
        };
        assert_eq!(rejected.node_id(), Network::id(2));
        assert_eq!(rejected.code(), Code::FailedPrecondition);
        let replies = numbered.aggregate(request(1)).majority().await;
        let replies = replies.expect("two of three");
        assert!(replies.iter().all(|(_, reply)| reply.number == 101));
        let node = numbered.node(Network::id(2)).expect("a node");
        let error = node.call(request(1)).await.expect_err("rejected");
        assert_eq!(error.code(), Code::FailedPrecondition);
        let streamed = Request {
            number: 1,
            wish: 0,
            size: 3,
        };
        let responses: Vec<_> = numbered.watch(streamed).responses().collect().await;
        let (good, bad): (Vec<_>, Vec<_>) = responses
            .into_iter()
            .partition(|(_, response)| response.is_ok());
        assert_eq!((good.len(), bad.len()), (6, 1));
    })
    .await;
}

/// Panics when it sees something.
#[derive(Clone, Copy, PartialEq)]
enum Panicking {
    Start,
    Node,
    End,
}

impl ClientInterceptor for Panicking {
    fn start(&self, _: &mut ClientCall<'_>) -> Result<Option<Box<dyn CallWatch>>, Status> {
        assert!(*self != Self::Start, "asked to panic");
        Ok(Some(Box::new(*self)))
    }
}

impl CallWatch for Panicking {
    fn node(&mut self, _: &mut NodeOutcome<'_>) {
        assert!(*self != Self::Node, "asked to panic");
    }

    fn end(&mut self, _: CallOutcome, _: Duration) {
        assert!(*self != Self::End, "asked to panic");
    }
}

#[tokio::test]
async fn a_panic_fails_the_call_unless_it_has_ended() {
    on_both(async |transport| {
        for panicking in [Panicking::Start, Panicking::Node] {
            let (_cluster, numbered) = numbered(transport, 1, panicking).await;
            let error = numbered.quorum(request(1)).await.expect_err("a panic");
            let [node] = error.errors() else {
                panic!("{error}");
            };
            assert_eq!(node.code(), Code::Internal);
            let text = node.status().message();
            assert!(
                text.contains("an interceptor panicked: asked to panic"),
                "{text}"
            );
        }
        let (_cluster, numbered) = numbered(transport, 1, Panicking::End).await;
        numbered.quorum(request(1)).await.expect("a reply");
    })
    .await;
}

//! Members that know and call each other, whether they are up or not.

use std::time::Duration;

use futures::StreamExt;
use gorums_runtime::errors::{QuorumCallErrorKind, SystemError};
use gorums_runtime::{Context, NodeId, System, testing};
use tests::golden::no_package::pinger_gorums::{
    PingerConfiguration, PingerReplica, PingerReplicaServer,
};
use tests::golden::no_package::{Ping, Pong};
use tests::member::{Member, members, register};
use tests::register::ReadRequest;
use tests::spec::state;
use tests::{on_both, soon};
use tonic::{Code, Status};

const SECOND: Duration = Duration::from_secs(1);

fn ids<const N: usize>(ids: [u32; N]) -> [NodeId; N] {
    ids.map(NodeId::new)
}

#[tokio::test(start_paused = true)]
async fn each_member_calls_each_and_knows_who_calls() {
    on_both(async |transport| {
        let systems = members(transport, 3).await;
        for caller in systems.ids() {
            let system = systems.system(caller);
            assert_eq!(system.configuration().size(), 3);
            assert_eq!(system.others().expect("two").size(), 2);
            for node in register(&system).nodes() {
                let reply = node.read_no_qc(ReadRequest {}).await.expect("a reply");
                assert_eq!(reply.value, caller.to_string());
                assert_eq!(reply.timestamp, i64::from(node.id().get()));
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn handlers_call_all_members_themselves_included() {
    on_both(async |transport| {
        let systems = members(transport, 3).await;
        let [first, second, third] = ids([1, 2, 3]).map(|id| register(&systems.system(id)));
        let by_two = second.node(NodeId::new(3)).expect("a member");
        by_two
            .write_no_qc(state("only here", 1))
            .await
            .expect("it is up");
        first.write(state("everywhere", 2)).await.expect("a quorum");
        // Each of the three handlers makes a quorum call on all three.
        for register in [&first, &second, &third] {
            let read = register.read(ReadRequest {}).await.expect("a quorum");
            assert_eq!(read.value, "everywhere");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_cut_off_forms_no_majority_of_itself() {
    on_both(async |transport| {
        let systems = members(transport, 3).await;
        let [one, two, _] = ids([1, 2, 3]);
        systems.cut_off(one);
        let alone = register(&systems.system(one));
        let error = alone.read_agreed(ReadRequest {}).timeout(60 * SECOND).await;
        let error = error.expect_err("there is no majority");
        assert!(matches!(
            error.kind(),
            QuorumCallErrorKind::Incomplete | QuorumCallErrorKind::DeadlineExceeded
        ));
        let others = register(&systems.system(two));
        others.write(state("new", 1)).await.expect("a majority");
        systems.heal();
        soon("the connections", systems.connected()).await;
        // Over plain gRPC, calls fail until the back-off of their connection has passed.
        let again = async {
            loop {
                if let Ok(read) = alone.read(ReadRequest {}).await {
                    return read.value;
                }
                tokio::time::sleep(SECOND / 10).await;
            }
        };
        assert_eq!(soon("a majority", again).await, "new");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_cut_one_way_is_noticed_at_both_ends() {
    let systems = members(Default::default(), 3).await;
    let [one, two, three] = ids([1, 2, 3]);
    systems.cut(one, two);
    for (system, other) in [(one, two), (two, one)] {
        let connectivity = systems.system(system).connectivity();
        let noticed = connectivity.wait_until(|connected| !connected.contains(&other));
        let noticed = tokio::time::timeout(30 * SECOND, noticed).await;
        noticed.expect("within the keep-alive").expect("it runs");
        assert!(connectivity.is_connected(three));
        assert!(connectivity.is_connected(system));
    }
    systems.heal();
    soon("the connections", systems.connected()).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_killed_is_disconnected_and_connected_once_it_is_back() {
    let systems = members(Default::default(), 3).await;
    let [one, three] = ids([1, 3]);
    let system = systems.system(one);
    let mut events = system.connectivity().events();
    for _ in 0..3 {
        let event = soon("a member", events.next()).await.expect("an event");
        assert!(event.is_connected());
    }
    systems.kill(three);
    let event = soon("the failure", events.next()).await.expect("an event");
    assert_eq!((event.node_id(), event.is_connected()), (three, false));
    let node = register(&system).node(three).expect("it is still a member");
    let error = node
        .read_no_qc(ReadRequest {})
        .await
        .expect_err("it is down");
    assert_eq!(error.code(), Code::Unavailable);
    systems.start(three).await.expect("it starts");
    let event = soon("its return", events.next()).await.expect("an event");
    assert_eq!((event.node_id(), event.is_connected()), (three, true));
    node.read_no_qc(ReadRequest {}).await.expect("it is back");
    // The member that is back has connected to the others, too.
    soon("the connections", systems.connected()).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_removed_is_cut_off_in_both_directions_and_its_id_is_nobodys() {
    on_both(async |transport| {
        let systems = members(transport, 3).await;
        let [one, three] = ids([1, 3]);
        let system = systems.system(one);
        let before = system.configuration();
        let removed = register(&systems.system(three))
            .node(one)
            .expect("a member");
        system.remove_member(three).expect("it is a member");
        assert_eq!(before.size(), 3);
        assert_eq!(system.configuration().size(), 2);
        // The one that was removed is a plain client from now on.
        let caller = async {
            loop {
                if let Ok(reply) = removed.read_no_qc(ReadRequest {}).await {
                    return reply.value;
                }
                tokio::time::sleep(SECOND / 10).await;
            }
        };
        assert_eq!(soon("a reply", caller).await, "stranger 3");
        let address = before.node(three).expect("it was").address().to_string();
        system.add_member(three, &address).expect("it is new");
        let node = register(&system).node(three).expect("a member");
        node.read_no_qc(ReadRequest {}).await.expect("it is up");
        assert_eq!(system.configuration().size(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn members_that_are_set_are_known_to_the_server_and_others_are_strangers() {
    on_both(async |transport| {
        let systems = members(transport, 3).await;
        let [one, two, three] = ids([1, 2, 3]);
        let system = systems.system(one);
        let all = system.configuration();
        let addresses = all
            .nodes()
            .map(|node| (node.id(), node.address().to_owned()));
        let addresses: Vec<_> = addresses.collect();
        let of_three = register(&systems.system(three))
            .node(one)
            .expect("a member");
        let seen_as = async |value: &str| {
            let reply = async {
                loop {
                    let reply = of_three.read_no_qc(ReadRequest {}).await;
                    if reply.is_ok_and(|reply| reply.value == value) {
                        return;
                    }
                    tokio::time::sleep(SECOND / 10).await;
                }
            };
            soon("a reply", reply).await;
        };
        seen_as("3").await;
        let rest = addresses.iter().filter(|(id, _)| *id != three);
        system
            .set_members(rest.map(|(id, address)| (*id, address)))
            .expect("two are left");
        assert!(system.configuration().node_ids().eq([one, two]));
        seen_as("stranger 3").await;
        system.set_members(addresses).expect("all three");
        seen_as("3").await;
        let node = register(&system).node(three).expect("a member");
        node.read_no_qc(ReadRequest {}).await.expect("it is up");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_delays_replies_by_its_delay_in_each_direction() {
    let systems = members(Default::default(), 2).await;
    let [one, two] = ids([1, 2]);
    systems.slow(one, two, SECOND);
    systems.slow(two, one, 2 * SECOND);
    let node = register(&systems.system(one)).node(two).expect("a member");
    let start = tokio::time::Instant::now();
    node.read_no_qc(ReadRequest {}).await.expect("a reply");
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn what_makes_no_system_is_an_error_that_says_what_to_do() {
    let error = |built: Result<System, SystemError>| built.expect_err("it is none").to_string();
    let stranger = System::builder(7, [(1, "127.0.0.1:0"), (2, "127.0.0.1:1")]).bind();
    assert_eq!(
        error(stranger.await),
        "node 7 is not among the members 1, 2; add it, with its own address"
    );
    let nameless = System::builder(1, [(1, "127.0.0.1:1")]).listen("127.0.0.1:0");
    assert_eq!(
        error(nameless.cluster("two words").bind().await),
        "the cluster's name \"two words\" is not valid; give 1 to 128 visible ASCII characters"
    );
    let twice = [(1, "127.0.0.1:1"), (1, "127.0.0.1:2")];
    let twice = System::builder(1, twice).listen("127.0.0.1:0").bind();
    assert!(error(twice.await).contains("have the same id"));
    let alone = System::builder(1, [(1, "127.0.0.1:1")]).listen("127.0.0.1:0");
    let system = alone.bind().await.expect("an address");
    let _running = system.serve(Member::server(&system)).expect("it serves");
    let again = system.serve(Member::server(&system));
    assert!(matches!(again, Err(SystemError::ServesAlready)));
    assert!(testing::systems(0, Member::server).await.is_err());
}

/// Answers with the members that its context knows.
struct Knowing;

impl PingerReplica for Knowing {
    async fn ping(&self, ctx: &Context, _: Ping) -> Result<Pong, Status> {
        let members = ctx.configuration();
        let members = members.ok_or_else(|| Status::not_found("there is no system"))?;
        Ok(Pong {
            count: members.size() as u64,
        })
    }

    async fn ping_one(&self, ctx: &Context, request: Ping) -> Result<Pong, Status> {
        self.ping(ctx, request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_the_members_of_the_moment() {
    on_both(async |transport| {
        let systems = testing::systems_with(
            2,
            move |_, builder| builder.manager(|manager| manager.transport(transport)),
            |_| PingerReplicaServer::new(Knowing),
        );
        let systems = systems.await.expect("they start");
        let [one, two] = ids([1, 2]);
        let pinger = PingerConfiguration::new(systems.system(one).membership());
        let ping = async |id| {
            let node = pinger.node(id).expect("a member");
            node.ping_one(Ping {}).await.map(|pong| pong.count)
        };
        assert_eq!(ping(one).await.expect("a reply"), 2);
        assert_eq!(ping(two).await.expect("a reply"), 2);
        let system = systems.system(one);
        system.add_member(3, "127.0.0.1:1").expect("added");
        assert_eq!(pinger.configuration().size(), 3);
        assert_eq!(ping(one).await.expect("a reply"), 3);
        assert_eq!(ping(two).await.expect("another's membership"), 2);
        for id in [2, 3] {
            system.remove_member(id).expect("a member");
        }
        assert_eq!(ping(one).await.expect("it has itself"), 1);
    })
    .await;

    let network = tests::network::Network::new(Default::default());
    network.serve(1, PingerReplicaServer::new(Knowing));
    let manager = network.manager(1).connect_lazy().await.expect("an address");
    let pinger = PingerConfiguration::new(manager.configuration());
    let node = pinger.nodes().next().expect("a node");
    let error = node.ping_one(Ping {}).await.expect_err("a plain server");
    assert_eq!(error.code(), Code::NotFound);
}

//! Orders of events that are worth reading: figure 8 of the paper, a leader that does not know that it is deposed, a
//! follower whose log ends where that of its leader begins, and hostile requests.

use gorums_runtime::NodeId;
use raft::proto::client_request::Request as ClientRequest;
use raft::proto::client_response::Outcome;
use raft::proto::{Command, Configuration, Entry, HardState, Member, Snapshot};
use raft::{EntryId, Flaw, Members, Message, Options, Raft, Request, Stored};

/// Three servers whose disks are fast.
struct Three {
    servers: Vec<Raft>,
    /// Messages with their senders.
    messages: Vec<(NodeId, Message)>,
    answers: Vec<Outcome>,
}

impl Three {
    fn new(flaw: Option<Flaw>) -> Self {
        Self::with([(); 3].map(|()| Stored::default()), flaw)
    }

    fn with(stored: [Stored; 3], flaw: Option<Flaw>) -> Self {
        let ids = [1, 2, 3].map(NodeId::new);
        let options = Options {
            batch_bytes: 1,
            window_requests: 1,
            ..Options::default()
        };
        let members = Members::new(ids.map(|id| (id, String::new())));
        let servers = ids.into_iter().zip(stored).map(|(id, stored)| {
            let raft = Raft::new(id, members.clone(), options, stored, 7);
            raft.expect("its disk is in order").with_flaw(flaw)
        });
        Self {
            servers: servers.collect(),
            messages: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn server(&self, id: u32) -> &Raft {
        &self.servers[id as usize - 1]
    }

    fn act<T>(&mut self, id: u32, step: impl FnOnce(&mut Raft) -> T) -> T {
        let raft = &mut self.servers[id as usize - 1];
        let result = step(raft);
        loop {
            let output = raft.take_output();
            let sent = output.messages.into_iter();
            self.messages.extend(sent.map(|it| (NodeId::new(id), it)));
            self.answers
                .extend(output.answers.into_iter().map(|it| it.1));
            if output.writes.is_empty() {
                return result;
            }
            raft.on_durable(output.mark);
        }
    }

    fn ask(&mut self, id: u32, request: ClientRequest) -> Option<Outcome> {
        self.answers.clear();
        self.act(id, |raft| raft.on_client(1, Some(request)));
        self.answers.pop()
    }

    /// Delivers one message, and its reply, if `arrives` says so. Otherwise it is lost. Returns whether there was one.
    fn deliver(&mut self, arrives: impl Fn(u32, u32, &Request) -> bool) -> bool {
        if self.messages.is_empty() {
            return false;
        }
        let (from, Message { to, request }) = self.messages.remove(0);
        let arrives = arrives(from.get(), to.get(), &request);
        match request {
            Request::RequestVote(asked) if arrives => {
                let reply = self.act(to.get(), |raft| raft.on_request_vote(from, asked));
                self.act(from.get(), |raft| raft.on_vote(to, asked, reply));
            }
            Request::AppendEntries(request, sent) => {
                let reply = arrives.then(|| {
                    let reply = self.act(to.get(), |raft| raft.on_append_entries(from, request));
                    reply.expect("the leader keeps the rules")
                });
                self.act(from.get(), |raft| raft.on_appended(to, sent, reply));
            }
            _ => {}
        }
        true
    }

    /// Lets time pass for both servers until the first leads. Only votes travel, and only between them.
    fn elect(&mut self, leader: u32, voter: u32) {
        self.messages.clear();
        for _ in 0..1000 {
            if self.server(leader).is_leader() {
                return;
            }
            self.act(leader, Raft::tick);
            // The voter forgets its last leader, and does not campaign itself.
            self.act(voter, Raft::tick);
            let votes = |from, to, request: &Request| {
                (from, to) == (leader, voter) && matches!(request, Request::RequestVote(_))
            };
            while !self.server(leader).is_leader() && self.deliver(votes) {}
        }
        panic!("{leader} is not elected");
    }

    fn settle(&mut self) {
        while self.deliver(|_, _, _| true) {}
    }
}

/// Whether a leader commits an entry of an older term because a majority has it.
fn commits_as_in_figure_8(flaw: Option<Flaw>) -> bool {
    let mut three = Three::new(flaw);
    three.elect(1, 2);
    three.settle();
    // (a) Server 1 has an entry that nobody else has.
    three.ask(1, ClientRequest::RegisterClient(()));
    let entry = three.server(1).log().last();
    // (b) Server 3 leads in a later term, and has another entry in its place.
    three.elect(3, 2);
    assert_eq!(three.server(3).log().last().index, entry.index);
    // (c) Server 1 leads again. Its entry reaches server 2, and that of its new term does not.
    three.elect(1, 2);
    let has_entry = |three: &Three| three.server(2).log().last() == entry;
    while !has_entry(&three) {
        if !three.deliver(|from, to, _| (from, to) == (1, 2)) {
            three.act(1, Raft::tick);
        }
    }
    let is_committed = three.server(1).commit_index() >= entry.index;
    // (d) Server 3 can still be elected, and replaces the entry.
    three.elect(3, 2);
    is_committed
}

#[test]
fn entries_of_older_terms_are_not_committed_by_counting() {
    assert!(!commits_as_in_figure_8(None));
    assert!(commits_as_in_figure_8(Some(Flaw::OldTermCounted)));
}

/// Whether a leader that is deposed without knowing it answers a read.
fn deposed_leader_reads(flaw: Option<Flaw>) -> bool {
    let mut three = Three::new(flaw);
    three.elect(1, 2);
    three.settle();
    three.elect(3, 2);
    while three.deliver(|from, to, _| from != 1 && to != 1) {}
    three.act(3, Raft::tick);
    three.act(3, Raft::tick);
    while three.deliver(|from, to, _| from != 1 && to != 1) {}
    assert!(three.server(3).commit_index() > three.server(1).commit_index());
    assert!(three.server(1).is_leader());
    let read = three.ask(1, ClientRequest::Query("k".to_owned()));
    matches!(read, Some(Outcome::Queried(_)))
}

#[test]
fn a_leader_that_is_deposed_does_not_answer_reads() {
    assert!(!deposed_leader_reads(None));
    assert!(deposed_leader_reads(Some(Flaw::ReadWithoutRound)));
}

fn entry(index: u64, term: u64) -> Entry {
    Entry {
        index,
        term,
        payload: None,
    }
}

#[test]
fn a_follower_whose_entry_at_the_start_of_the_leaders_log_is_another_one_gets_a_snapshot() {
    let members = [1, 2, 3].map(|id| Member {
        id,
        address: format!("server-{id}:1"),
    });
    let configuration = Configuration {
        members: members.into(),
        next: Vec::new(),
    };
    let hard_state = HardState {
        term: 6,
        voted_for: 0,
    };
    let compacted = Stored {
        hard_state,
        start: EntryId { index: 2, term: 6 },
        snapshot: Some(Snapshot {
            last_included_index: 2,
            last_included_term: 6,
            configuration: Some(configuration),
            data: Vec::new(),
        }),
        entries: Vec::new(),
    };
    let other = Stored {
        hard_state,
        entries: vec![entry(1, 4), entry(2, 4)],
        ..Stored::default()
    };
    let mut three = Three::with([compacted, other, Stored::default()], None);
    three.elect(1, 2);
    for _ in 0..10 {
        let is_snapshot = |(_, message): &(NodeId, Message)| {
            message.to.get() == 2 && matches!(message.request, Request::InstallSnapshot(..))
        };
        if three.messages.iter().any(is_snapshot) {
            return;
        }
        if !three.deliver(|from, to, _| (from, to) == (1, 2)) {
            three.act(1, Raft::tick);
        }
    }
    panic!("it is asked for what it has, over and over");
}

#[test]
fn hostile_requests_are_refused() {
    let mut three = Three::new(None);
    three.elect(1, 2);
    three.settle();
    let two = NodeId::new(2);
    let append = |term, prev_log_index, entries| raft::proto::AppendEntriesRequest {
        term,
        prev_log_index,
        prev_log_term: 0,
        entries,
        leader_commit: u64::MAX,
    };
    for request in [
        append(1, 0, Vec::new()),
        append(u64::MAX, u64::MAX, vec![entry(0, 1)]),
        append(9, 1, vec![entry(3, 1)]),
        append(9, 1, vec![entry(2, 3), entry(3, 2)]),
        append(9, 1, vec![entry(2, 10)]),
        append(9, 0, vec![entry(1, 9)]),
    ] {
        let refused = three.act(1, |raft| raft.on_append_entries(two, request));
        refused.expect_err("no leader sends it");
    }
    // A term that cannot be exceeded ends all elections, but nothing else.
    three
        .act(1, |raft| {
            let last = append(u64::MAX, u64::MAX, Vec::new());
            raft.on_append_entries(two, last)
        })
        .expect("it may be true");
    for _ in 0..100 {
        three.act(1, Raft::tick);
    }
    let command = ClientRequest::Command(Command::default());
    let outcome = three.ask(1, command);
    assert!(matches!(outcome, Some(Outcome::NotLeaderHint(_))));
}

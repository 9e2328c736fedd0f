//! Faults at random.

use std::time::Duration;

use fastrand::Rng;
use gorums_runtime::NodeId;
use gorums_runtime::errors::SystemError;
use tokio::time::{Instant, sleep};

use super::Cluster;
use crate::seeds;

/// How long a fault lasts at most before the next one. Most follow sooner.
const LONGEST_PAUSE: Duration = Duration::from_millis(300);

/// How long a link takes at most to carry a message.
const SLOWEST_LINK: Duration = Duration::from_millis(20);

/// What goes wrong, or right again.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One replica crashes.
    Crash,
    /// All replicas crash.
    PowerFailure,
    /// Nothing travels from one host to another any more.
    Cut,
    /// One replica is cut off from all others.
    CutOff,
    /// Two groups of hosts are cut off from each other.
    Partition,
    /// One link becomes slower, or faster.
    Slow,
    /// Replicas that have crashed start.
    Restart,
    /// No link is cut any more.
    Mend,
}

const FAULTS: [Fault; 6] = [
    Fault::Crash,
    Fault::PowerFailure,
    Fault::Cut,
    Fault::CutOff,
    Fault::Partition,
    Fault::Slow,
];

/// These keep the system from standing still.
const REPAIRS: [Fault; 3] = [Fault::Restart, Fault::Restart, Fault::Mend];

/// Breaks replicas and links at random.
///
/// Each run has only some kinds of faults, so that each kind is the most frequent one of some run (Groce and others: Swarm
/// testing, ISSTA 2012).
#[derive(Debug)]
pub struct Unrest<'a> {
    cluster: &'a Cluster,
    rng: Rng,
    members: Vec<NodeId>,
    /// The members, and the clients.
    hosts: Vec<NodeId>,
    /// The faults of this run.
    kinds: Vec<Fault>,
    crashed: Vec<NodeId>,
    began: Instant,
}

impl<'a> Unrest<'a> {
    /// Faults of a cluster and its first `clients` clients, which `seed` decides.
    pub fn new(cluster: &'a Cluster, clients: u32, seed: u64) -> Self {
        let members: Vec<_> = cluster.systems().ids().collect();
        let clients = (1..=clients).map(Cluster::client_id);
        let mut rng = Rng::with_seed(seed);
        let few = rng.usize(1..=FAULTS.len());
        Self {
            cluster,
            kinds: rng.choose_multiple(FAULTS, few),
            rng,
            hosts: members.iter().copied().chain(clients).collect(),
            members,
            crashed: Vec::new(),
            began: Instant::now(),
        }
    }

    /// Lets things fail for some time. Then starts all replicas and mends all links.
    ///
    /// # Errors
    ///
    /// If a replica does not start.
    pub async fn run(mut self, duration: Duration) -> Result<(), SystemError> {
        self.began = Instant::now();
        self.slow_all();
        while self.began.elapsed() < duration {
            self.fail().await?;
            // Several faults may come at once.
            let pause = LONGEST_PAUSE.mul_f64(self.rng.f64().powi(3));
            sleep(pause).await;
        }
        self.note("all replicas start, all links are mended");
        self.cluster.systems().heal();
        for id in self.members {
            self.cluster.restart(id).await?;
        }
        Ok(())
    }

    async fn fail(&mut self) -> Result<(), SystemError> {
        let kinds: Vec<Fault> = self.kinds.iter().copied().chain(REPAIRS).collect();
        match kinds[self.rng.usize(..kinds.len())] {
            Fault::Crash => self.crash_one(),
            Fault::PowerFailure => self.crash_all(),
            Fault::Cut => self.cut(),
            Fault::CutOff => self.cut_off(),
            Fault::Partition => self.partition(),
            Fault::Slow => self.slow(),
            Fault::Restart => self.restart_some().await?,
            Fault::Mend => self.mend(),
        }
        Ok(())
    }

    fn crash_one(&mut self) {
        let up = self.members.iter().filter(|id| !self.crashed.contains(id));
        if let Some(id) = self.rng.choice(up.copied().collect::<Vec<_>>()) {
            self.crash(id);
        }
    }

    fn crash_all(&mut self) {
        for id in self.members.clone() {
            self.crash(id);
        }
    }

    fn crash(&mut self, id: NodeId) {
        if !self.crashed.contains(&id) {
            self.note(&format!("{id} crashes"));
            self.cluster.kill(id);
            self.crashed.push(id);
        }
    }

    /// Starts one replica that has crashed, or all.
    async fn restart_some(&mut self) -> Result<(), SystemError> {
        self.rng.shuffle(&mut self.crashed);
        let some = match self.rng.bool() {
            true => self.crashed.len(),
            false => self.crashed.len().min(1),
        };
        for id in self.crashed.split_off(self.crashed.len() - some) {
            self.note(&format!("{id} starts"));
            self.cluster.restart(id).await?;
        }
        Ok(())
    }

    /// Cuts a link in one direction.
    fn cut(&mut self) {
        let (from, to) = self.link();
        self.note(&format!("nothing from {from} reaches {to}"));
        self.cluster.systems().cut(from, to);
    }

    fn cut_off(&mut self) {
        let id = self.members[self.rng.usize(..self.members.len())];
        self.note(&format!("{id} is cut off"));
        for other in self.hosts.iter().filter(|other| **other != id) {
            self.cluster.systems().partition(&[id], &[*other]);
        }
    }

    fn partition(&mut self) {
        let mut hosts = self.hosts.clone();
        self.rng.shuffle(&mut hosts);
        let (some, others) = hosts.split_at(self.rng.usize(..hosts.len()));
        self.note(&format!("nothing travels between {some:?} and {others:?}"));
        self.cluster.systems().partition(some, others);
    }

    fn mend(&mut self) {
        self.note("all links are mended");
        self.cluster.systems().heal();
        self.slow_all();
    }

    fn slow(&mut self) {
        let (from, to) = self.link();
        self.slow_link(from, to);
    }

    /// Gives each link a time of its own, so that messages overtake each other.
    fn slow_all(&mut self) {
        for from in self.hosts.clone() {
            for to in self.hosts.clone() {
                self.slow_link(from, to);
            }
        }
    }

    fn slow_link(&mut self, from: NodeId, to: NodeId) {
        let delay = SLOWEST_LINK.mul_f64(self.rng.f64().powi(2));
        self.cluster.systems().slow(from, to, delay);
    }

    /// Two hosts, not both of which are clients.
    fn link(&mut self) -> (NodeId, NodeId) {
        let member = self.members[self.rng.usize(..self.members.len())];
        let others: Vec<_> = self.hosts.iter().filter(|id| **id != member).collect();
        let other = *others[self.rng.usize(..others.len())];
        match self.rng.bool() {
            true => (member, other),
            false => (other, member),
        }
    }

    fn note(&self, fault: &str) {
        if seeds::is_single() {
            println!("{:>6} ms: {fault}", self.began.elapsed().as_millis());
        }
    }
}

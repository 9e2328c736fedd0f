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

/// Breaks replicas and links at random: crashes, restarts, partitions, links that are cut in one direction, slow links.
#[derive(Debug)]
pub struct Unrest<'a> {
    cluster: &'a Cluster,
    rng: Rng,
    members: Vec<NodeId>,
    /// The members, and the clients.
    hosts: Vec<NodeId>,
    crashed: Vec<NodeId>,
    began: Instant,
}

impl<'a> Unrest<'a> {
    /// Faults of a cluster and its first `clients` clients, which `seed` decides.
    pub fn new(cluster: &'a Cluster, clients: u32, seed: u64) -> Self {
        let members: Vec<_> = cluster.systems().ids().collect();
        let clients = (1..=clients).map(Cluster::client_id);
        Self {
            cluster,
            rng: Rng::with_seed(seed),
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
        match self.rng.u32(0..20) {
            0..4 => self.crash_one(),
            4..8 => self.restart_one().await?,
            8 => self.crash_all(),
            9..11 => self.cut(),
            11..13 => self.cut_off(),
            13 => self.partition(),
            14..17 => self.mend(),
            _ => self.slow(),
        }
        Ok(())
    }

    fn crash_one(&mut self) {
        let up = self.members.iter().filter(|id| !self.crashed.contains(id));
        if let Some(id) = self.rng.choice(up.copied().collect::<Vec<_>>()) {
            self.crash(id);
        }
    }

    /// A power failure.
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

    async fn restart_one(&mut self) -> Result<(), SystemError> {
        if self.crashed.is_empty() {
            return Ok(());
        }
        let id = self
            .crashed
            .swap_remove(self.rng.usize(..self.crashed.len()));
        self.note(&format!("{id} starts"));
        self.cluster.restart(id).await
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

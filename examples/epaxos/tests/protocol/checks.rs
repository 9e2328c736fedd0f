//! The invariants, checked at each step.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use epaxos::{Ballot, Commands, InstanceId, Outcome, Record, Status, Value, interfere};
use gorums_runtime::NodeId;

/// What a run has broken.
pub(crate) type Violation = String;

/// What all replicas together have done so far.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// What was committed, by whichever replica was first.
    committed: BTreeMap<InstanceId, Value>,
    /// The instances that were given to commands, as others know.
    given: BTreeSet<InstanceId>,
    /// For each instance and ballot, the commands that replicas have voted for in it, and who has.
    voted: BTreeMap<InstanceId, BTreeMap<Ballot, (Commands, BTreeSet<NodeId>)>>,
    /// For each instance, those that were committed before it was proposed and interfere with it.
    before: BTreeMap<InstanceId, BTreeSet<InstanceId>>,
    /// For each instance, how the first replica has executed it.
    executed: BTreeMap<InstanceId, Execution>,
    replicas: HashMap<NodeId, Executed>,
}

/// The execution of an instance: the outcomes, and how many writes on the key of each command came before.
#[derive(Debug, PartialEq)]
struct Execution {
    outcomes: Vec<Outcome>,
    writes: Vec<u64>,
}

/// What one replica has executed since it started.
#[derive(Debug, Default)]
struct Executed {
    instances: BTreeSet<InstanceId>,
    writes: HashMap<String, u64>,
}

impl Checks {
    /// A command leader gives commands an instance.
    pub(crate) fn propose(&mut self, instance: InstanceId, commands: &Commands) {
        let committed = self.committed.iter();
        let before = committed.filter(|(_, value)| interfere(&value.commands, commands));
        let before = before.map(|(instance, _)| *instance).collect();
        self.before.insert(instance, before);
    }

    /// A command leader tells others that it gave commands an instance, which is durable.
    pub(crate) fn pre_accept(&mut self, instance: InstanceId) -> Result<(), Violation> {
        match self.given.insert(instance) {
            true => Ok(()),
            false => Err(format!("instance {instance} was given away twice")),
        }
    }

    /// A record is durable: once a majority has voted for commands in one ballot, all votes in higher ones are for the
    /// same commands. The proof in the documentation of the crate rests on that.
    pub(crate) fn record(
        &mut self,
        replica: NodeId,
        instance: InstanceId,
        record: &Record,
        replicas: usize,
    ) -> Result<(), Violation> {
        let vote = record.vote.as_ref();
        let Some(vote) = vote.filter(|vote| vote.status != Status::Committed) else {
            return Ok(());
        };
        let voted = self.voted.entry(instance).or_default();
        let first = || (vote.value.commands.clone(), BTreeSet::new());
        let (_, voters) = voted.entry(vote.vbal).or_insert_with(first);
        voters.insert(replica);
        let majority = |voters: &BTreeSet<NodeId>| voters.len() > replicas / 2;
        let mut ballots = voted.iter();
        let Some((ballot, (commands, _))) = ballots.find(|(_, (_, voters))| majority(voters))
        else {
            return Ok(());
        };
        match ballots.find(|(_, (others, _))| others != commands) {
            Some((higher, (others, _))) => Err(format!(
                "{instance} got {others:?} in ballot {higher}, after {commands:?} in {ballot}"
            )),
            None => Ok(()),
        }
    }

    /// A replica commits: the agreement on values, and that one of two interfering commands depends on the other.
    pub(crate) fn commit(&mut self, instance: InstanceId, value: &Value) -> Result<(), Violation> {
        if let Some(first) = self.committed.get(&instance) {
            return match first == value {
                true => Ok(()),
                false => Err(format!("{instance} is {first:?} and {value:?}")),
            };
        }
        for (other, committed) in &self.committed {
            let either = value.attributes.include(*other) || committed.attributes.include(instance);
            if !either && interfere(&value.commands, &committed.commands) {
                return Err(format!(
                    "neither of {instance} and {other} depends on the other"
                ));
            }
        }
        self.committed.insert(instance, value.clone());
        Ok(())
    }

    /// A replica executes: in the same order as others, and after what was committed when the commands were proposed.
    pub(crate) fn execute(
        &mut self,
        replica: NodeId,
        instance: InstanceId,
        outcomes: Vec<Outcome>,
    ) -> Result<(), Violation> {
        let value = self.committed.get(&instance);
        let commands = value.map(|value| value.commands.clone());
        let commands = commands.ok_or(format!("{instance} was executed and not committed"))?;
        let here = self.replicas.entry(replica).or_default();
        if !here.instances.insert(instance) {
            return Err(format!("{replica} executed {instance} twice"));
        }
        // A no-op has no place.
        if let Some(before) = self.before.get(&instance)
            && !commands.is_empty()
            && let Some(missing) = before.difference(&here.instances).next()
        {
            return Err(format!("{replica} executed {instance} before {missing}"));
        }
        let mut writes = Vec::new();
        for command in commands.iter() {
            let so_far = here.writes.entry(command.key.clone()).or_default();
            writes.push(*so_far);
            *so_far += u64::from(command.writes());
        }
        let execution = Execution { outcomes, writes };
        let first = self.executed.get(&instance);
        if let Some(first) = first.filter(|first| **first != execution) {
            return Err(format!(
                "{replica} executed {instance} as {execution:?}, not {first:?}"
            ));
        }
        self.executed.insert(instance, execution);
        Ok(())
    }

    /// A replica restarts, and executes all again.
    pub(crate) fn restart(&mut self, replica: NodeId) {
        self.replicas.remove(&replica);
    }

    /// The instances that were given to commands.
    pub(crate) fn proposed(&self) -> impl Iterator<Item = InstanceId> {
        self.before.keys().copied()
    }

    /// At the end: each replica has executed each instance.
    pub(crate) fn end(&self, replicas: &[NodeId]) -> Result<(), Violation> {
        for replica in replicas {
            let executed = self.replicas.get(replica).map(|here| &here.instances);
            for instance in self.before.keys() {
                if !executed.is_some_and(|executed| executed.contains(instance)) {
                    return Err(format!("{replica} never executed {instance}"));
                }
            }
        }
        Ok(())
    }

    /// How many instances were committed.
    pub(crate) fn commits(&self) -> usize {
        self.committed.len()
    }
}

//! Execution of committed commands (the paper's execution algorithm).

use std::collections::{BTreeSet, HashMap};

use gorums_runtime::NodeId;

use crate::command::interfere;
use crate::components::Components;
use crate::flaw::Flaw;
use crate::instance::InstanceId;
use crate::map::{Map, Outcome};
use crate::record::Value;

/// How many instances are looked at after the first that is not committed, to report more such blockers at once.
const LOOKAHEAD: usize = 1024;

/// Executes committed instances, each after those that it depends on.
///
/// The instances that an instance reaches by dependencies are a graph. Its strongly connected components are executed
/// in reverse topological order, and the instances of one component in the order of their `seq`. Only committed
/// instances are looked at, whose values are the same at all replicas. So all execute interfering commands in the
/// same order.
#[derive(Debug, Default)]
pub struct Execution {
    map: Map,
    /// What has been committed, and not executed.
    committed: HashMap<InstanceId, Value>,
    executed: HashMap<NodeId, Executed>,
    /// The instances that could not be executed because of the one that is the key.
    waiting: HashMap<InstanceId, Vec<InstanceId>>,
    flaw: Option<Flaw>,
}

/// Which instances of one replica have been executed.
#[derive(Debug, Default)]
struct Executed {
    /// All up to this one.
    up_to: u64,
    /// Those above.
    beyond: BTreeSet<u64>,
}

/// What became possible because an instance was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The instances that were executed, in their order, with the outcomes of their commands.
    pub executed: Vec<(InstanceId, Vec<Outcome>)>,
    /// Instances that are not committed, and that others wait for. Whoever waits long recovers them.
    pub blockers: Vec<InstanceId>,
}

impl Execution {
    /// Nothing has been executed.
    pub fn new(flaw: Option<Flaw>) -> Self {
        Self {
            flaw,
            ..Self::default()
        }
    }

    /// Whether an instance has been committed here, and perhaps executed.
    pub fn is_committed(&self, instance: InstanceId) -> bool {
        self.committed.contains_key(&instance) || self.is_executed(instance)
    }

    /// Learns of a durable commit, and executes what is possible.
    pub fn commit(&mut self, instance: InstanceId, value: Value) -> Progress {
        let mut progress = Progress::default();
        if self.is_committed(instance) {
            return progress;
        }
        self.committed.insert(instance, value);
        let waiting = self.waiting.remove(&instance).unwrap_or_default();
        for root in waiting.into_iter().chain([instance]) {
            self.execute(root, &mut progress);
        }
        progress
    }

    /// Executes `root` after all that it reaches, as far as that is committed.
    fn execute(&mut self, root: InstanceId, progress: &mut Progress) {
        let mut components = Components::new();
        let begun = self
            .dependencies(root)
            .map(|edges| components.begin(root, edges));
        let mut found = begun.and_then(|()| components.next(|node| self.dependencies(node)));
        loop {
            match found {
                Ok(Some(component)) => self.execute_component(component, progress),
                Ok(None) => return,
                Err(blockers) => {
                    if let Some(first) = blockers.first() {
                        self.waiting.entry(*first).or_default().push(root);
                    }
                    progress.blockers.extend(blockers);
                    return;
                }
            }
            found = components.next(|node| self.dependencies(node));
        }
    }

    /// The instances that `instance` has to wait for, or some that are not committed.
    fn dependencies(&self, instance: InstanceId) -> Result<Vec<InstanceId>, Vec<InstanceId>> {
        let (mut edges, mut blockers, mut looked) = (Vec::new(), Vec::new(), 0);
        let Some(value) = self.committed.get(&instance) else {
            return Ok(edges);
        };
        for (&replica, &latest) in &value.attributes.deps {
            let executed = self.executed.get(&replica);
            let up_to = executed.map_or(0, |executed| executed.up_to);
            for number in up_to.saturating_add(1)..=latest {
                let other = InstanceId { replica, number };
                match self.committed.get(&other) {
                    _ if other == instance || self.is_executed(other) => {}
                    Some(value_of_other) => {
                        if interfere(&value.commands, &value_of_other.commands) {
                            edges.push(other);
                        }
                    }
                    None => blockers.push(other),
                }
                looked += usize::from(!blockers.is_empty());
                if looked == LOOKAHEAD {
                    return Err(blockers);
                }
            }
        }
        if blockers.is_empty() {
            Ok(edges)
        } else {
            Err(blockers)
        }
    }

    fn execute_component(&mut self, mut component: Vec<InstanceId>, progress: &mut Progress) {
        let seq = |instance: &InstanceId| {
            let value = self.committed.get(instance);
            value.map_or(0, |value| value.attributes.seq)
        };
        match self.flaw {
            Some(Flaw::CyclesUnsorted) => {}
            Some(Flaw::SeqIgnored) => component.sort_unstable(),
            _ => component.sort_unstable_by_key(|instance| (seq(instance), *instance)),
        }
        for instance in component {
            if let Some(value) = self.committed.remove(&instance) {
                let outcomes = value
                    .commands
                    .iter()
                    .map(|command| self.map.execute(command));
                progress.executed.push((instance, outcomes.collect()));
                let executed = self.executed.entry(instance.replica).or_default();
                executed.insert(instance.number);
            }
        }
    }

    fn is_executed(&self, instance: InstanceId) -> bool {
        let executed = self.executed.get(&instance.replica);
        executed.is_some_and(|executed| executed.contains(instance.number))
    }
}

impl Executed {
    fn contains(&self, number: u64) -> bool {
        number <= self.up_to || self.beyond.contains(&number)
    }

    fn insert(&mut self, number: u64) {
        self.beyond.insert(number);
        while self.beyond.remove(&self.up_to.saturating_add(1)) {
            self.up_to += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Attributes;
    use crate::command::{Command, Commands, Operation};

    const fn instance(replica: u32, number: u64) -> InstanceId {
        InstanceId {
            replica: NodeId::new(replica),
            number,
        }
    }

    fn put(key: &str, seq: u64, deps: &[InstanceId]) -> Value {
        let command = Command {
            client: 1,
            sequence: seq,
            key: key.to_owned(),
            operation: Operation::Put(seq.to_string()),
        };
        let mut attributes = Attributes {
            seq,
            ..Attributes::default()
        };
        deps.iter()
            .for_each(|dependency| attributes.add(*dependency));
        Value {
            commands: Commands::from([command]),
            attributes,
        }
    }

    fn executed(progress: &Progress) -> Vec<InstanceId> {
        progress
            .executed
            .iter()
            .map(|(instance, _)| *instance)
            .collect()
    }

    #[test]
    fn a_cycle_is_executed_in_the_order_of_seq_after_what_it_depends_on() {
        let (a, b, c) = (instance(1, 1), instance(2, 1), instance(3, 1));
        let mut execution = Execution::new(None);
        let progress = execution.commit(a, put("k", 3, &[b]));
        assert_eq!((executed(&progress), progress.blockers), (vec![], vec![b]));
        let progress = execution.commit(b, put("k", 2, &[a, c]));
        assert_eq!(
            (executed(&progress), progress.blockers),
            (vec![], vec![c, c])
        );
        let progress = execution.commit(c, put("k", 1, &[]));
        assert_eq!(executed(&progress), [c, b, a]);
        assert_eq!(execution.commit(c, put("k", 1, &[])), Progress::default());
    }

    #[test]
    fn a_dependency_includes_the_earlier_instances_that_interfere() {
        let mut execution = Execution::new(None);
        let progress = execution.commit(instance(2, 1), put("k", 9, &[instance(1, 3)]));
        let earlier = [1, 2, 3].map(|number| instance(1, number));
        assert_eq!(progress.blockers, earlier);
        execution.commit(instance(1, 3), put("k", 3, &[]));
        execution.commit(instance(1, 2), Value::no_op());
        // This one depends on what does not interfere, and is not committed.
        let other = put("l", 1, &[instance(3, 1)]);
        let progress = execution.commit(instance(1, 1), other);
        assert_eq!(executed(&progress), [instance(2, 1)]);
    }

    #[test]
    fn a_long_chain_is_executed_at_once() {
        let last = 5_000;
        let mut execution = Execution::new(None);
        let at = |place: u64| instance(1 + (place & 1) as u32, place / 2 + 1);
        for place in 1..=last {
            let progress = execution.commit(at(place), put("k", place, &[at(place - 1)]));
            assert_eq!(executed(&progress), []);
        }
        let progress = execution.commit(at(0), put("k", 0, &[]));
        let all: Vec<InstanceId> = (0..=last).map(at).collect();
        assert_eq!(executed(&progress), all);
    }
}

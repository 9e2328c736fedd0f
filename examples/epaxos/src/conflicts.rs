//! Which instances a replica knows interfere with a command.

use std::collections::HashMap;

use crate::attributes::Attributes;
use crate::command::Command;
use crate::instance::InstanceId;
use crate::record::Value;

/// For each key, the attributes that new commands get from the instances that the replica knows.
///
/// Nothing is ever taken out: an instance whose commands were replaced by a no-op is a dependency that need not be
/// there, and does no harm.
#[derive(Debug, Default)]
pub(crate) struct Conflicts {
    keys: HashMap<String, Accesses>,
}

/// The known instances that access one key.
#[derive(Debug, Default)]
struct Accesses {
    reads: Attributes,
    writes: Attributes,
}

impl Conflicts {
    /// Notes that `instance` has this value. A value is noted again when its attributes have changed.
    pub(crate) fn note(&mut self, instance: InstanceId, value: &Value) {
        for command in value.commands.iter() {
            let accesses = match self.keys.get_mut(&command.key) {
                Some(accesses) => accesses,
                None => self.keys.entry(command.key.clone()).or_default(),
            };
            let attributes = match command.writes() {
                true => &mut accesses.writes,
                false => &mut accesses.reads,
            };
            attributes.seq = attributes.seq.max(value.attributes.seq);
            attributes.add(instance);
        }
    }

    /// Adds what the known instances demand of `commands`.
    pub(crate) fn constrain(&self, commands: &[Command], attributes: &mut Attributes) {
        let mut known = Attributes::default();
        for command in commands {
            if let Some(accesses) = self.keys.get(&command.key) {
                known.merge(&accesses.writes);
                if command.writes() {
                    known.merge(&accesses.reads);
                }
            }
        }
        known.seq = known.seq.saturating_add(1);
        attributes.merge(&known);
    }
}

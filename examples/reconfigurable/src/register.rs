//! What one replica keeps for one algorithm: a value with its tag, the configuration that is installed, and what follows each
//! configuration. It does no I/O: a step changes the state, and [`take_writes`](Register::take_writes) says what has to be on disk
//! before anybody sees the reply.

use std::collections::HashMap;

use gorums_runtime::prost::{DecodeError, Message};

use crate::flaw::Flaw;
use crate::proto::{Blueprint, ConfigurationState, Known, RegisterState, Stored};

/// A change of a durable table: a key, and its value, or `None` to remove it.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// The key of the state that does not belong to one configuration. Those of configurations are not empty.
const STATE: &[u8] = &[];

/// The state of a replica.
#[derive(Clone, Debug, Default)]
pub struct Register {
    state: RegisterState,
    configurations: HashMap<Blueprint, ConfigurationState>,
    writes: Vec<Change>,
    flaw: Option<Flaw>,
}

impl Register {
    /// A replica that goes on with what is on its disk.
    ///
    /// # Errors
    ///
    /// If a replica has not written it.
    pub fn load(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, DecodeError> {
        let mut register = Self::default();
        for (key, value) in pairs {
            if key == STATE {
                register.state = RegisterState::decode(&*value)?;
            } else {
                let this = Blueprint::decode(&*key)?;
                let state = ConfigurationState::decode(&*value)?;
                register.configurations.insert(this, state);
            }
        }
        Ok(register)
    }

    /// A replica that makes a mistake, for tests.
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        Self { flaw, ..self }
    }

    /// The changes since the last call, in their order. They have to be durable before what was changed is shown to anybody.
    pub fn take_writes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.writes)
    }

    /// The newest value.
    pub fn stored(&self) -> Stored {
        self.state.stored.clone().unwrap_or_default()
    }

    /// The newest configuration that the replica knows to be installed.
    pub fn cur(&self) -> Option<&Blueprint> {
        self.state.cur.as_ref()
    }

    /// What follows each configuration that is not abandoned.
    pub fn next(&self) -> impl Iterator<Item = (&Blueprint, &[Blueprint])> {
        self.configurations
            .iter()
            .map(|(this, state)| (this, &*state.next))
    }

    /// The configuration for which `this` was abandoned.
    pub(crate) fn newer_than(&self, this: &Blueprint) -> Option<Blueprint> {
        self.cur().filter(|cur| cur.rank() > this.rank()).cloned()
    }

    /// What the replica knows about a configuration.
    pub(crate) fn known(&self, this: &Blueprint) -> Known {
        let state = self.configurations.get(this);
        Known {
            cur: None,
            next: state.map(|state| state.next.clone()).unwrap_or_default(),
            stored: self.state.stored.clone(),
            la_state: self.state.la_state.clone(),
        }
    }

    /// Keeps the value unless there is one with a greater tag.
    pub(crate) fn store(&mut self, stored: Stored) {
        if stored.order() > self.stored().order() {
            self.state.stored = Some(stored);
            self.save();
        }
    }

    /// Joins the proposal with the state of lattice agreement.
    pub(crate) fn join(&mut self, proposal: &Blueprint) {
        let state = self.state.la_state.clone().unwrap_or_default();
        if !proposal.is_within(&state) {
            self.state.la_state = Some(state.merge(proposal));
            self.save();
        }
    }

    /// Abandons all configurations that are older than `cur`.
    pub(crate) fn install(&mut self, cur: &Blueprint) {
        if self.cur().is_some_and(|old| old.rank() >= cur.rank()) {
            return;
        }
        self.state.cur = Some(cur.clone());
        self.save();
        let old = self
            .configurations
            .extract_if(|this, _| this.rank() < cur.rank());
        let old = old.map(|(this, _)| (this.encode_to_vec(), None));
        self.writes.extend(old);
    }

    /// Changes what belongs to one configuration.
    pub(crate) fn change(
        &mut self,
        this: &Blueprint,
        change: impl FnOnce(&mut ConfigurationState),
    ) {
        let state = self.configurations.entry(this.clone()).or_default();
        let before = state.clone();
        change(state);
        let voted = (state.promised, &state.vote) != (before.promised, &before.vote);
        if *state != before && !(voted && self.flaw == Some(Flaw::VotesNotPersisted)) {
            self.writes
                .push((this.encode_to_vec(), Some(state.encode_to_vec())));
        }
    }

    pub(crate) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    fn save(&mut self) {
        self.writes
            .push((STATE.to_vec(), Some(self.state.encode_to_vec())));
    }
}

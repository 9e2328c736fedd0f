//! The signatures that prove who wrote a state.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use gorums_runtime::prost::Message;

use crate::proto::{SignedState, State};

/// The only process that may write.
#[derive(Debug)]
pub(crate) struct Writer(SigningKey);

/// Verifies the writer's signatures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier(VerifyingKey);

impl Writer {
    /// A writer with a new key.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, state: &State) -> SignedState {
        let state = state.encode_to_vec();
        let signature = self.0.sign(&state).to_vec();
        SignedState { state, signature }
    }
}

impl Verifier {
    /// The state, if the writer signed it or it is the initial one, which is unsigned.
    pub(crate) fn verified(self, signed: &SignedState) -> Option<State> {
        if *signed == SignedState::default() {
            return Some(State::default());
        }
        let signature = Signature::from_slice(&signed.signature).ok()?;
        self.0.verify_strict(&signed.state, &signature).ok()?;
        State::decode(&*signed.state).ok()
    }
}

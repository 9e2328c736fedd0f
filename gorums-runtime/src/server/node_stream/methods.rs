//! The methods that streams can call.

use std::sync::Arc;

use crate::call::MethodDescriptor;
use crate::server::handler::{Answering, CallLimits};

/// The methods that streams can call, and how their calls are answered.
///
/// They are looked up for every request, by names that mostly differ in their ends: a search among sorted names, shorter
/// ones first, takes 140 instructions, and the standard library's hash map 240.
#[derive(Clone, Default)]
pub(super) struct Methods(Vec<Callable>);

/// A method that streams can call.
#[derive(Clone)]
pub(super) struct Callable {
    /// The full name, with dots.
    name: Box<[u8]>,
    pub(super) method: &'static MethodDescriptor,
    pub(super) answering: Arc<Answering>,
    /// What its calls may ask for, and get.
    pub(super) limits: CallLimits,
}

impl Methods {
    /// Adds a method, in place of one with the same name.
    pub(super) fn insert(
        &mut self,
        method: &'static MethodDescriptor,
        answering: Arc<Answering>,
        limits: CallLimits,
    ) {
        let name = format!("{}.{}", method.service(), method.name());
        let callable = Callable {
            name: name.into_bytes().into(),
            method,
            answering,
            limits,
        };
        match self.find(&callable.name) {
            Ok(index) => self.0[index] = callable,
            Err(index) => self.0.insert(index, callable),
        }
    }

    /// The index of the method with this full name, with dots, which is perhaps at `guess`.
    pub(super) fn index(&self, name: &[u8], guess: usize) -> Option<usize> {
        match self.0.get(guess) {
            Some(entry) if *entry.name == *name => Some(guess),
            _ => self.find(name).ok(),
        }
    }

    /// The method at an index that a name has.
    pub(super) fn at(&self, index: usize) -> &Callable {
        &self.0[index]
    }

    /// How many bytes the largest request of any method may have, as far as its replica says.
    pub(super) fn largest_request(&self) -> Option<usize> {
        let sizes = self.0.iter().map(|entry| entry.limits.max_request_size);
        sizes.max().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the name is, or would be.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|entry| {
            let by_length = entry.name.len().cmp(&name.len());
            by_length.then_with(|| (*entry.name).cmp(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static METHODS: [MethodDescriptor; 4] = [
        MethodDescriptor::new("/p.S/Read"),
        MethodDescriptor::new("/p.S/Write"),
        MethodDescriptor::new("/p.S/Abort"),
        MethodDescriptor::new("/p.Longer/M"),
    ];

    #[test]
    fn methods_are_found_by_their_full_names() {
        let mut methods = Methods::default();
        assert!(methods.is_empty());
        for method in METHODS.iter().chain(&METHODS) {
            methods.insert(method, Arc::new(|_, _, _, _| ()), CallLimits::default());
        }
        assert_eq!(methods.len(), METHODS.len());
        for method in &METHODS {
            let name = method.full_name().replace('/', ".");
            for guess in 0..=METHODS.len() {
                let index = methods.index(name.as_bytes(), guess);
                let found = methods.at(index.expect("it was added"));
                assert_eq!(found.method, method);
            }
        }
        for name in ["", "p.S", "p.S.Rea", "p.S.Reads", "q.S.Read", "p.S.Zbort"] {
            assert_eq!(methods.index(name.as_bytes(), 0), None, "{name}");
        }
    }
}

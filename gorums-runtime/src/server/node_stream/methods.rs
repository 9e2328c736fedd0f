//! The methods that clients can call on node streams.

use std::sync::Arc;
use std::time::Duration;

use crate::call::MethodDescriptor;
use crate::metrics::{HandlerMeter, ServerMeter};
use crate::server::handler::Answering;

/// The methods that clients can call on node streams, and how their calls are answered.
///
/// A sorted list, shorter names first. Each request is looked up by a name that differs from the others mostly at its
/// end, for which a binary search takes fewer instructions than the standard library's hash map.
#[derive(Clone, Default)]
pub(super) struct Methods(Vec<Callable>);

/// A method that clients can call on node streams.
#[derive(Clone)]
pub(super) struct Callable {
    /// The full name, with dots.
    name: Box<[u8]>,
    pub(super) method: &'static MethodDescriptor,
    pub(super) answering: Arc<Answering>,
    /// How long its handlers may take. `None`: no limit.
    pub(super) timeout: Option<Duration>,
    pub(super) meter: HandlerMeter,
}

impl Methods {
    /// Adds a method, or replaces the one with the same name.
    pub(super) fn insert(
        &mut self,
        method: &'static MethodDescriptor,
        answering: Arc<Answering>,
        timeout: Option<Duration>,
    ) {
        let name = format!("{}.{}", method.service(), method.name());
        let callable = Callable {
            name: name.into_bytes().into(),
            method,
            answering,
            timeout,
            meter: HandlerMeter::default(),
        };
        match self.find(&callable.name) {
            Ok(index) => self.0[index] = callable,
            Err(index) => self.0.insert(index, callable),
        }
    }

    /// Measures the calls of each method.
    pub(super) fn measure(&mut self, meter: &ServerMeter) {
        for callable in &mut self.0 {
            callable.meter = meter.method(callable.method.full_name());
        }
    }

    /// Returns the index of the method with this full name (with dots). Tries `guess` first.
    pub(super) fn index(&self, name: &[u8], guess: usize) -> Option<usize> {
        match self.0.get(guess) {
            Some(entry) if *entry.name == *name => Some(guess),
            _ => self.find(name).ok(),
        }
    }

    /// Returns the method at an index that [`index`](Self::index) returned.
    pub(super) fn at(&self, index: usize) -> &Callable {
        &self.0[index]
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the position of the name, or where it belongs.
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
            methods.insert(method, Arc::new(|_, _, _, _, _| ()), None);
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

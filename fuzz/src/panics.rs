//! Panics that other code catches before a target sees them.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static UNEXPECTED: RefCell<Option<String>> = const { RefCell::new(None) };
    static EXPECTED: RefCell<Option<Expected>> = const { RefCell::new(None) };
}

/// Decides by a panic's text and file whether the code under test must handle it.
type Expected = fn(&str, &str) -> bool;

/// Runs `function`, and panics if an unexpected panic happened in it on this thread, caught or not.
///
/// Expected panics are not reported, and do not end the process, as they would with libFuzzer's hook.
pub(crate) fn none_but(expected: Expected, function: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = match payload.downcast_ref::<&str>() {
                Some(text) => text,
                None => payload.downcast_ref::<String>().map_or("", |it| it),
            };
            let file = info.location().map_or("", panic::Location::file);
            match EXPECTED.with_borrow(|it| it.map(|expected| expected(text, file))) {
                Some(true) => {}
                Some(false) => {
                    let backtrace = Backtrace::force_capture();
                    UNEXPECTED.set(Some(format!("{info}\n{backtrace}")));
                    report(info);
                }
                None => report(info),
            }
        }));
    });
    EXPECTED.set(Some(expected));
    function();
    EXPECTED.set(None);
    if let Some(text) = UNEXPECTED.take() {
        panic!("a panic was caught: {text}");
    }
}

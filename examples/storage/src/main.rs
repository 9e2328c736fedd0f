//! Storage.
fn main() {}

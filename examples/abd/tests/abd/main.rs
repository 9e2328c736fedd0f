//! The register under faults.

mod registers;
mod simulation;

//! What the storage crate promises, tried from outside: one binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod crash_model;
mod log;
mod open;
mod pitfalls;
mod snapshots;
mod suite;

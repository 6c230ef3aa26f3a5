//! What the storage crate promises, tried from outside: one binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a random test prints its seed, a skipped one says so"
)]

mod common;
mod crash_model;
mod damage;
mod fuzz;
mod history;
mod kill;
mod log;
mod open;
mod pitfalls;
mod power_loss;
mod saved;
mod snapshots;
mod suite;
mod victim;

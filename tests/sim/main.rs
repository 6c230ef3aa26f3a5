//! The deterministic simulation: whole nodes on a simulated network with simulated disks, one seed after the other.
//!
//! A seed decides everything: how many members there are, how fast their clocks go, what clients do, and which faults
//! come when ([`plan`]). Its run ([`world`]) drives the nodes of `quorate-server` and clients of the SDK over turmoil's
//! network, breaks what the plan says ([`fault`]), looks at what may never be seen after each tick ([`invariant`]), heals
//! everything, and has the whole record judged. Each seed has a process of its own ([`runner`]), so that a panic, an
//! abort or a thread-local of one says nothing of another.
//!
//! docs/testing.md says how to run it.

mod fault;
mod holders;
mod invariant;
mod network;
mod node;
mod operator;
mod plan;
mod relay;
mod runner;
mod sightings;
mod telemetry;
mod verdict;
mod world;

#[cfg(not(tokio_unstable))]
compile_error!(
    "the simulation needs `--cfg tokio_unstable`, which .cargo/config.toml sets: unset RUSTFLAGS, or add it there"
);

fn main() -> std::process::ExitCode {
    runner::main()
}

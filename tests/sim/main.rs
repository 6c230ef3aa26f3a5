//! The deterministic simulation: whole nodes on a simulated network, one seed after the other.

#[cfg(not(tokio_unstable))]
compile_error!(
    "the simulation needs `--cfg tokio_unstable`, which .cargo/config.toml sets: unset RUSTFLAGS, or add it there"
);

fn main() {}

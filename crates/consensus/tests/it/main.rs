//! Raft nodes in one process: real gRPC over pipes, real log code over a disk in memory.
#![expect(
    clippy::disallowed_methods,
    reason = "a test has the real clock, and its tasks end with it"
)]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod backup;
mod cluster;
mod log_time;
mod network;
mod peers_memory;
mod read_only;
mod reads;
mod replication;
mod snapshots;

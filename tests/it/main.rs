//! Tests that need more than one crate: of the tree itself, and of whole clusters.

mod architecture;
mod backup;
mod bad_requests;
mod bad_start;
mod bench;
mod cli;
mod data_directory;
mod dependencies;
mod deploy;
mod dev;
mod documents;
mod failover;
mod flips;
mod full_disk;
mod grpc;
mod links;
mod membership;
mod registry;
mod sdk;
mod snapshots;
mod tidy;
mod tree;
mod wire;

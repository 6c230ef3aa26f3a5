//! Tests that need more than one crate: of the tree itself, and of whole clusters.

mod architecture;
mod backup;
mod bad_requests;
mod bad_start;
mod bench;
mod churn;
mod cli;
mod data_directory;
mod dependencies;
mod deploy;
mod dev;
mod documents;
mod exactly_once;
mod failover;
mod flips;
mod full_disk;
mod grpc;
mod judged;
mod links;
mod members_change;
mod members_departure;
mod members_replace;
mod membership;
mod operator;
mod power_cut;
mod power_images;

mod reads;
mod registry;
mod scale;
mod sdk;
mod snapshots;
mod staleness;
mod tidy;
mod tree;
mod wire;

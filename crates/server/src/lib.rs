//! A node as a library: configuration, telemetry and lifecycle.
//!
//! [`Config`] is read in layers and checked before anything is touched; [`run`] is the whole life of a server
//! process.

mod backup;
mod clock;
mod config;
mod connector;
mod dial;
mod listener;
mod node;
mod process;
mod telemetry;

pub use backup::{BackupError, RestoredDoors, inspect_snapshot, restore_snapshot};
pub use clock::SystemClock;
pub use config::{
    Config, ConfigError, ConfigOverrides, DiskNeeds, Door, Doors, Limits, LogFormat, Logging, Origin, Place, Probes,
    Start,
};
pub use connector::TcpConnector;
pub use dial::TcpDial;
pub use listener::{BindError, Listener, TcpDoor};
pub use node::{Disk, Node, NodeError, Parts, Runtimes};
pub use process::run;
pub use quorate_consensus::{Calling, MemberInfo, SavedMember, Summary as SnapshotSummary};
pub use quorate_storage::SNAPSHOT_FORMAT;

//! Flags of `snapshot`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use quorate_model::DoorAddress;

/// See [`Verb::Snapshot`](super::Verb::Snapshot).
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    pub(crate) verb: SnapshotVerb,
}

/// What is to be done with a snapshot.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotVerb {
    /// Save the whole state of the cluster, all namespaces, to a file.
    Save(SaveArgs),
    /// Check a snapshot file, and say what is in it.
    ///
    /// Asks no cluster. Exits with 1 if the file is damaged, or not a snapshot.
    Inspect(InspectArgs),
    /// Make a data directory in which a new cluster begins with what is in a snapshot file.
    ///
    /// Asks no cluster. The new one has one member, a new id and a new epoch: start it with `quorate server
    /// --data-dir DIR`, and let the others join it.
    Restore(RestoreArgs),
}

/// See [`SnapshotVerb::Save`].
#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// The file. It is not there before it is whole.
    pub(crate) file: PathBuf,
    /// Replace the file if there is one.
    #[arg(long)]
    pub(crate) force: bool,
}

/// See [`SnapshotVerb::Inspect`].
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The file.
    pub(crate) file: PathBuf,
}

/// See [`SnapshotVerb::Restore`].
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// The directory to be made.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Where clients will find the node: a host and a port, as it will be started with.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7300")]
    pub(crate) advertise_client: DoorAddress,
    /// Where other members will find the node: a host and a port, as it will be started with.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    pub(crate) advertise_peer: DoorAddress,
}

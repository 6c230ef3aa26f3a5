//! Flags of `lease`.

use clap::{Args, Subcommand};
use quorate_model::LeaseId;

use super::ReadArgs;

/// See [`ClientVerb::Lease`](super::ClientVerb::Lease).
#[derive(Debug, Args)]
pub(crate) struct LeaseArgs {
    #[command(subcommand)]
    pub(crate) verb: LeaseVerb,
}

/// What is wanted of leases.
#[derive(Debug, Subcommand)]
pub(crate) enum LeaseVerb {
    /// List the leases of all namespaces.
    List(LeaseListArgs),
    /// Show one lease, what it keeps, and how much is kept for it.
    ///
    /// Exits with 3 if it is not there.
    Show(LeaseShowArgs),
}

/// See [`LeaseVerb::List`].
#[derive(Debug, Args)]
pub(crate) struct LeaseListArgs {
    /// Only those that have lapsed.
    #[arg(long)]
    pub(crate) lapsed: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// See [`LeaseVerb::Show`].
#[derive(Debug, Args)]
pub(crate) struct LeaseShowArgs {
    /// The id of the lease.
    pub(crate) id: LeaseId,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

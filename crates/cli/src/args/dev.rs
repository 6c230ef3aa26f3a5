//! Flags of `dev`.

use std::path::PathBuf;

use clap::Args;
use quorate_model::limits;

/// Most members that make sense: so many voters as a cluster may have.
const NODES_MAX: u8 = 7;
const _: () = assert!(NODES_MAX as usize == limits::VOTERS_MAX, "dev promotes every member");

/// How far the ports of all doors reach behind the base port: peer doors are at 101 and up.
const PORTS: u16 = 100 + NODES_MAX as u16;

/// See [`Verb::Dev`](super::Verb::Dev).
///
/// Prints `ready` in one line on stdout when the cluster takes changes, and everything else on stderr.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// How many members the cluster has.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(NODES_MAX)))]
    pub(crate) nodes: u8,
    /// Keep everything in memory.
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) memory: bool,
    /// Keep the data here, for the next time. Otherwise it is in a temporary directory and goes at exit.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The port before the first client door; peer doors are a hundred higher.
    #[arg(long, value_name = "PORT", default_value_t = 7300, value_parser = clap::value_parser!(u16).range(1..=i64::from(u16::MAX - PORTS)))]
    pub(crate) base_port: u16,
}

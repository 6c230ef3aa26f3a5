//! What is measured: a cluster of Quorate, or of a peer.

use quorate_model::{DoorAddress, LeaseTtl};
use tokio::{sync::mpsc, task::JoinSet};

mod etcd;
mod quorate;

pub(crate) use etcd::Etcd;
pub(crate) use quorate::Quorate;

/// Whose servers are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Quorate's.
    Quorate,
    /// etcd's, by version 3 of its API.
    Etcd,
}

/// A cluster that leases are held at.
pub(crate) trait Target: Send + Sync + 'static {
    /// How many servers there are to be spoken to.
    fn doors(&self) -> usize;

    /// Grants a lease through a server.
    fn grant(&self, door: usize, ttl: LeaseTtl) -> impl Future<Output = Result<u64, String>> + Send;

    /// Registers something small with each of these leases, which are the first ones behind so many others.
    fn register(&self, door: usize, behind: usize, leases: &[u64]) -> impl Future<Output = Result<(), String>> + Send;

    /// Ends a lease. What comes of it is no matter.
    fn revoke(&self, door: usize, lease: u64) -> impl Future<Output = ()> + Send;

    /// Begins to renew through a server. That it cannot be reached shows by the end of the answers.
    fn renew(&self, door: usize) -> Renewing;

    /// How many entries the log has.
    fn log_index(&self) -> impl Future<Output = Result<u64, String>> + Send;

    /// How many of these leases, which are sorted, have lapsed.
    fn lapsed(&self, leases: &[u64]) -> impl Future<Output = Result<u64, String>> + Send;
}

/// Renewals at one server.
pub(crate) struct Renewing {
    /// Frames, of a number and the leases. Unbounded: who sends them keeps to a plan, and stops where there is no answer.
    pub(crate) frames: mpsc::UnboundedSender<(u64, Vec<u64>)>,
    /// What comes of them. Ends when the server does.
    pub(crate) answers: mpsc::Receiver<Answered>,
    /// Ends the stream when it is dropped.
    pub(crate) _pump: JoinSet<()>,
}

/// What came of a frame, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Which.
    pub(crate) frame: u64,
    /// How many leases were renewed.
    pub(crate) renewed: u64,
    /// How many had lapsed, or were gone.
    pub(crate) lapsed: u64,
}

/// The address as a channel wants it.
fn uri(door: &DoorAddress) -> String {
    format!("http://{door}")
}

//! Why a node does not start, or cannot go on.

use std::path::PathBuf;

use quorate_consensus::{AskError, StartError};
use quorate_model::{DoorAddress, Identity};
use quorate_registry::TaskFailure;
use quorate_storage::{DataDirError, FatalError, LogOpenError};

/// Why a node does not start, or cannot go on. One line, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log in memory cannot be used.
    #[error(transparent)]
    Memory(#[from] LogOpenError),
    /// It has no data, and was not told how to come to belong to a cluster.
    #[error(
        "there is no data to start from: found a cluster with --bootstrap if this is its first node, or join one \
         with --join and the peer address of a member"
    )]
    NoIdentity,
    /// It was to found a cluster, and one of its peers has one already.
    #[error(
        "no cluster is founded here: {address} is {identity} already; to join it, start with --join {address}, and \
         with --replace and the id of the member that this node was, if it has lost its data"
    )]
    AlreadyFounded {
        /// The peer door that was asked.
        address: DoorAddress,
        /// Who answered there.
        identity: Identity,
    },
    /// A member does not let it in.
    #[error("joining the cluster failed: {0}")]
    NotAdmitted(AskError),
    /// Whom its probes are to trust cannot be read.
    #[error("probe_ca_file {}: {problem}", path.display())]
    ProbeCaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Raft does not start.
    #[error(transparent)]
    Raft(#[from] StartError),
    /// The thread that writes the log cannot be started.
    #[error("the thread of the log cannot be started: {0}")]
    Thread(std::io::Error),
    /// The log has failed.
    #[error(transparent)]
    Log(#[from] FatalError),
    /// Raft has died.
    #[error("raft has failed and the process must stop: {0}")]
    RaftDied(String),
    /// A task that the node needs has ended.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

//! Why a data directory was not opened: each with what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use quorate_model::{Identity, MemberId};

/// Why a data directory was not opened. Whatever it says, nothing in the directory was lost by trying.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process uses the directory.
    #[error("the data directory {} is in use by another process: stop it, or give this node a directory of its own", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to somebody else.
    #[error("{} is not a data directory of quorate: {problem}; give an empty or a new directory", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// The directory belongs to another member or cluster.
    #[error("the data directory {} belongs to {found}, not to {expected}: give each node its own directory", path.display())]
    OtherIdentity {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Whose it should be.
        expected: Identity,
    },
    /// The directory was written by a newer version.
    #[error("the data directory {} has format {found}, this version knows up to {known}: run the newer version", path.display())]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// Its format number.
        found: u8,
        /// The newest format number that this version knows.
        known: u8,
    },
    /// The directory cannot be read.
    #[error("the data directory {} cannot be read ({source}): check its owner and permissions, and the disk", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The directory cannot be written.
    #[error("the data directory {} cannot be written ({source}): check its owner, permissions and free space", path.display())]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No directory is made here: there is something already.
    #[error("no data directory is made at {}: {problem}", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
        /// What is there.
        problem: String,
    },
    /// The member whose directory it is was removed from its cluster.
    #[error(
        "member {} was removed from cluster {}: wipe the data directory {}, and join as a new member",
        identity.member_id, identity.cluster_id, path.display()
    )]
    Removed {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        identity: Identity,
    },
    /// What is stored may have forgotten something that this member once promised.
    #[error(
        "the data in {} is damaged ({problem}): take the member out with `quorate member remove {}`, move the \
         directory away and let the node join again as a new member; a cluster of one is restored from a saved \
         snapshot with `quorate snapshot restore`",
        path.display(),
        member.map_or_else(|| "ID".to_owned(), |id| id.to_string())
    )]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Whose it is, if that can be read.
        member: Option<MemberId>,
        /// What is wrong.
        problem: String,
    },
}

// === impl DataDirError ===

impl DataDirError {
    pub(super) fn foreign(path: &Path, problem: &str) -> Self {
        Self::Foreign {
            path: path.to_path_buf(),
            problem: problem.to_owned(),
        }
    }

    pub(super) fn occupied(path: &Path, problem: &str) -> Self {
        Self::Occupied {
            path: path.to_path_buf(),
            problem: problem.to_owned(),
        }
    }

    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(super) fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(super) fn damaged(path: &Path, member: Option<MemberId>, problem: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            member,
            problem: problem.into(),
        }
    }
}

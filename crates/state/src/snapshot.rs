//! Snapshots: a whole state as a run of chunks, each an envelope of at most
//! [`SNAPSHOT_CHUNK_LEN_MAX`](quorate_model::limits::SNAPSHOT_CHUNK_LEN_MAX) bytes.
//!
//! ```text
//! header · objects · objects · … · trailer
//! ```
//!
//! The header says what is to come: the position in the log, how many objects, and the hash of the state. The
//! objects follow as in the hash: the cluster, the join nonces, the instances in the order of their keys, the log
//! time, up to where lapses are aged if that is behind it, the leases, the outcomes kept for them, the overrides, the settings of services. The trailer ends the run with its checksum. The schema number of each envelope is its format version. A
//! [`Decoder`] gives a state only if all of this is true of what it was given.

mod decoder;
mod encoder;
mod header;

use quorate_model::{InvalidValue, StateHash, envelope::DecodeError};

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use header::{Header, LastLog, RaftMeta};

/// Most bytes of an encoded membership: it has to fit the header's chunk.
pub const MEMBERSHIP_LEN_MAX: usize = 32 << 10;

/// Why there is no snapshot, or no state in one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The membership does not fit the header.
    #[error("a membership of {0} bytes is over the limit of {MEMBERSHIP_LEN_MAX}: there are too many members")]
    MembershipTooLong(usize),
    /// A chunk is longer than any that an [`Encoder`] makes.
    #[error("a snapshot chunk of {0} bytes is over the limit: this is no snapshot of ours")]
    ChunkTooLong(usize),
    /// A chunk is damaged, out of place, or written by a newer version.
    #[error("the snapshot cannot be read, fetch it again or upgrade this member: {0}")]
    Unreadable(#[from] DecodeError),
    /// An object holds a value that is not allowed.
    #[error("the snapshot holds an {0}")]
    Invalid(#[from] InvalidValue),
    /// An object is there twice, or without the one that it belongs to.
    #[error("the snapshot contradicts itself: {0}")]
    Contradiction(&'static str),
    /// The trailer speaks of other chunks than were read.
    #[error("the chunks are not those that the snapshot was written with: fetch it again")]
    Trailer,
    /// The state is not the one that was encoded.
    #[error("the state in the snapshot hashes to {found}, its header says {expected}: fetch it again")]
    Hash {
        /// What the header says.
        expected: StateHash,
        /// What the objects sum up to.
        found: StateHash,
    },
    /// The trailer has not come yet.
    #[error("the snapshot has no end: chunks are missing")]
    Unfinished,
    /// A chunk came after the trailer, or after an error.
    #[error("a chunk came after the end of the snapshot")]
    AfterEnd,
}

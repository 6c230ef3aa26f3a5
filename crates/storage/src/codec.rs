//! How openraft's values become bytes: given by whoever defines the raft types.

use std::fmt;

use bytes::Bytes;
use openraft::{
    RaftTypeConfig,
    alias::{LogIdOf, VoteOf},
};

/// Bytes of the raft types of `C`.
///
/// The encodings are formats on disk: versioned, frozen, and never openraft's own serde. Checksums and lengths
/// are storage's business; a decoder sees only bytes that an encoder wrote.
pub trait EntryCodec<C: RaftTypeConfig>: Send + Sync + 'static {
    /// The bytes of an entry: log id and payload. At most [`ENTRY_LEN_MAX`](crate::ENTRY_LEN_MAX).
    fn encode_entry(entry: &C::Entry) -> Result<Bytes, CodecError>;

    /// The entry in `bytes`, which may be kept and sliced.
    fn decode_entry(bytes: Bytes) -> Result<C::Entry, CodecError>;

    /// The bytes of a log id.
    fn encode_log_id(log_id: &LogIdOf<C>) -> Result<Bytes, CodecError>;

    /// The log id in `bytes`.
    fn decode_log_id(bytes: &[u8]) -> Result<LogIdOf<C>, CodecError>;

    /// The bytes of a vote.
    fn encode_vote(vote: &VoteOf<C>) -> Result<Bytes, CodecError>;

    /// The vote in `bytes`.
    fn decode_vote(bytes: &[u8]) -> Result<VoteOf<C>, CodecError>;
}

/// A raft value could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a raft value does not encode or decode: {problem}")]
pub struct CodecError {
    problem: String,
}

// === impl CodecError ===

impl CodecError {
    /// An error that says `problem`.
    pub fn new(problem: impl fmt::Display) -> Self {
        Self {
            problem: problem.to_string(),
        }
    }
}

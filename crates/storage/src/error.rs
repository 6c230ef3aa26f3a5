//! What can go wrong with a log that is open.

use std::{io, sync::Arc};

use crate::{ENTRY_LEN_MAX, record::RecordError};

/// The log has failed for good: nothing that was not yet acknowledged is known to be durable.
///
/// A failed fsync cannot be retried (the kernel may have dropped the pages), so that the only safe answer to
/// any error of the disk is to stop the process and to open the directory anew.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the raft log failed for good and the process must stop: {problem}")]
pub struct FatalError {
    problem: Arc<str>,
}

/// Why a call to an open log was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The log has failed, now or earlier.
    #[error(transparent)]
    Fatal(#[from] FatalError),
    /// The log was closed.
    #[error("the raft log was closed: open the data directory again")]
    Closed,
    /// An entry is longer than the engine can store safely; nothing of the call was appended.
    #[error("an entry of {len} bytes is over the limit of {ENTRY_LEN_MAX}: split the command")]
    EntryTooLong {
        /// Length of the encoded entry, in bytes.
        len: usize,
    },
    /// The call would leave a hole in the log or bring back what was purged; nothing was done.
    #[error("the log continues at index {expected}, not at {found}")]
    Position {
        /// The index at which the log can continue.
        expected: u64,
        /// The index that was given.
        found: u64,
    },
}

/// What is wrong with a stored log.
///
/// There is no repair: a member whose log may have forgotten an entry or a vote that it once acknowledged must
/// not take part again under its old id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The log does not say whose it is: it was emptied, or is not the one that belongs here.
    #[error("the log holds another identity than the directory, or none")]
    Identity,
    /// A record does not check out.
    #[error("record {index}: {error}")]
    Record {
        /// Index under which the record is stored.
        index: u64,
        /// What is wrong with it.
        error: RecordError,
    },
    /// Records are missing.
    #[error("record {expected} is missing: the next one has index {found}")]
    Gap {
        /// The index that should come next.
        expected: u64,
        /// The index that does.
        found: u64,
    },
    /// A record is not the successor of the one before it.
    #[error("record {index} does not continue the record before it")]
    Chain {
        /// Index of the record.
        index: u64,
    },
    /// Vote, committed or purged position, or watermark do not check out.
    #[error("the {slot} does not check out: {problem}")]
    Slot {
        /// Which one.
        slot: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The log ends before, or is another at, a position that was once durable.
    #[error("the log was once durable up to index {watermark} and is not any more")]
    Forgotten {
        /// The last index that is known to have been durable.
        watermark: u64,
    },
}

/// Why a stored log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// The engine could not be read or written.
    #[error("the raft log cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The log is damaged.
    #[error("the raft log is damaged: {0}")]
    Damaged(#[from] Damage),
}

// === impl FatalError ===

impl FatalError {
    pub(crate) fn new(problem: impl Into<Arc<str>>) -> Self {
        Self {
            problem: problem.into(),
        }
    }
}

// === impl LogError ===

impl From<LogError> for io::Error {
    fn from(error: LogError) -> Self {
        let kind = match &error {
            LogError::EntryTooLong { .. } | LogError::Position { .. } => io::ErrorKind::InvalidInput,
            LogError::Fatal(_) | LogError::Closed => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, error)
    }
}

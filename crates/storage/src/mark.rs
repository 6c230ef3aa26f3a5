//! A place in the log, remembered apart from the records.

use bytes::Bytes;
use quorate_model::envelope::{self, DecodeError, Kind};
use serde::{Deserialize, Serialize};

const SCHEMA: u8 = 1;

/// A log position in a slot: the last committed or the last purged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Index of the entry.
    pub index: u64,
    /// The log id of the entry, as the codec wrote it.
    pub log_id: Bytes,
    /// Checksum of the record at `index`, to which the next one is chained. Only of a purged one.
    pub(crate) checksum: u32,
}

/// Payload of a position, schema 1. Frozen.
#[derive(Serialize, Deserialize)]
struct MarkV1 {
    index: u64,
    checksum: u32,
    log_id: Bytes,
}

// === impl Mark ===

impl Mark {
    pub(crate) fn seal(&self) -> Vec<u8> {
        let mark = MarkV1 {
            index: self.index,
            checksum: self.checksum,
            log_id: self.log_id.clone(),
        };
        envelope::seal(Kind::LogId, SCHEMA, &mark).expect("a log id is far below the limit")
    }

    pub(crate) fn open(bytes: &[u8]) -> Result<Self, DecodeError> {
        let envelope = envelope::open(Kind::LogId, bytes)?;
        if envelope.schema() != SCHEMA {
            return Err(envelope.unknown_schema());
        }
        let MarkV1 {
            index,
            checksum,
            log_id,
        } = envelope.decode()?;
        Ok(Self {
            index,
            log_id,
            checksum,
        })
    }
}

/// Puts the codec's bytes of a vote into an envelope.
pub(crate) fn seal_vote(vote: &Bytes) -> Vec<u8> {
    envelope::seal(Kind::Vote, SCHEMA, vote).expect("a vote is far below the limit")
}

/// The codec's bytes of a vote.
pub(crate) fn open_vote(bytes: &[u8]) -> Result<Bytes, DecodeError> {
    let envelope = envelope::open(Kind::Vote, bytes)?;
    if envelope.schema() != SCHEMA {
        return Err(envelope.unknown_schema());
    }
    envelope.decode()
}

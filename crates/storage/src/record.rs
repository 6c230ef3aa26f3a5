//! One record of the log: an entry's bytes in an envelope, chained to its predecessor.
//!
//! A record carries its index and the checksum of the record before it, both under its own checksum. A log
//! whose records each check out, follow each other by index and by checksum, and start where the last purge
//! ended is therefore whole: nothing is missing in it, nothing is left over from a history that was truncated.

use bytes::Bytes;
use quorate_model::envelope::{self, DecodeError, EncodeError, Kind};
use serde::{Deserialize, Serialize};

/// What the first record of all is chained to.
pub(crate) const GENESIS: u32 = 0;

const SCHEMA: u8 = 1;

/// Payload of a log record, schema 1. Frozen.
#[derive(Serialize, Deserialize)]
struct RecordV1 {
    previous: u32,
    index: u64,
    entry: Bytes,
}

/// A framed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    framed: Bytes,
    entry_len: usize,
    previous: u32,
}

/// Why bytes are not the record that should stand at an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The envelope is damaged or of another kind.
    #[error(transparent)]
    Envelope(#[from] DecodeError),
    /// The record says that it stands elsewhere.
    #[error("the record says that it has index {0}")]
    Index(u64),
}

// === impl Record ===

impl Record {
    pub(crate) fn new(index: u64, previous: u32, entry: Bytes) -> Result<Self, EncodeError> {
        let entry_len = entry.len();
        let record = RecordV1 { previous, index, entry };
        let framed = envelope::seal(Kind::LogRecord, SCHEMA, &record)?;
        Ok(Self {
            framed: framed.into(),
            entry_len,
            previous,
        })
    }

    /// Checks bytes that the engine holds under `index`.
    pub(crate) fn check(index: u64, framed: Bytes) -> Result<Self, RecordError> {
        let envelope = envelope::open(Kind::LogRecord, &framed)?;
        if envelope.schema() != SCHEMA {
            return Err(envelope.unknown_schema().into());
        }
        let record: RecordV1 = envelope.decode()?;
        if record.index != index {
            return Err(RecordError::Index(record.index));
        }
        let (entry_len, previous) = (record.entry.len(), record.previous);
        Ok(Self {
            framed,
            entry_len,
            previous,
        })
    }

    /// The bytes that the engine stores.
    pub(crate) fn framed(&self) -> &Bytes {
        &self.framed
    }

    /// The entry's bytes, which end the frame: shared, not copied.
    pub(crate) fn entry(&self) -> Bytes {
        self.framed.slice(self.framed.len() - self.entry_len..)
    }

    /// The checksum of the record before this one.
    pub(crate) fn previous(&self) -> u32 {
        self.previous
    }

    /// The checksum of this record: its envelope's.
    pub(crate) fn checksum(&self) -> u32 {
        let bytes = self.framed[8..12].try_into().expect("an envelope has a header");
        u32::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_on_disk_are_golden() {
        let record = Record::new(300, 0x0102_0304, Bytes::from_static(b"entry")).unwrap();
        let golden = [
            0x5E, 3, 1, 0, 14, 0, 0, 0, 0xED, 0x72, 0xD5, 0xE5, 252, 4, 3, 2, 1, 251, 44, 1, 5, b'e', b'n', b't', b'r',
            b'y',
        ];
        assert_eq!(record.framed().as_ref(), golden);
    }

    #[test]
    fn gives_back_what_was_put_in() {
        let record = Record::new(7, 42, Bytes::from_static(b"seven")).unwrap();
        let checked = Record::check(7, record.framed().clone()).unwrap();
        assert_eq!(checked, record);
        assert_eq!(checked.entry(), "seven");
        assert_eq!(checked.previous(), 42);
    }

    #[test]
    fn a_record_that_stands_elsewhere_is_refused() {
        let record = Record::new(7, 0, Bytes::new()).unwrap();
        assert_eq!(Record::check(8, record.framed().clone()), Err(RecordError::Index(7)));
    }
}

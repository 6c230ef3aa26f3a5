//! The frame around the values of ours that are written to disk, and handed from member to member as they are.
//!
//! ```text
//! 0      1      2        3       4          8         12
//! magic  kind   schema   flags   len (LE)   crc (LE)  payload …
//! ```
//!
//! `len` counts the payload. `crc` is the CRC-32 of the first eight bytes and the payload. A reader checks
//! the length before the checksum and the checksum before it decodes, and decodes with `len` as its limit:
//! hostile bytes can therefore neither allocate more than they are long nor reach a decoder unchecked.
//!
//! Payloads are bincode 1.3 with variable-length integers; trailing bytes are an error. bincode does not
//! evolve, so every payload type is frozen once shipped: a change is a new type under a new `schema` number,
//! and enum variants are only ever appended.

use bincode::Options as _;
use serde::{Serialize, de::DeserializeOwned};

/// First byte of every envelope.
pub const MAGIC: u8 = 0x5E;

/// Bytes before the payload.
pub const HEADER_LEN: usize = 12;

/// Largest payload that an envelope carries: snapshots and logs are cut into pieces far below it.
pub const PAYLOAD_LEN_MAX: usize = 4 << 20;

/// What an envelope holds. The numbers are part of the format: append only, never reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A command of the replicated state machine.
    Command = 1,
    /// What a command came to.
    Outcome = 2,
    /// One record of a raft log.
    LogRecord = 3,
    /// A raft vote.
    Vote = 4,
    /// A raft log id: committed, purged or acknowledged.
    LogId = 5,
    /// The identity and format of a data directory.
    Format = 6,
    /// The durable watermark of a raft log.
    Watermark = 7,
    /// The header of a snapshot.
    SnapshotHeader = 8,
    /// One run of objects in a snapshot.
    SnapshotChunk = 9,
    /// The end of a snapshot: counts and checksum.
    SnapshotTrailer = 10,
    /// The nonce of a join that has not been answered yet.
    JoinNonce = 11,
}

/// Why bytes are not an envelope of the expected kind, or their payload not the expected value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the header or the payload does, or go on after it.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes that the header announces, or the header's own length when not even that is there.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The announced payload is longer than [`PAYLOAD_LEN_MAX`].
    #[error("a payload of {0} bytes is over the limit of {PAYLOAD_LEN_MAX}")]
    TooLong(usize),
    /// The first byte is not [`MAGIC`].
    #[error("not an envelope: the first byte is {0:#04x}")]
    Magic(u8),
    /// The flags hold a bit that this version does not know.
    #[error("unknown envelope flags {0:#04x}")]
    Flags(u8),
    /// The checksum does not match: the bytes were damaged.
    #[error("checksum mismatch: the bytes were damaged")]
    Checksum,
    /// The envelope holds something else than was asked for.
    #[error("expected an envelope of kind {expected:?}, found kind {found}")]
    Kind {
        /// The kind that was asked for.
        expected: Kind,
        /// The kind that was found.
        found: u8,
    },
    /// The payload has a schema that this version does not know: it was written by a newer one.
    #[error("unknown schema {schema} of {kind:?}: written by a newer version")]
    Schema {
        /// What the envelope holds.
        kind: Kind,
        /// The schema number found.
        schema: u8,
    },
    /// The payload passed its checksum and still does not decode.
    #[error("the payload of {kind:?} schema {schema} does not decode: {problem}")]
    Payload {
        /// What the envelope holds.
        kind: Kind,
        /// The schema number found.
        schema: u8,
        /// What the decoder said.
        problem: String,
    },
}

/// A value could not be put into an envelope: it is over [`PAYLOAD_LEN_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value of kind {kind:?} does not fit an envelope: {problem}")]
pub struct EncodeError {
    kind: Kind,
    problem: String,
}

/// A checked envelope: its schema and its payload, not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    kind: Kind,
    schema: u8,
    payload: &'a [u8],
}

/// Puts `value` into an envelope.
pub fn seal<T: Serialize>(kind: Kind, schema: u8, value: &T) -> Result<Vec<u8>, EncodeError> {
    let refused = |problem: String| EncodeError { kind, problem };
    let len = options(PAYLOAD_LEN_MAX)
        .serialized_size(value)
        .map_err(|error| refused(error.to_string()))?;
    let len = u32::try_from(len).map_err(|error| refused(error.to_string()))?;
    let mut bytes = Vec::with_capacity(HEADER_LEN + len as usize);
    bytes.extend_from_slice(&[MAGIC, kind as u8, schema, 0]);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    options(PAYLOAD_LEN_MAX)
        .serialize_into(&mut bytes, value)
        .map_err(|error| refused(error.to_string()))?;
    let crc = checksum(&bytes[..8], &bytes[HEADER_LEN..]);
    bytes[8..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

/// Checks that `bytes` are one whole envelope of `kind`.
pub fn open(kind: Kind, bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let len = payload_len(bytes)?;
    let expected = HEADER_LEN + len;
    if bytes.len() != expected {
        return Err(DecodeError::Length {
            expected,
            found: bytes.len(),
        });
    }
    let payload = &bytes[HEADER_LEN..];
    let crc = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if crc != checksum(&bytes[..8], payload) {
        return Err(DecodeError::Checksum);
    }
    if bytes[1] != kind as u8 {
        return Err(DecodeError::Kind {
            expected: kind,
            found: bytes[1],
        });
    }
    if bytes[3] != 0 {
        return Err(DecodeError::Flags(bytes[3]));
    }
    Ok(Envelope {
        kind,
        schema: bytes[2],
        payload,
    })
}

/// The payload length that the header at the start of `bytes` announces, checked against the limit.
///
/// For readers of a stream of envelopes, who must know how much to read next.
pub fn payload_len(bytes: &[u8]) -> Result<usize, DecodeError> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Err(DecodeError::Length {
            expected: HEADER_LEN,
            found: bytes.len(),
        });
    };
    if header[0] != MAGIC {
        return Err(DecodeError::Magic(header[0]));
    }
    let len = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if len > PAYLOAD_LEN_MAX {
        return Err(DecodeError::TooLong(len));
    }
    Ok(len)
}

// === impl Envelope ===

impl Envelope<'_> {
    /// The schema number of the payload.
    pub fn schema(&self) -> u8 {
        self.schema
    }

    /// Decodes the payload as `T`, which must be the type of [`Envelope::schema`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        options(self.payload.len())
            .deserialize(self.payload)
            .map_err(|error| DecodeError::Payload {
                kind: self.kind,
                schema: self.schema,
                problem: error.to_string(),
            })
    }

    /// The error for a schema that the caller does not know.
    pub fn unknown_schema(&self) -> DecodeError {
        DecodeError::Schema {
            kind: self.kind,
            schema: self.schema,
        }
    }
}

fn options(limit: usize) -> impl bincode::Options {
    bincode::DefaultOptions::new().with_limit(limit as u64)
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        seal(Kind::Vote, 1, &(7_u64, "seven".to_owned())).unwrap()
    }

    #[test]
    fn round_trips() {
        let bytes = sealed();
        let envelope = open(Kind::Vote, &bytes).unwrap();
        assert_eq!(envelope.schema(), 1);
        assert_eq!(envelope.decode::<(u64, String)>().unwrap(), (7, "seven".to_owned()));
    }

    #[test]
    fn bytes_on_disk_are_golden() {
        assert_eq!(
            sealed(),
            [
                0x5E, 4, 1, 0, 7, 0, 0, 0, 0xF1, 0x49, 0x24, 0x9C, 7, 5, b's', b'e', b'v', b'e', b'n'
            ]
        );
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let bytes = sealed();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Kind::Vote, &damaged).is_err(), "bit {bit} went unnoticed");
        }
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_detected() {
        let bytes = sealed();
        for len in 0..bytes.len() {
            assert!(matches!(
                open(Kind::Vote, &bytes[..len]),
                Err(DecodeError::Length { .. })
            ));
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(open(Kind::Vote, &longer), Err(DecodeError::Length { .. })));
    }

    #[test]
    fn another_kind_is_refused() {
        let found = Kind::Vote as u8;
        assert_eq!(
            open(Kind::LogId, &sealed()),
            Err(DecodeError::Kind {
                expected: Kind::LogId,
                found
            })
        );
    }

    #[test]
    fn a_payload_at_the_limit_fits_and_one_byte_more_does_not() {
        // A byte vector is preceded by its length, five bytes at this size.
        let fits = vec![0_u8; PAYLOAD_LEN_MAX - 5];
        assert!(seal(Kind::LogRecord, 1, &fits).is_ok());
        let over = vec![0_u8; PAYLOAD_LEN_MAX - 4];
        assert!(seal(Kind::LogRecord, 1, &over).is_err());
    }

    #[test]
    fn a_huge_announced_length_is_refused_before_anything_is_read() {
        let mut bytes = sealed();
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(open(Kind::Vote, &bytes), Err(DecodeError::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn a_length_inside_the_payload_cannot_allocate_more_than_the_payload() {
        let bytes = seal(Kind::Vote, 1, &(1_u64 << 60)).unwrap();
        let envelope = open(Kind::Vote, &bytes).unwrap();
        assert!(matches!(envelope.decode::<String>(), Err(DecodeError::Payload { .. })));
    }
}

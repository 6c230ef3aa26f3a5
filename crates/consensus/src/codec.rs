//! The bytes of raft's own values on disk.
//!
//! Ours and frozen, never openraft's serde: its layouts may change from one release to the next. Each value is
//! a schema byte and bincode of a struct that is never changed again. Commands keep the bytes that their leader
//! made, so that every member stores the same.

use bincode::Options as _;
use bytes::Bytes;
use openraft::EntryPayload;
use quorate_model::LogTime;
use quorate_storage::{CodecError, ENTRY_LEN_MAX, EntryCodec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::type_config::{EncodedCommand, Entry, LeaderId, LogId, TypeConfig, Vote};

mod membership;

use membership::{MembershipV1, MembershipV2, has_successor};
pub(crate) use membership::{decode_membership, encode_membership};

/// The schema of everything below.
const SCHEMA: u8 = 1;

/// The codec of [`TypeConfig`].
#[derive(Debug, Clone, Copy)]
pub struct Codec;

impl EntryCodec<TypeConfig> for Codec {
    fn encode_entry(entry: &Entry) -> Result<Bytes, CodecError> {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV1::Blank,
            EntryPayload::Normal(command) if command.stamp() == LogTime::ZERO => {
                PayloadV1::Command(command.as_bytes().clone())
            }
            EntryPayload::Normal(command) => PayloadV1::StampedCommand {
                stamp_ms: command.stamp().as_ms(),
                bytes: command.as_bytes().clone(),
            },
            EntryPayload::Membership(membership) if has_successor(membership) => {
                PayloadV1::MembershipV2(membership.into())
            }
            EntryPayload::Membership(membership) => PayloadV1::Membership(membership.into()),
        };
        encode(&EntryV1 {
            log_id: (&entry.log_id).into(),
            payload,
        })
    }

    fn decode_entry(bytes: Bytes) -> Result<Entry, CodecError> {
        let entry: EntryV1 = decode(&bytes)?;
        let payload = match entry.payload {
            PayloadV1::Blank => EntryPayload::Blank,
            PayloadV1::Command(bytes) => EntryPayload::Normal(EncodedCommand::new(LogTime::ZERO, bytes)),
            PayloadV1::StampedCommand { stamp_ms, bytes } => {
                EntryPayload::Normal(EncodedCommand::new(LogTime::from_ms(stamp_ms), bytes))
            }
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
            PayloadV1::MembershipV2(membership) => EntryPayload::Membership(membership.try_into()?),
        };
        Ok(Entry {
            log_id: entry.log_id.into(),
            payload,
        })
    }

    fn encode_log_id(log_id: &LogId) -> Result<Bytes, CodecError> {
        encode(&LogIdV1::from(log_id))
    }

    fn decode_log_id(bytes: &[u8]) -> Result<LogId, CodecError> {
        decode::<LogIdV1>(bytes).map(Into::into)
    }

    fn encode_vote(vote: &Vote) -> Result<Bytes, CodecError> {
        let leader_id = &vote.leader_id;
        encode(&VoteV1 {
            term: leader_id.term,
            member_id: leader_id.node_id,
            committed: vote.committed,
        })
    }

    fn decode_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
        let vote: VoteV1 = decode(bytes)?;
        let leader_id = LeaderId {
            term: vote.term,
            node_id: vote.member_id,
        };
        Ok(Vote {
            leader_id,
            committed: vote.committed,
        })
    }
}

fn options() -> impl bincode::Options {
    bincode::DefaultOptions::new().with_limit(ENTRY_LEN_MAX as u64)
}

fn encode(value: &impl Serialize) -> Result<Bytes, CodecError> {
    encode_as(SCHEMA, value)
}

fn encode_as(schema: u8, value: &impl Serialize) -> Result<Bytes, CodecError> {
    let mut bytes = vec![schema];
    options().serialize_into(&mut bytes, value).map_err(CodecError::new)?;
    Ok(bytes.into())
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode_as(SCHEMA, bytes)
}

fn decode_as<T: DeserializeOwned>(schema: u8, bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((found, payload)) if *found == schema => options().deserialize(payload).map_err(CodecError::new),
        Some((schema, _)) => Err(CodecError::new(format_args!(
            "unknown schema {schema}: written by a newer version"
        ))),
        None => Err(CodecError::new("no bytes")),
    }
}

// --- the frozen formats ---

#[derive(Serialize, Deserialize)]
struct LogIdV1 {
    term: u64,
    member_id: u64,
    index: u64,
}

#[derive(Serialize, Deserialize)]
struct VoteV1 {
    term: u64,
    member_id: u64,
    committed: bool,
}

#[derive(Serialize, Deserialize)]
struct EntryV1 {
    log_id: LogIdV1,
    payload: PayloadV1,
}

/// Append only: the place of a variant is its number on disk.
#[derive(Serialize, Deserialize)]
enum PayloadV1 {
    Blank,
    Command(Bytes),
    Membership(MembershipV1),
    MembershipV2(MembershipV2),
    StampedCommand { stamp_ms: u64, bytes: Bytes },
}

// --- conversions ---

impl From<&LogId> for LogIdV1 {
    fn from(log_id: &LogId) -> Self {
        Self {
            term: log_id.leader_id.term,
            member_id: log_id.leader_id.node_id,
            index: log_id.index,
        }
    }
}

impl From<LogIdV1> for LogId {
    fn from(log_id: LogIdV1) -> Self {
        Self::new(
            LeaderId {
                term: log_id.term,
                node_id: log_id.member_id,
            },
            log_id.index,
        )
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

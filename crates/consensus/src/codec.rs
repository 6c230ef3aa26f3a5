//! The bytes of raft's own values on disk.
//!
//! Ours and frozen, never openraft's serde: its layouts may change from one release to the next. Each value is
//! a schema byte and bincode of a struct that is never changed again. Commands keep the bytes that their leader
//! made, so that every member stores the same.

use bincode::Options as _;
use bytes::Bytes;
use openraft::EntryPayload;
use quorate_storage::{CodecError, ENTRY_LEN_MAX, EntryCodec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::type_config::{
    Calling, EncodedCommand, Entry, LeaderId, LogId, MemberInfo, Membership, StoredMembership, TypeConfig, Vote,
};

/// The schema of everything below.
const SCHEMA: u8 = 1;

/// The codec of [`TypeConfig`].
#[derive(Debug, Clone, Copy)]
pub struct Codec;

impl EntryCodec<TypeConfig> for Codec {
    fn encode_entry(entry: &Entry) -> Result<Bytes, CodecError> {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV1::Blank,
            EntryPayload::Normal(command) => PayloadV1::Command(command.as_bytes().clone()),
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
            PayloadV1::Command(bytes) => EntryPayload::Normal(EncodedCommand::new(bytes)),
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
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

/// The membership as a snapshot carries it: with the entry that it comes from.
pub(crate) fn encode_membership(membership: &StoredMembership) -> Result<Vec<u8>, CodecError> {
    let stored = StoredMembershipV1 {
        log_id: membership.log_id().as_ref().map(Into::into),
        membership: membership.membership().into(),
    };
    encode(&stored).map(Into::into)
}

/// See [`encode_membership`].
pub(crate) fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, CodecError> {
    let stored: StoredMembershipV1 = decode(bytes)?;
    Ok(StoredMembership::new(
        stored.log_id.map(Into::into),
        stored.membership.try_into()?,
    ))
}

fn options() -> impl bincode::Options {
    bincode::DefaultOptions::new().with_limit(ENTRY_LEN_MAX as u64)
}

fn encode(value: &impl Serialize) -> Result<Bytes, CodecError> {
    let mut bytes = vec![SCHEMA];
    options().serialize_into(&mut bytes, value).map_err(CodecError::new)?;
    Ok(bytes.into())
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&SCHEMA, payload)) => options().deserialize(payload).map_err(CodecError::new),
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
}

#[derive(Serialize, Deserialize)]
struct StoredMembershipV1 {
    log_id: Option<LogIdV1>,
    membership: MembershipV1,
}

#[derive(Serialize, Deserialize)]
struct MembershipV1 {
    configs: Vec<Vec<u64>>,
    members: Vec<MemberV1>,
}

#[derive(Serialize, Deserialize)]
struct MemberV1 {
    id: u64,
    peer_address: String,
    client_address: String,
    promote: bool,
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

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        let configs = membership.get_joint_config().iter();
        Self {
            configs: configs.map(|ids| ids.iter().copied().collect()).collect(),
            members: membership.nodes().map(|(id, info)| MemberV1::new(*id, info)).collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = CodecError;

    fn try_from(membership: MembershipV1) -> Result<Self, CodecError> {
        let configs = membership
            .configs
            .into_iter()
            .map(|ids| ids.into_iter().collect())
            .collect();
        let members = membership.members.into_iter().map(MemberV1::parse);
        let members: std::collections::BTreeMap<u64, MemberInfo> = members.collect::<Result<_, _>>()?;
        // The initial membership has no configuration at all, which the checked constructor refuses.
        if members.is_empty() {
            return Ok(Self::default());
        }
        Self::new(configs, members).map_err(CodecError::new)
    }
}

impl MemberV1 {
    fn new(id: u64, info: &MemberInfo) -> Self {
        Self {
            id,
            peer_address: info.peer_address.to_string(),
            client_address: info.client_address.to_string(),
            promote: info.calling == Calling::Voter,
        }
    }

    fn parse(self) -> Result<(u64, MemberInfo), CodecError> {
        let info = MemberInfo {
            peer_address: self.peer_address.parse().map_err(CodecError::new)?,
            client_address: self.client_address.parse().map_err(CodecError::new)?,
            calling: if self.promote { Calling::Voter } else { Calling::Learner },
        };
        Ok((self.id, info))
    }
}

#[cfg(test)]
mod tests;

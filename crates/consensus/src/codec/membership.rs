//! The bytes of a membership: two forms, of which the newer one is used only where the older one cannot say it.

use std::collections::{BTreeMap, BTreeSet};

use quorate_model::MemberId;
use quorate_storage::CodecError;
use serde::{Deserialize, Serialize};

use super::{LogIdV1, decode, decode_as, encode, encode_as};
use crate::type_config::{Calling, MemberInfo, Membership, StoredMembership};

/// The schema of a stored membership in which a member is to take the place of another.
const SUCCESSORS_SCHEMA: u8 = 2;

/// The membership as a snapshot carries it: with the entry that it comes from.
pub(crate) fn encode_membership(membership: &StoredMembership) -> Result<Vec<u8>, CodecError> {
    let log_id = membership.log_id().as_ref().map(Into::into);
    let membership = membership.membership();
    let bytes = if has_successor(membership) {
        let membership = membership.into();
        encode_as(SUCCESSORS_SCHEMA, &StoredMembershipV2 { log_id, membership })?
    } else {
        let membership = membership.into();
        encode(&StoredMembershipV1 { log_id, membership })?
    };
    Ok(bytes.into())
}

/// See [`encode_membership`].
pub(crate) fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, CodecError> {
    let (log_id, membership) = if bytes.first() == Some(&SUCCESSORS_SCHEMA) {
        let stored: StoredMembershipV2 = decode_as(SUCCESSORS_SCHEMA, bytes)?;
        (stored.log_id, stored.membership.try_into()?)
    } else {
        let stored: StoredMembershipV1 = decode(bytes)?;
        (stored.log_id, stored.membership.try_into()?)
    };
    Ok(StoredMembership::new(log_id.map(Into::into), membership))
}

/// Only a membership with a successor takes the newer form: all others are written as they always were.
pub(super) fn has_successor(membership: &Membership) -> bool {
    let mut infos = membership.nodes().map(|(_, info)| info);
    infos.any(|info| matches!(info.calling, Calling::Successor(_)))
}

// --- the frozen formats ---

#[derive(Serialize, Deserialize)]
struct StoredMembershipV1 {
    log_id: Option<LogIdV1>,
    membership: MembershipV1,
}

#[derive(Serialize, Deserialize)]
struct StoredMembershipV2 {
    log_id: Option<LogIdV1>,
    membership: MembershipV2,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MembershipV1 {
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

#[derive(Serialize, Deserialize)]
pub(super) struct MembershipV2 {
    configs: Vec<Vec<u64>>,
    members: Vec<MemberV2>,
}

#[derive(Serialize, Deserialize)]
struct MemberV2 {
    id: u64,
    peer_address: String,
    client_address: String,
    calling: CallingV2,
}

/// Append only: the place of a variant is its number on disk.
#[derive(Serialize, Deserialize)]
enum CallingV2 {
    Voter,
    Learner,
    Successor(u64),
}

// --- conversions ---

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: configs(membership),
            members: membership.nodes().map(|(id, info)| MemberV1::new(*id, info)).collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = CodecError;

    fn try_from(membership: MembershipV1) -> Result<Self, CodecError> {
        let members = membership.members.into_iter().map(MemberV1::parse);
        parse(membership.configs, members.collect::<Result<_, _>>()?)
    }
}

impl From<&Membership> for MembershipV2 {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: configs(membership),
            members: membership.nodes().map(|(id, info)| MemberV2::new(*id, info)).collect(),
        }
    }
}

impl TryFrom<MembershipV2> for Membership {
    type Error = CodecError;

    fn try_from(membership: MembershipV2) -> Result<Self, CodecError> {
        let members = membership.members.into_iter().map(MemberV2::parse);
        parse(membership.configs, members.collect::<Result<_, _>>()?)
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
        let calling = if self.promote { Calling::Voter } else { Calling::Learner };
        member(self.id, &self.peer_address, &self.client_address, calling)
    }
}

impl MemberV2 {
    fn new(id: u64, info: &MemberInfo) -> Self {
        Self {
            id,
            peer_address: info.peer_address.to_string(),
            client_address: info.client_address.to_string(),
            calling: match info.calling {
                Calling::Voter => CallingV2::Voter,
                Calling::Learner => CallingV2::Learner,
                Calling::Successor(of) => CallingV2::Successor(of.get()),
            },
        }
    }

    fn parse(self) -> Result<(u64, MemberInfo), CodecError> {
        let calling = match self.calling {
            CallingV2::Voter => Calling::Voter,
            CallingV2::Learner => Calling::Learner,
            CallingV2::Successor(of) => Calling::Successor(MemberId::try_from(of).map_err(CodecError::new)?),
        };
        member(self.id, &self.peer_address, &self.client_address, calling)
    }
}

fn member(id: u64, peer: &str, client: &str, calling: Calling) -> Result<(u64, MemberInfo), CodecError> {
    let info = MemberInfo {
        peer_address: peer.parse().map_err(CodecError::new)?,
        client_address: client.parse().map_err(CodecError::new)?,
        calling,
    };
    Ok((id, info))
}

fn configs(membership: &Membership) -> Vec<Vec<u64>> {
    let configs = membership.get_joint_config().iter();
    configs.map(|ids| ids.iter().copied().collect()).collect()
}

fn parse(configs: Vec<Vec<u64>>, members: BTreeMap<u64, MemberInfo>) -> Result<Membership, CodecError> {
    // The initial membership has no configuration at all, which the checked constructor refuses.
    if members.is_empty() {
        return Ok(Membership::default());
    }
    let configs = configs.into_iter().map(BTreeSet::from_iter).collect();
    Membership::new(configs, members).map_err(CodecError::new)
}

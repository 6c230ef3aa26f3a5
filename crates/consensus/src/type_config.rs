//! The types that raft is built on here, and short names for what openraft derives from them.

use std::fmt;

use bytes::Bytes;
use openraft::{alias, impls};
use quorate_model::{DoorAddress, Leadership, LogTime, MemberId, Revision, Term};
use quorate_state::Outcome;

/// A command as the leader encoded it, and when. Followers store and ship both as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedCommand {
    stamp: LogTime,
    bytes: Bytes,
}

/// What applying a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The revision of its entry.
    pub revision: Revision,
    /// Its outcome.
    pub outcome: Outcome,
}

/// What the cluster knows of a member besides its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// Where the other members reach it.
    pub peer_address: DoorAddress,
    /// Where clients reach it.
    pub client_address: DoorAddress,
    /// What it is meant to be.
    pub calling: Calling,
}

/// What a member is meant to be once it has caught up. Part of the membership, so that whoever leads goes on with
/// what was meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Calling {
    /// It votes.
    #[default]
    Voter,
    /// It stays a learner: a read replica.
    Learner,
    /// It takes the place of this member, which goes. Once it has, it is a voter.
    Successor(MemberId),
}

openraft::declare_raft_types!(
    /// Quorate's raft.
    pub TypeConfig:
        D = EncodedCommand,
        R = Option<Applied>,
        NodeId = u64,
        Node = MemberInfo,
        AsyncRuntime = crate::runtime::NodeRuntime,
);

pub(crate) type LeaderId = impls::leader_id_adv::LeaderId<u64, u64>;
pub(crate) type LogId = alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = alias::VoteOf<TypeConfig>;
pub(crate) type Entry = alias::EntryOf<TypeConfig>;
pub(crate) type Membership = openraft::Membership<u64, MemberInfo>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;

// === impl EncodedCommand ===

impl EncodedCommand {
    /// Puts the stamp of the leader that proposes it on the bytes that [`quorate_state::Command::encode`] made.
    pub fn new(stamp: LogTime, bytes: Bytes) -> Self {
        Self { stamp, bytes }
    }

    /// The log time at which it was proposed. Zero, which moves no time, if it is from before there was log time.
    pub fn stamp(&self) -> LogTime {
        self.stamp
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl fmt::Debug for EncodedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for EncodedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes at {}", self.bytes.len(), self.stamp)
    }
}

// === impl MemberInfo ===

impl fmt::Display for MemberInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer_address.fmt(f)
    }
}

/// A leadership in the words of the model. Raft numbers members from 1 on.
pub(crate) fn leadership(id: &LeaderId) -> Leadership {
    Leadership {
        term: Term::new(id.term),
        leader: MemberId::try_from(id.node_id).unwrap_or(MemberId::FIRST),
    }
}

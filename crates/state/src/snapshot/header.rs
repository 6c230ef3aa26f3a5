//! The header of a snapshot: what can be known of it without reading it.

use quorate_model::{ClusterId, Epoch, LogIndex, Revision, StateHash, Term};
use serde::{Deserialize, Serialize};

use super::{Error, MEMBERSHIP_LEN_MAX};
use crate::{Cluster, State};

/// What raft keeps with a snapshot; opaque here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RaftMeta {
    /// The last log entry that the snapshot includes, if there is one.
    pub last_log: Option<LastLog>,
    /// The membership as of that entry, as consensus encodes it: at most [`MEMBERSHIP_LEN_MAX`] bytes.
    pub membership: Vec<u8>,
}

/// Names a raft log entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LastLog {
    /// The term of its leader.
    pub term: Term,
    /// The member id of its leader, or 0 where raft names none.
    pub member_id: u64,
    /// Its position.
    pub index: LogIndex,
}

/// What can be known of a snapshot without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The identity of the cluster, unless it was not founded yet.
    pub cluster: Option<Cluster>,
    /// The index of the last log entry that was applied.
    pub applied: LogIndex,
    /// The hash of the state.
    pub hash: StateHash,
    /// How many objects there are: instances and the cluster's own.
    pub object_count: u64,
    /// How many of them are instances.
    pub instance_count: u64,
    /// What raft keeps with it.
    pub raft: RaftMeta,
}

/// The frozen format of a [`Header`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HeaderV1 {
    cluster: Option<ClusterV1>,
    applied: u64,
    hash: u128,
    object_count: u64,
    instance_count: u64,
    last_log: Option<LastLogV1>,
    membership: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ClusterV1 {
    id: u128,
    epoch: u64,
    base: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct LastLogV1 {
    term: u64,
    member_id: u64,
    index: u64,
}

/// The frozen format of the trailer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TrailerV1 {
    /// Chunks of objects.
    pub(super) chunk_count: u64,
    /// xxh3-128 of the bytes of the header and of all chunks of objects.
    pub(super) checksum: u128,
}

// === impl Header ===

impl Header {
    pub(super) fn of(state: &State, raft: RaftMeta) -> Result<Self, Error> {
        if raft.membership.len() > MEMBERSHIP_LEN_MAX {
            return Err(Error::MembershipTooLong(raft.membership.len()));
        }
        Ok(Self {
            cluster: state.cluster(),
            applied: state.applied(),
            hash: state.hash(),
            object_count: state.object_count() as u64,
            instance_count: state.instance_count() as u64,
            raft,
        })
    }
}

// === impl HeaderV1 ===

impl From<&Header> for HeaderV1 {
    fn from(header: &Header) -> Self {
        Self {
            cluster: header.cluster.map(|cluster| ClusterV1 {
                id: cluster.id.get(),
                epoch: cluster.epoch.get(),
                base: cluster.base.get(),
            }),
            applied: header.applied.get(),
            hash: header.hash.get(),
            object_count: header.object_count,
            instance_count: header.instance_count,
            last_log: header.raft.last_log.map(|last| LastLogV1 {
                term: last.term.get(),
                member_id: last.member_id,
                index: last.index.get(),
            }),
            membership: header.raft.membership.clone(),
        }
    }
}

impl From<HeaderV1> for Header {
    fn from(header: HeaderV1) -> Self {
        Self {
            cluster: header.cluster.map(|cluster| Cluster {
                id: ClusterId::new(cluster.id),
                epoch: Epoch::new(cluster.epoch),
                base: Revision::new(cluster.base),
            }),
            applied: LogIndex::new(header.applied),
            hash: StateHash::new(header.hash),
            object_count: header.object_count,
            instance_count: header.instance_count,
            raft: RaftMeta {
                last_log: header.last_log.map(|last| LastLog {
                    term: Term::new(last.term),
                    member_id: last.member_id,
                    index: LogIndex::new(last.index),
                }),
                membership: header.membership,
            },
        }
    }
}

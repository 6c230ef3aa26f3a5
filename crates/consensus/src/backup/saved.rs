//! What a snapshot file holds: read as a whole, so that whatever is said of it is true of all of it.

use std::path::Path;

use quorate_model::{ClusterId, Epoch, LogIndex, LogTime, MemberId, Revision, StateHash, Term};
use quorate_state::{
    State,
    snapshot::{Decoder, Header},
};
use quorate_storage::{SavedSnapshot, SavedSnapshotError};

use crate::{
    snapshot,
    type_config::{MemberInfo, StoredMembership},
};

/// Why a snapshot file cannot be used.
pub type SavedError = SavedSnapshotError;

/// The content of a snapshot file that is whole: every checksum and the hash of the state are right.
#[derive(Debug)]
pub struct SavedState {
    header: Header,
    pub(super) state: State,
    membership: StoredMembership,
    pub(super) file_len: u64,
}

/// What can be said of a snapshot file in a few lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The cluster that it is of; none if it was not founded yet.
    pub cluster_id: Option<ClusterId>,
    /// The life of the cluster's history.
    pub epoch: Epoch,
    /// The revision of the state.
    pub revision: Revision,
    /// The index of the last log entry in it.
    pub applied: LogIndex,
    /// The term of that entry.
    pub term: Term,
    /// The time that the cluster had come to.
    pub log_time: LogTime,
    /// The hash of the state.
    pub state_hash: StateHash,
    /// How many services have instances.
    pub services: u64,
    /// How many instances there are.
    pub instances: u64,
    /// How many leases there are.
    pub leases: u64,
    /// How many outcomes of writes are kept for repetitions.
    pub kept_outcomes: u64,
    /// How many overrides there are.
    pub overrides: u64,
    /// How many services have settings of their own.
    pub service_settings: u64,
    /// The members, in the order of their ids.
    pub members: Vec<SavedMember>,
    /// How many bytes the file has.
    pub file_len: u64,
}

/// A member, as a snapshot knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMember {
    /// Its id.
    pub id: MemberId,
    /// Where it was found, and what it was meant to become.
    pub info: MemberInfo,
    /// Whether it had a vote.
    pub voter: bool,
}

// === impl SavedState ===

impl SavedState {
    /// Reads the file at `path` to its end and checks all of it. Blocks.
    pub fn read(path: &Path) -> Result<Self, SavedError> {
        let mut file = SavedSnapshot::open(path)?;
        let mut decoder = Decoder::new();
        while let Some(chunk) = file.next_chunk()? {
            decoder.push(&chunk).map_err(|error| file.damaged(error.to_string()))?;
        }
        let (header, state) = decoder.finish().map_err(|error| file.damaged(error.to_string()))?;
        if snapshot::name(&header) != file.name() {
            return Err(file.damaged("its name and its content differ"));
        }
        let meta = snapshot::meta(&header).map_err(|error| file.damaged(error.to_string()))?;
        Ok(Self {
            header,
            state,
            membership: meta.last_membership,
            file_len: file.file_len(),
        })
    }

    /// What can be said of it in a few lines.
    pub fn summary(&self) -> Summary {
        let term = self.header.raft.last_log.map_or(0, |last| last.term.get());
        Summary::of(&self.state, term, &self.membership, self.file_len)
    }
}

// === impl Summary ===

impl Summary {
    pub(super) fn of(state: &State, term: u64, membership: &StoredMembership, file_len: u64) -> Self {
        Self {
            cluster_id: state.cluster().map(|cluster| cluster.id),
            epoch: state.cluster().map_or(Epoch::ZERO, |cluster| cluster.epoch),
            revision: state.revision(),
            applied: state.applied(),
            term: Term::new(term),
            log_time: state.log_time(),
            state_hash: state.hash(),
            services: state.all_services().len() as u64,
            instances: state.instance_count() as u64,
            leases: state.lease_count() as u64,
            kept_outcomes: state.kept_outcome_count() as u64,
            overrides: state.override_count() as u64,
            service_settings: state.settings_count() as u64,
            members: members(membership),
            file_len,
        }
    }
}

fn members(membership: &StoredMembership) -> Vec<SavedMember> {
    let membership = membership.membership();
    let members = membership.nodes().filter_map(|(id, info)| {
        Some(SavedMember {
            id: MemberId::try_from(*id).ok()?,
            info: info.clone(),
            voter: membership.voter_ids().any(|voter| voter == *id),
        })
    });
    members.collect()
}

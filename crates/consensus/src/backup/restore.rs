//! A new cluster that begins with what another one had.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use quorate_model::{ClusterId, Epoch, Identity, MemberId};
use quorate_storage::{EntryCodec as _, Log, SnapshotStore};

use super::{SavedState, Summary};
use crate::{
    codec::Codec,
    snapshot::Shelf,
    type_config::{LeaderId, LogId, MemberInfo, Membership, StoredMembership, Vote},
};

/// The term in which a restored cluster begins: as if its member had been elected once.
const FIRST_TERM: u64 = 1;

/// What makes a restored cluster another one than that which was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCluster {
    /// Its identity.
    pub cluster_id: ClusterId,
    /// The life of its history, which must not be that of the saved one.
    pub epoch: Epoch,
    /// Its only member.
    pub member: MemberInfo,
}

// === impl NewCluster ===

impl NewCluster {
    /// Whose directory it begins in.
    pub fn identity(&self) -> Identity {
        Identity {
            cluster_id: self.cluster_id,
            member_id: MemberId::FIRST,
        }
    }

    /// The position that the saved state has in the new log: the first.
    fn position() -> LogId {
        let leader_id = LeaderId {
            term: FIRST_TERM,
            node_id: MemberId::FIRST.get(),
        };
        LogId::new(leader_id, 0)
    }

    fn membership(&self) -> io::Result<StoredMembership> {
        let first = MemberId::FIRST.get();
        let voters = vec![BTreeSet::from([first])];
        let members = BTreeMap::from([(first, self.member.clone())]);
        let membership = Membership::new(voters, members).map_err(io::Error::other)?;
        Ok(StoredMembership::new(Some(Self::position()), membership))
    }
}

// === impl SavedState ===

impl SavedState {
    /// Puts the state into the storage of a new directory, so that a node which starts from it leads `new`. Durable
    /// on return. Says what there is now.
    pub async fn restore(self, new: &NewCluster, log: &Log, snapshots: &SnapshotStore) -> io::Result<Summary> {
        let state = self.state.into_restored(new.cluster_id, new.epoch);
        let (position, membership) = (NewCluster::position(), new.membership()?);
        let store = Shelf::new(snapshots.clone());
        store.build(&state, Some(position), membership.clone()).await?;
        let vote = Vote {
            leader_id: position.leader_id,
            committed: true,
        };
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        log.save_vote(Codec::encode_vote(&vote).map_err(invalid)?).await?;
        log.purge(position.index, Codec::encode_log_id(&position).map_err(invalid)?)
            .await?;
        log.close().await?;
        Ok(Summary::of(&state, FIRST_TERM, &membership, self.file_len))
    }
}

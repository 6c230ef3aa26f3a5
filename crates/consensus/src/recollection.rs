//! What a member that starts learns from the others before it takes part: whether its log is all that it once was.
//!
//! It asks the members that it knows, all at once. Those that cannot be asked do not keep it from starting, or a
//! cluster that was down as a whole would never be up again.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use futures::future;
use openraft::{
    EntryPayload,
    storage::{LogState, RaftLogReader as _, RaftLogStorage as _},
};
use quorate_model::{Identity, MemberId};

use crate::{
    RaftLog,
    error::StartError,
    memory::Acknowledged,
    network::{Connector, recall},
    snapshot::Shelf,
    type_config::{LogId, MemberInfo, Membership, SnapshotMeta, TypeConfig},
};

/// How long the others have to answer: long enough for all that are there, and short against a start.
const RECALL_TIME_MAX: Duration = Duration::from_secs(2);

/// Entries that are looked through at a time for the last membership.
const PAGE_ENTRIES: u64 = 1_024;

/// What this member has of the log.
#[derive(Debug, Default)]
struct Stored {
    last: Option<LogId>,
    /// The term of its vote.
    term: u64,
    members: BTreeMap<u64, MemberInfo>,
}

/// Asks the other members whether this one has lost entries.
pub(crate) async fn check(
    own: Identity,
    log: &RaftLog,
    snapshots: &Shelf,
    connector: &Arc<dyn Connector>,
) -> Result<(), StartError> {
    let unreadable = |error: io::Error| StartError::Storage(error.to_string());
    let stored = Stored::read(log, snapshots).await.map_err(unreadable)?;
    let others = stored.members.iter().filter(|(id, _)| **id != own.member_id.get());
    let asked = others.map(async |(id, info)| {
        let answer = recall(connector, &info.peer_address, own, RECALL_TIME_MAX).await;
        (*id, answer)
    });
    for (id, answer) in future::join_all(asked).await {
        match answer {
            Ok(Some(acknowledged)) if acknowledged.is_lost(stored.last, stored.term) => {
                return Err(lost(own, &stored, id, &acknowledged));
            }
            Ok(Some(_) | None) => {}
            Err(error) => tracing::info!(%error, "a member cannot be asked what it remembers of this one"),
        }
    }
    Ok(())
}

fn lost(own: Identity, stored: &Stored, by: u64, acknowledged: &Acknowledged) -> StartError {
    let place = |log_id: &LogId| format!("entry {} of term {}", log_id.index, log_id.leader_id.term);
    let ends = stored.last.as_ref().map(place);
    StartError::EntriesLost {
        member: own.member_id,
        ends: ends.map_or_else(|| "before its first entry".to_owned(), |last| format!("with {last}")),
        remembered_by: MemberId::try_from(by).unwrap_or(own.member_id),
        acknowledged: place(&acknowledged.log_id),
    }
}

// === impl Stored ===

impl Stored {
    async fn read(log: &RaftLog, snapshots: &Shelf) -> io::Result<Self> {
        let mut log = log.clone();
        let snapshot = snapshots.newest().await?.map(|snapshot| snapshot.meta);
        let state = log.get_log_state().await?;
        let vote = log.read_vote().await?;
        let covered = snapshot.as_ref().and_then(|meta| meta.last_log_id);
        let membership = match last_membership(&mut log, &state, covered).await? {
            Some(membership) => Some(membership),
            None => snapshot.map(|meta: SnapshotMeta| meta.last_membership.membership().clone()),
        };
        let members = membership.iter().flat_map(Membership::nodes);
        Ok(Self {
            last: state.last_log_id.max(covered),
            term: vote.map_or(0, |vote| vote.leader_id.term),
            members: members.map(|(id, info)| (*id, info.clone())).collect(),
        })
    }
}

/// The last membership of the log after what a snapshot covers, page by page from its end.
async fn last_membership(
    log: &mut RaftLog,
    state: &LogState<TypeConfig>,
    covered: Option<LogId>,
) -> io::Result<Option<Membership>> {
    let next = |log_id: Option<LogId>| log_id.map_or(0, |log_id| log_id.index + 1);
    let first = next(covered).max(next(state.last_purged_log_id));
    let mut end = next(state.last_log_id);
    while end > first {
        let start = end.saturating_sub(PAGE_ENTRIES).max(first);
        let entries = log.try_get_log_entries(start..end).await?;
        let found = entries.into_iter().rev().find_map(|entry| match entry.payload {
            EntryPayload::Membership(membership) => Some(membership),
            EntryPayload::Blank | EntryPayload::Normal(_) => None,
        });
        if found.is_some() {
            return Ok(found);
        }
        end = start;
    }
    Ok(None)
}

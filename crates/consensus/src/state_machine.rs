//! Raft's view of the state machine: entries in, outcomes to who waits for them, views to the readers.

use std::{io, sync::Arc};

use futures::{Stream, TryStreamExt as _};
use openraft::{
    EntryPayload, OptionalSend,
    storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine},
};
use quorate_model::LogIndex;
use quorate_state::{Outcome, Position, State, snapshot::Encoder};
use quorate_storage::Log;

use crate::{
    log_clock::LogClock,
    memory::PeerMemory,
    runtime,
    snapshot::{self, Shelf, Snapshot, SnapshotData},
    type_config::{
        Applied, EncodedCommand, Entry, LeaderId, LogId, SnapshotMeta, StoredMembership, TypeConfig, leadership,
    },
    view::ViewWriter,
};

/// Answers that may wait for the batch that they belong to: enough to make the cost of a view small, few enough
/// that the first of them does not wait long.
const ANSWERS_MAX: usize = 256;

/// Applies committed entries to the replicated state.
///
/// # Invariants
/// - Entries are applied one after the other, without a hole.
/// - Readers see the entry before its proposer is answered.
/// - A command that cannot be read stops the node: skipping it would make this member differ from the others.
#[derive(Debug)]
pub(crate) struct StateMachine {
    state: State,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    views: ViewWriter,
    snapshots: Shelf,
    /// The log that snapshots stand in for.
    log: Log,
    log_clock: Arc<LogClock>,
    memory: PeerMemory,
}

/// What a state machine is built from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) views: ViewWriter,
    pub(crate) snapshots: Shelf,
    pub(crate) log: Log,
    pub(crate) log_clock: Arc<LogClock>,
    pub(crate) memory: PeerMemory,
}

/// Writes a snapshot of the state as it was when the builder was made.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    state: State,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    snapshots: Shelf,
}

type Answer = (ApplyResponder<TypeConfig>, Option<Applied>);

// === impl StateMachine ===

impl StateMachine {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            views,
            snapshots,
            log,
            log_clock,
            memory,
        } = parts;
        Self {
            state: State::new(),
            last_applied: None,
            membership: StoredMembership::default(),
            views,
            snapshots,
            log,
            log_clock,
            memory,
        }
    }

    fn apply_entry(&mut self, entry: Entry) -> io::Result<Option<Applied>> {
        let at = LogIndex::new(entry.log_id.index);
        let next = self.last_applied.map_or(0, |last| last.index + 1);
        if at.get() != next {
            let problem = format!("entry {at} cannot be applied where entry {next} belongs: the log has a hole");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let outcome = match entry.payload {
            EntryPayload::Normal(command) => Some(self.apply_command(at, &entry.log_id.leader_id, &command)?),
            EntryPayload::Blank => {
                self.state.advance(at);
                None
            }
            EntryPayload::Membership(membership) => {
                self.state.advance(at);
                self.set_membership(StoredMembership::new(Some(entry.log_id), membership));
                None
            }
        };
        self.last_applied = Some(entry.log_id);
        self.log_clock.applied(&entry.log_id.leader_id, self.state.log_time());
        let revision = self.state.revision();
        Ok(outcome.map(|outcome| Applied { revision, outcome }))
    }

    fn apply_command(&mut self, at: LogIndex, leader_id: &LeaderId, command: &EncodedCommand) -> io::Result<Outcome> {
        // The events are for watchers, of whom there are none yet.
        let position = Position {
            index: at,
            time: command.stamp(),
            leadership: leadership(leader_id),
        };
        let applied = self.state.apply_encoded(position, command.as_bytes());
        let (outcome, _events) = applied.map_err(|error| {
            tracing::error!(log_index = at.get(), %error, "a committed command cannot be read; stopping");
            io::Error::new(io::ErrorKind::InvalidData, error)
        })?;
        Ok(outcome)
    }

    fn set_membership(&mut self, membership: StoredMembership) {
        let members = membership.membership().nodes().map(|(id, _)| *id);
        self.memory.retain(&members.collect());
        self.membership = membership;
    }

    /// A builder of a snapshot of the state as it is now.
    pub(crate) async fn builder(&mut self) -> SnapshotBuilder {
        self.get_snapshot_builder().await
    }

    fn publish(&self, answers: &mut Vec<Answer>) {
        drop(self.views.publish(self.state.clone()));
        for (responder, applied) in answers.drain(..) {
            responder.send(applied);
        }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut answers = Vec::new();
        while let Some((entry, responder)) = entries.try_next().await? {
            let applied = self.apply_entry(entry)?;
            answers.extend(responder.map(|responder| (responder, applied)));
            if answers.len() >= ANSWERS_MAX {
                self.publish(&mut answers);
            }
        }
        self.publish(&mut answers);
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder {
            state: self.state.clone(),
            last_applied: self.last_applied,
            membership: self.membership.clone(),
            snapshots: self.snapshots.clone(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, data: SnapshotData) -> Result<(), io::Error> {
        // The log first: a snapshot that outlives a power cut must find the log truncated as raft left it, or the
        // two contradict each other and the node never starts again.
        self.log.flush().await.map_err(io::Error::other)?;
        let before = std::mem::replace(&mut self.state, self.snapshots.install(meta, data).await?);
        self.last_applied = meta.last_log_id;
        self.set_membership(meta.last_membership.clone());
        let view_before = self.views.publish(self.state.clone());
        discard((before, view_before));
        tracing::info!(log_index = self.state.applied().get(), "installed a snapshot");
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        self.snapshots.newest().await
    }
}

/// Frees what may have been replaced as a whole, and then shares nothing with what came instead: to free a million
/// instances takes a third of a second, in which this thread would answer no heartbeat.
fn discard(replaced: impl Send + 'static) {
    // A thread of its own would be one that no seed decides over.
    if runtime::is_simulated() {
        return drop(replaced);
    }
    drop(tokio::task::spawn_blocking(move || drop(replaced)));
}

// === impl SnapshotBuilder ===

impl SnapshotBuilder {
    /// The state, and what encodes it with what raft keeps beside it.
    pub(crate) fn into_encoder(self) -> io::Result<(State, Encoder)> {
        let encoder = snapshot::encoder(&self.state, self.last_applied, &self.membership)?;
        Ok((self.state, encoder))
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let snapshot = self
            .snapshots
            .build(&self.state, self.last_applied, self.membership.clone())
            .await?;
        let state = std::mem::take(&mut self.state);
        tracing::info!(log_index = state.applied().get(), "wrote a snapshot");
        // It may be all that is left of a state that another one was installed over.
        discard(state);
        Ok(snapshot)
    }
}

//! The snapshots of this member, the newest of them always at hand.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use quorate_state::State;
use quorate_storage::{SnapshotFile, SnapshotStore};

use super::{Receiver, Snapshot, SnapshotData, StoredSnapshot, encoder, name};
use crate::type_config::{LogId, SnapshotMeta, StoredMembership};

/// The snapshots of this member. Cheap to clone.
///
/// Raft asks for the newest one between two batches of entries, and again and again while a peer that needs it is
/// away: the store, which reads a whole file to know that it is not damaged, is asked once. Whoever reads the
/// file later checks it again.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    store: SnapshotStore,
    newest: Arc<Mutex<Option<Newest>>>,
}

#[derive(Debug, Clone)]
struct Newest {
    meta: SnapshotMeta,
    file: SnapshotFile,
}

// === impl Shelf ===

impl Shelf {
    pub(crate) fn new(store: SnapshotStore) -> Self {
        Self {
            store,
            newest: Arc::default(),
        }
    }

    /// The newest snapshot.
    pub(crate) async fn newest(&self) -> io::Result<Option<Snapshot>> {
        if let Some(newest) = self.known() {
            return Ok(Some(self.snapshot(newest)));
        }
        let Some(file) = self.store.latest().await.map_err(io::Error::other)? else {
            return Ok(None);
        };
        let meta = self.stored(file.clone()).meta().await?;
        self.note(&meta, file);
        Ok(self.known().map(|newest| self.snapshot(newest)))
    }

    /// Writes a snapshot of `state`, which covers the log up to `last_log_id`.
    pub(crate) async fn build(
        &self,
        state: &State,
        last_log_id: Option<LogId>,
        membership: StoredMembership,
    ) -> io::Result<Snapshot> {
        let encoder = encoder(state, last_log_id, &membership)?;
        let mut writer = self
            .store
            .create(name(encoder.header()))
            .await
            .map_err(io::Error::other)?;
        for chunk in encoder {
            writer.write_chunk(chunk).await.map_err(io::Error::other)?;
        }
        let file = writer.finish().await.map_err(io::Error::other)?;
        let meta = SnapshotMeta {
            last_log_id,
            last_membership: membership,
        };
        self.note(&meta, file.clone());
        Ok(self.snapshot(Newest { meta, file }))
    }

    /// Begins to take a snapshot from a peer.
    pub(crate) fn receive(&self) -> Receiver {
        Receiver::new(&self.store)
    }

    /// The state in a snapshot. One that was received gets its name first.
    pub(crate) async fn install(&self, meta: &SnapshotMeta, data: SnapshotData) -> io::Result<State> {
        match data {
            SnapshotData::Stored(stored) => stored.load().await,
            SnapshotData::Received(received) => {
                let file = received.writer.finish().await.map_err(io::Error::other)?;
                self.note(meta, file);
                Ok(received.state)
            }
        }
    }

    fn known(&self) -> Option<Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of a snapshot, unless a newer one is known: one may be built while another is installed.
    fn note(&self, meta: &SnapshotMeta, file: SnapshotFile) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|known| known.file.name() <= file.name()) {
            *newest = Some(Newest {
                meta: meta.clone(),
                file,
            });
        }
    }

    fn snapshot(&self, Newest { meta, file }: Newest) -> Snapshot {
        Snapshot {
            meta,
            snapshot: SnapshotData::Stored(self.stored(file)),
        }
    }

    fn stored(&self, file: SnapshotFile) -> StoredSnapshot {
        StoredSnapshot {
            store: self.store.clone(),
            file,
        }
    }
}

//! The snapshots of this member, the newest of them always at hand.

use std::{io, sync::Arc};

use quorate_state::State;
use quorate_storage::{SnapshotFile, SnapshotName, SnapshotStore};
use tokio::sync::watch;

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
    kept: Arc<watch::Sender<Kept>>,
}

/// The snapshots that are kept, as far as they were asked for or made since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    newest: Option<Newest>,
    /// The one before it, which is of use as long as the log still holds what follows it.
    older: Option<SnapshotName>,
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
            kept: Arc::default(),
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
            // A disk in memory never waits: without this nothing else would be done in the meantime.
            tokio::task::yield_now().await;
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

    /// Where the snapshots that are kept are told, each time that one was made, even if it is not the newest.
    pub(crate) fn watch(&self) -> watch::Receiver<Kept> {
        self.kept.subscribe()
    }

    fn known(&self) -> Option<Newest> {
        self.kept.borrow().newest.clone()
    }

    /// Takes note of a snapshot, unless a newer one is known: one may be built while another is installed.
    fn note(&self, meta: &SnapshotMeta, file: SnapshotFile) {
        self.kept.send_modify(|kept| kept.add(meta, file));
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

// === impl Kept ===

impl Kept {
    /// The last entry that the newest snapshot covers, and the length of its file in bytes.
    pub(crate) fn newest(&self) -> Option<(u64, u64)> {
        let newest = self.newest.as_ref()?;
        Some((newest.file.name().index, newest.file.bytes()))
    }

    /// The last entry that the snapshot before the newest covers.
    pub(crate) fn older(&self) -> Option<u64> {
        self.older.map(|name| name.index)
    }

    fn add(&mut self, meta: &SnapshotMeta, file: SnapshotFile) {
        let before = self.newest.as_ref().map(|newest| newest.file.name());
        if before > Some(file.name()) {
            return;
        }
        if before != Some(file.name()) {
            self.older = before;
        }
        self.newest = Some(Newest {
            meta: meta.clone(),
            file,
        });
    }
}

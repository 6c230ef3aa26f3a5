//! All that one node stores.

use std::sync::Arc;

use crate::{
    Clock, Identity, Log, LogOpenError, LogParts, MemoryDisk, OnFatal, SnapshotStore, Writer, data_dir::Format,
    engine::Slot,
};

/// The open storage of one node: from [`DataDir::open`](crate::DataDir::open), or from a [`MemoryDisk`].
#[derive(Debug)]
pub struct Storage {
    /// The raft log.
    pub log: Log,
    /// The one who writes the log: to be run on a thread or in a task of its own.
    pub writer: Writer,
    /// The snapshots of the state machine.
    pub snapshots: SnapshotStore,
}

// === impl MemoryDisk ===

impl MemoryDisk {
    /// Opens the storage of `identity` on this disk, or creates it on an empty one.
    pub fn open(
        &self,
        identity: Identity,
        clock: &Arc<dyn Clock>,
        on_fatal: &OnFatal,
    ) -> Result<Storage, LogOpenError> {
        let new = self.durable_slot(Slot::Format).is_none();
        let parts = LogParts {
            format: Format::new(identity),
            engine: Arc::new(self.store()),
            watermark: Box::new(self.watermark()),
            clock: Arc::clone(clock),
            on_fatal: Arc::clone(on_fatal),
        };
        let (log, writer) = if new { Log::create(parts)? } else { Log::open(parts)? };
        Ok(Storage {
            log,
            writer,
            snapshots: SnapshotStore::memory(self),
        })
    }
}

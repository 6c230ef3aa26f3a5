//! How the log is kept short: when a snapshot is written because of its bytes, and what is dropped then.
//!
//! Raft itself has a snapshot written after so many entries, and never has two written at once. What it knows
//! nothing of is how long entries are.

use quorate_model::LogIndex;
use tokio::sync::watch;

use super::Consensus;
use crate::{snapshot::Kept, view::Stopping};

impl Consensus {
    /// Keeps the log short, for as long as it is polled: has a snapshot written when the bytes since the last one call
    /// for it, and drops what neither the snapshots that are kept nor followers need.
    pub async fn keep_log_short(&self) {
        let mut snapshots = self.snapshots.watch();
        let mut applied = self.views.applied();
        loop {
            let kept = snapshots.borrow_and_update().clone();
            self.purge(&kept).await;
            tokio::select! {
                () = changed(&mut snapshots) => {}
                () = self.too_long_since(&kept, &mut applied) => {
                    // If one is being written already, that will do. An error means that raft has died, and whoever
                    // watches over it ends the node.
                    let _ = self.raft.trigger().snapshot().await;
                    changed(&mut snapshots).await;
                }
            }
        }
    }

    /// Writes a snapshot of what is applied now, or waits for the one that is being written already.
    pub async fn snapshot_now(&self) -> Result<(), Stopping> {
        let mut snapshots = self.snapshots.watch();
        self.raft.trigger().snapshot().await.map_err(|_| Stopping)?;
        tokio::select! {
            () = changed(&mut snapshots) => Ok(()),
            _reason = self.stopped() => Err(Stopping),
        }
    }

    /// Waits until the log since the newest snapshot is longer than it is to be.
    async fn too_long_since(&self, kept: &Kept, applied: &mut watch::Receiver<LogIndex>) {
        let (covered, len) = kept.newest().map_or((0, 0), |(index, bytes)| (index + 1, bytes));
        let limit = self.retention.snapshot_every_bytes.max(len.saturating_mul(2));
        // A snapshot covers what is applied: that has to be more than the last one does.
        let is_too_long = |applied: &LogIndex| applied.get() >= covered && self.log.bytes_since(covered) > limit;
        if applied.wait_for(is_too_long).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Has the log purged before what is kept: all that follows the older snapshot, and some of what it covers.
    async fn purge(&self, kept: &Kept) {
        let Some(older) = kept.older() else { return };
        let end = older + 1;
        let by_entries = end.saturating_sub(self.retention.keep_entries);
        let by_bytes = self.log.last_bytes(end, self.retention.snapshot_every_bytes);
        let keep_from = by_entries.max(by_bytes);
        if keep_from > self.log.range().start {
            let _ = self.raft.trigger().purge_log(keep_from - 1).await;
        }
    }
}

/// Waits until a snapshot is written.
async fn changed(snapshots: &mut watch::Receiver<Kept>) {
    if snapshots.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

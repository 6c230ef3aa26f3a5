//! Watchdogs: what can go wrong without anybody calling.

use std::{sync::Arc, time::Duration};

use quorate_model::Clock;
use quorate_registry::{Policy, Registry, Tasks};
use quorate_storage::{DataDir, Watchdog};
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::{disk::OpenDisk, health::Health};

/// Between two looks at the writer of the log.
const WRITER_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks at the disk: at a gigabyte per second some of the reserve is left when it is noticed.
const DISK_INTERVAL: Duration = Duration::from_millis(250);

/// Looks after the free space of a disk.
struct DiskWatch {
    directory: Arc<DataDir>,
    min_free_bytes: u64,
    registry: Registry,
    health: Health,
    /// Whether there was too little the last time.
    low: bool,
}

/// Starts what watches over `disk`.
pub(super) fn start(
    disk: &OpenDisk,
    registry: &Registry,
    health: &Health,
    clock: Arc<dyn Clock>,
    min_free_bytes: u64,
    tasks: &Tasks,
) {
    let watchdog = Watchdog::new(disk.log.clone(), clock);
    tasks.spawn("log-watchdog", Policy::Expendable, watch_writer(watchdog));
    if let Some(directory) = disk.directory.clone().filter(|_| min_free_bytes > 0) {
        let (registry, health) = (registry.clone(), health.clone());
        let watch = DiskWatch {
            directory,
            min_free_bytes,
            registry,
            health,
            low: false,
        };
        tasks.spawn("disk-watch", Policy::Essential, watch.run());
    }
}

/// Looks whether the writer still writes. If not, the log fails, and with it the node.
async fn watch_writer(mut watchdog: Watchdog) {
    let mut tick = interval(WRITER_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while watchdog.check().is_ok() {
        tick.tick().await;
    }
}

// === impl DiskWatch ===

impl DiskWatch {
    async fn run(mut self) {
        let mut tick = interval(DISK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let directory = Arc::clone(&self.directory);
            // A file system may be slow to answer, and nobody else should wait for it.
            match spawn_blocking(move || directory.free_bytes()).await {
                Ok(Ok(free_bytes)) => self.note(free_bytes),
                Ok(Err(error)) => tracing::warn!(%error, "the free space of the disk is not known"),
                Err(error) => tracing::warn!(%error, "the free space of the disk was not looked at"),
            }
        }
    }

    fn note(&mut self, free_bytes: u64) {
        let min_free_bytes = self.min_free_bytes;
        let low = is_low(free_bytes, min_free_bytes, self.low);
        match (self.low, low) {
            (false, true) => {
                tracing::error!(
                    free_bytes,
                    min_free_bytes,
                    "too little free disk: no writes are taken here until there is more"
                );
                self.registry
                    .refuse_writes("there is too little free space on its disk");
            }
            (true, false) => {
                tracing::info!(free_bytes, "enough free disk again");
                self.registry.accept_writes();
            }
            (true, true) | (false, false) => return,
        }
        self.low = low;
        self.health.set_disk_low(low);
    }
}

/// Whether that is too little. Some more than the least is wanted once it was too little, so that a node does not
/// go back and forth.
fn is_low(free_bytes: u64, min_free_bytes: u64, was_low: bool) -> bool {
    let wanted = if was_low {
        min_free_bytes.saturating_add(min_free_bytes / 8)
    } else {
        min_free_bytes
    };
    free_bytes < wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_below_the_floor_and_until_there_is_clearly_more() {
        assert!(!is_low(800, 800, false));
        assert!(is_low(799, 800, false));
        assert!(is_low(899, 800, true));
        assert!(!is_low(900, 800, true));
        assert!(
            !is_low(u64::MAX, u64::MAX, true),
            "a floor that cannot be added to does not overflow"
        );
    }
}

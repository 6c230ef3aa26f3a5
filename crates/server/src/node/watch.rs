//! Watchdogs: what can go wrong without anybody calling.

mod disk;

use std::{sync::Arc, time::Duration};

use quorate_model::Clock;
use quorate_registry::{Policy, Registry, Tasks};
use quorate_storage::Watchdog;
use tokio::time::{MissedTickBehavior, interval};

use super::disk::OpenDisk;
use crate::config::DiskNeeds;

use disk::DiskWatch;

pub(super) use disk::{make_room, shortage};

/// Between two looks at the writer of the log.
const WRITER_INTERVAL: Duration = Duration::from_secs(1);

/// Starts what watches over `disk`.
pub(super) fn start(disk: &OpenDisk, registry: &Registry, clock: Arc<dyn Clock>, needs: DiskNeeds, tasks: &Tasks) {
    let watchdog = Watchdog::new(disk.log.clone(), clock);
    tasks.spawn("log-watchdog", Policy::Expendable, watch_writer(watchdog));
    if let Some(watch) = DiskWatch::new(&disk.keeping, needs, registry.clone()) {
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

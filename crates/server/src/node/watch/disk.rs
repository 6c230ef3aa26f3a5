//! Looks after the free space of a disk: says when there is too little, and keeps a ballast for then.

use std::{io, sync::Arc, time::Duration};

use quorate_registry::{DiskSpace, Registry};
use quorate_storage::{Ballast, DataDir, MemoryDisk};
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{config::DiskNeeds, node::disk::Keeping};

/// Between two looks at the disk: at a gigabyte per second some of the floor is left when it is noticed.
const INTERVAL: Duration = Duration::from_millis(250);

/// With less free than this the ballast is given up: the log grows by 8 MiB at a time, and a snapshot needs room
/// beside it.
const CRITICAL_FREE_BYTES: u64 = 32 << 20;

/// Looks after the free space of a disk.
pub(super) struct DiskWatch {
    disk: Arc<WatchedDisk>,
    needs: DiskNeeds,
    registry: Registry,
    /// Whether there was too little the last time.
    low: bool,
    /// Whether the ballast could not be taken, which is told once.
    told: bool,
}

/// What is looked at.
enum WatchedDisk {
    /// A real one, on a thread that may block.
    Directory { directory: Arc<DataDir>, ballast: Ballast },
    /// One in memory, which needs no ballast to be left again.
    Memory(MemoryDisk),
}

/// What was seen of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    free: u64,
    /// How much of the ballast is held.
    held: u64,
}

/// What is to be done about the ballast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    Release,
    Take,
}

// === impl DiskWatch ===

impl DiskWatch {
    /// Nothing, if the disk has no limit that anybody knows of.
    pub(super) fn new(keeping: &Keeping, needs: DiskNeeds, registry: Registry) -> Option<Self> {
        Some(Self {
            disk: Arc::new(WatchedDisk::new(keeping, needs)?),
            needs,
            registry,
            low: false,
            told: false,
        })
    }

    pub(super) async fn run(mut self) {
        let mut tick = interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.blocking(WatchedDisk::look).await {
                Ok(seen) => self.note(seen).await,
                Err(error) => tracing::warn!(%error, "the free space of the disk is not known"),
            }
        }
    }

    async fn note(&mut self, seen: Seen) {
        self.tell(seen);
        match self.needs.step(seen, self.low) {
            Step::Nothing => {}
            Step::Release => self.release(seen.free).await,
            Step::Take => self.take().await,
        }
    }

    /// Tells the cluster when there comes to be too little, and when there is enough again.
    fn tell(&mut self, seen: Seen) {
        let low = self.needs.is_low(seen, self.low);
        let DiskNeeds { floor_bytes, .. } = self.needs;
        let (free_bytes, changed) = (seen.free, low != self.low);
        self.low = low;
        self.registry.note_disk(DiskSpace {
            free_bytes,
            shortage: self.needs.shortage(low),
        });
        match (changed, low) {
            (true, true) => tracing::error!(
                free_bytes,
                floor_bytes,
                "too little free disk: until there is more, the cluster takes nothing that makes it grow"
            ),
            (true, false) => tracing::info!(free_bytes, "enough free disk again"),
            (false, _) => {}
        }
    }

    async fn release(&mut self, free_bytes: u64) {
        match self.blocking(WatchedDisk::release_ballast).await {
            Ok(()) => tracing::warn!(free_bytes, "the disk is as good as full: gave up the ballast"),
            Err(error) => tracing::error!(%error, "the disk is as good as full, and the ballast cannot be removed"),
        }
    }

    async fn take(&mut self) {
        match self.blocking(WatchedDisk::take_ballast).await {
            Ok(()) => {
                self.told = false;
                tracing::info!(bytes = self.needs.ballast_bytes, "took the ballast");
            }
            Err(error) if !self.told => {
                self.told = true;
                tracing::warn!(%error, "there is no ballast: a disk that gets full may be hard to leave");
            }
            Err(_) => {}
        }
    }

    /// A file system may be slow to answer, and nobody else should wait for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WatchedDisk) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        blocking(&self.disk, work).await
    }
}

// === impl WatchedDisk ===

impl WatchedDisk {
    /// Nothing, if the disk has no limit that anybody knows of.
    fn new(keeping: &Keeping, needs: DiskNeeds) -> Option<Self> {
        match keeping {
            Keeping::Directory(directory) => Some(Self::Directory {
                directory: Arc::clone(directory),
                ballast: directory.ballast(needs.ballast_bytes),
            }),
            Keeping::Memory(disk) => disk.free_bytes().map(|_| Self::Memory(disk.clone())),
        }
    }

    fn look(&self) -> io::Result<Seen> {
        match self {
            Self::Directory { directory, ballast } => Ok(Seen {
                free: directory.free_bytes()?,
                held: ballast.held()?,
            }),
            Self::Memory(disk) => Ok(Seen {
                free: disk.free_bytes().unwrap_or(u64::MAX),
                held: 0,
            }),
        }
    }

    fn release_ballast(&self) -> io::Result<()> {
        match self {
            Self::Directory { ballast, .. } => ballast.release(),
            Self::Memory(_) => Ok(()),
        }
    }

    fn take_ballast(&self) -> io::Result<()> {
        match self {
            Self::Directory { ballast, .. } => ballast.take(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// Has work with a disk done where it may wait.
async fn blocking<T: Send + 'static>(
    disk: &Arc<WatchedDisk>,
    work: impl FnOnce(&WatchedDisk) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match &**disk {
        WatchedDisk::Memory(_) => work(disk),
        WatchedDisk::Directory { .. } => {
            let disk = Arc::clone(disk);
            spawn_blocking(move || work(&disk)).await.map_err(io::Error::other)?
        }
    }
}

/// Why the disk of a node must not be filled further, as far as one look tells.
pub(in crate::node) async fn shortage(keeping: &Keeping, needs: DiskNeeds) -> Option<String> {
    let disk = Arc::new(WatchedDisk::new(keeping, needs)?);
    let seen = blocking(&disk, WatchedDisk::look).await.ok()?;
    needs.shortage(needs.is_low(seen, false))
}

/// Gives the ballast of a directory up if its disk is too full for the log to be opened.
pub(in crate::node) fn make_room(directory: &DataDir, needs: DiskNeeds) {
    let ballast = directory.ballast(needs.ballast_bytes);
    let made = directory.free_bytes().and_then(|free| {
        let seen = Seen {
            free,
            held: ballast.held()?,
        };
        if !seen.is_critical() {
            return Ok(());
        }
        tracing::warn!(
            free_bytes = free,
            "the disk is as good as full: giving up the ballast before the log is opened"
        );
        ballast.release()
    });
    if let Err(error) = made {
        tracing::warn!(%error, "the ballast could not be given up");
    }
}

// === impl DiskNeeds ===

impl DiskNeeds {
    /// What would be free if the whole ballast were held: the ballast is not there to be filled.
    fn room(self, seen: Seen) -> u64 {
        seen.free.saturating_sub(self.ballast_bytes.saturating_sub(seen.held))
    }

    /// Whether that is too little. Some more than the least is wanted once it was too little, so that a node does
    /// not go back and forth.
    fn is_low(self, seen: Seen, was_low: bool) -> bool {
        let wanted = if was_low {
            self.comfort_bytes()
        } else {
            self.floor_bytes
        };
        self.room(seen) < wanted
    }

    fn shortage(self, low: bool) -> Option<String> {
        let floor_bytes = self.floor_bytes;
        low.then(|| format!("less than {floor_bytes} bytes of disk are free beside the ballast"))
    }

    fn comfort_bytes(self) -> u64 {
        self.floor_bytes.saturating_add(self.floor_bytes / 8)
    }

    fn step(self, seen: Seen, low: bool) -> Step {
        if seen.is_critical() {
            return Step::Release;
        }
        // What is taken must not be given up at once.
        let enough = self.comfort_bytes().max(2 * CRITICAL_FREE_BYTES);
        if !low && seen.held < self.ballast_bytes && self.room(seen) >= enough {
            return Step::Take;
        }
        Step::Nothing
    }
}

// === impl Seen ===

impl Seen {
    fn is_critical(self) -> bool {
        self.held > 0 && self.free < CRITICAL_FREE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn seen(free_mib: u64, held_mib: u64) -> Seen {
        Seen {
            free: free_mib * MIB,
            held: held_mib * MIB,
        }
    }

    fn needs(floor_mib: u64, ballast_mib: u64) -> DiskNeeds {
        DiskNeeds {
            floor_bytes: floor_mib * MIB,
            ballast_bytes: ballast_mib * MIB,
        }
    }

    #[test]
    fn a_disk_is_low_below_the_floor_and_until_there_is_clearly_more() {
        let needs = needs(800, 0);
        assert!(!needs.is_low(seen(800, 0), false));
        assert!(needs.is_low(seen(799, 0), false));
        assert!(needs.is_low(seen(899, 0), true));
        assert!(!needs.is_low(seen(900, 0), true));
        let most = DiskNeeds {
            floor_bytes: u64::MAX,
            ballast_bytes: 0,
        };
        assert!(
            most.is_low(seen(1, 0), true),
            "a floor that cannot be added to does not overflow"
        );
    }

    #[test]
    fn giving_up_the_ballast_does_not_make_a_disk_less_full() {
        let needs = needs(256, 64);
        assert!(needs.is_low(seen(255, 64), false));
        assert!(needs.is_low(seen(255 + 64, 0), false));
        assert!(!needs.is_low(seen(256 + 64, 0), false));
    }

    #[test]
    fn the_ballast_is_given_up_when_the_disk_is_full_and_taken_when_there_is_room() {
        let needs = needs(256, 64);
        assert_eq!(needs.step(seen(32, 64), true), Step::Nothing);
        assert_eq!(needs.step(seen(31, 64), true), Step::Release);
        assert_eq!(needs.step(seen(31, 0), true), Step::Nothing, "it is gone already");
        assert_eq!(needs.step(seen(10_000, 0), true), Step::Nothing, "not while it is low");
        assert_eq!(needs.step(seen(10_000, 0), false), Step::Take);
        assert_eq!(needs.step(seen(10_000, 64), false), Step::Nothing);
    }

    #[test]
    fn a_ballast_that_is_taken_is_kept() {
        for floor in [0, 1, 40, 256] {
            let needs = needs(floor, 64);
            for free in 0..1_000 {
                if needs.step(seen(free, 0), false) == Step::Take {
                    assert_eq!(needs.step(seen(free - 64, 64), false), Step::Nothing, "{floor} {free}");
                    assert!(!needs.is_low(seen(free - 64, 64), true), "{floor} {free}");
                }
            }
        }
    }
}

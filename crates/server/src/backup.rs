//! Snapshot files away from any cluster: what is in one, and a data directory in which a new cluster begins with it.

use std::{io, path::Path, sync::Arc, thread};

use quorate_consensus::{Calling, MemberInfo, NewCluster, SavedError, SavedState, Summary};
use quorate_model::{Clock, ClusterId, DoorAddress, Epoch};
use quorate_storage::{DataDirDraft, DataDirError, OnFatal, Storage, WRITER_THREAD};
use rand::{Rng, RngExt as _};
use tokio::runtime::Builder;

use crate::{SystemClock, process::seeded};

/// Where the first member of a restored cluster will be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredDoors {
    /// Its door for clients.
    pub client: DoorAddress,
    /// Its door for other members.
    pub peer: DoorAddress,
}

/// Why a snapshot was not inspected or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] SavedError),
    /// There can be no directory.
    #[error(transparent)]
    Directory(#[from] DataDirError),
    /// The directory could not be filled.
    #[error("the snapshot was not restored, and nothing was left behind: {0}; check the disk and its free space")]
    Io(#[from] io::Error),
}

/// What is in the snapshot file at `path`. Checks all of it. Blocks.
pub fn inspect_snapshot(path: &Path) -> Result<Summary, BackupError> {
    Ok(SavedState::read(path)?.summary())
}

/// Makes a data directory at `target` in which a new cluster begins with what is in the snapshot file at `path`, and
/// says what there is in it. Blocks.
///
/// The cluster has one member, which is found at `doors`. It is another cluster than the one that was saved, and
/// another one each time: so that no node of the old one is ever taken for one of the new.
pub fn restore_snapshot(path: &Path, target: &Path, doors: RestoredDoors) -> Result<Summary, BackupError> {
    let mut draft = DataDirDraft::begin(target)?;
    let saved = SavedState::read(path)?;
    let new = new_cluster(&saved, doors, &mut seeded());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Whoever waits for the log is told as well, and that is all there is to stop.
    let on_fatal: OnFatal = Arc::new(|_| ());
    let storage = draft.create(new.identity(), &clock, &on_fatal)?;
    let summary = fill(storage, saved, &new)?;
    draft.publish()?;
    Ok(summary)
}

fn new_cluster(saved: &SavedState, doors: RestoredDoors, random: &mut impl Rng) -> NewCluster {
    let old = saved.summary().epoch;
    // As many bits as a number in JSON keeps.
    let epochs = std::iter::repeat_with(|| Epoch::new(random.random_range(1..1 << 53)));
    let epoch = epochs.into_iter().find(|epoch| *epoch != old);
    NewCluster {
        epoch: epoch.expect("one of endlessly many random numbers is another one"),
        cluster_id: ClusterId::new(random.random()),
        member: MemberInfo {
            peer_address: doors.peer,
            client_address: doors.client,
            calling: Calling::Voter,
        },
    }
}

fn fill(storage: Storage, saved: SavedState, new: &NewCluster) -> Result<Summary, BackupError> {
    let Storage { log, writer, snapshots } = storage;
    let runtime = Builder::new_current_thread().build()?;
    let writing = thread::Builder::new()
        .name(WRITER_THREAD.to_owned())
        .spawn(move || writer.run())?;
    let summary = runtime.block_on(saved.restore(new, &log, &snapshots));
    if summary.is_err() {
        // The writer waits for work otherwise.
        log.fail("the directory is given up");
    }
    let written = writing.join().map_err(|_| io::Error::other("the writer panicked"));
    let summary = summary?;
    written?;
    Ok(summary)
}

//! Where a node keeps its data, and the one who writes it.

use std::{sync::Arc, thread, time::Duration};

use quorate_model::{Clock, Identity, JoinNonce};
use quorate_registry::{Policy, Tasks};
use quorate_storage::{DataDir, DataDirError, Log, MemoryDisk, OnFatal, SnapshotStore, Storage, WRITER_THREAD, Writer};
use rand::{Rng, RngExt as _};
use tokio::{task::spawn_blocking, time::timeout};

use super::{NodeError, watch};
use crate::{DiskNeeds, Place};

/// How long the last writes may take.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// Where a node keeps its data: taken, so that no other process has it.
#[derive(Debug)]
pub enum Disk {
    /// A directory.
    Directory(DataDir),
    /// Memory, which forgets everything at exit.
    Memory(MemoryDisk),
}

/// Where the data of a node that runs are.
#[derive(Debug, Clone)]
pub(super) enum Keeping {
    /// In a directory.
    Directory(Arc<DataDir>),
    /// In memory.
    Memory(MemoryDisk),
}

/// A disk that was opened, and whose writer runs.
#[derive(Debug)]
pub(super) struct OpenDisk {
    pub(super) log: Log,
    pub(super) snapshots: SnapshotStore,
    pub(super) keeping: Keeping,
    /// The thread of the writer, unless it is a task.
    writer: Option<thread::JoinHandle<()>>,
}

// === impl Disk ===

impl Disk {
    /// Takes `place`.
    pub fn take(place: &Place) -> Result<Self, DataDirError> {
        match place {
            Place::Directory(path) => DataDir::lock(path).map(Self::Directory),
            Place::Memory => Ok(Self::Memory(MemoryDisk::new())),
        }
    }

    /// Whose data it holds, if it holds any.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self {
            Self::Directory(directory) => directory.identity(),
            Self::Memory(disk) => disk.identity(),
        }
    }

    /// The nonce with which this node asks to join: the same one until it has joined, also after a crash.
    pub(super) fn join_nonce(&self, random: &mut (dyn Rng + Send)) -> Result<JoinNonce, DataDirError> {
        let drawn = JoinNonce::new(random.random());
        match self {
            Self::Directory(directory) => match directory.join_nonce()? {
                Some(nonce) => Ok(nonce),
                None => directory.save_join_nonce(drawn).map(|()| drawn),
            },
            Self::Memory(disk) => Ok(disk.join_nonce(drawn)),
        }
    }

    /// Opens the log and the snapshots of `identity`, and starts the writer: on a thread of its own, or, if it
    /// never waits for a disk, as one of `tasks`.
    pub(super) async fn open(
        self,
        identity: Identity,
        clock: Arc<dyn Clock>,
        on_fatal: OnFatal,
        needs: DiskNeeds,
        tasks: &Tasks,
    ) -> Result<OpenDisk, NodeError> {
        match self {
            Self::Directory(mut directory) => {
                let opening = spawn_blocking(move || {
                    watch::make_room(&directory, needs);
                    let storage = directory.open(identity, &clock, &on_fatal)?;
                    Ok::<_, DataDirError>((storage, directory))
                });
                let opened = opening.await.expect("opening catches what panics, and is not aborted");
                let (Storage { log, writer, snapshots }, directory) = opened?;
                let writer = Some(start_thread(writer).map_err(NodeError::Thread)?);
                Ok(OpenDisk {
                    log,
                    snapshots,
                    keeping: Keeping::Directory(Arc::new(directory)),
                    writer,
                })
            }
            Self::Memory(disk) => {
                let Storage { log, writer, snapshots } = disk.open(identity, &clock, &on_fatal)?;
                tasks.spawn_finishing(WRITER_THREAD, Policy::Expendable, writer.run_in_task());
                Ok(OpenDisk {
                    log,
                    snapshots,
                    keeping: Keeping::Memory(disk),
                    writer: None,
                })
            }
        }
    }
}

// === impl OpenDisk ===

impl OpenDisk {
    /// Makes everything durable and ends the writer.
    pub(super) async fn close(self) {
        let Self { log, writer, .. } = self;
        let closing = async {
            log.close().await.map_err(|error| error.to_string())?;
            match writer {
                Some(thread) => match spawn_blocking(|| thread.join()).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) | Err(_) => Err("the writer panicked".to_owned()),
                },
                None => Ok(()),
            }
        };
        match timeout(CLOSE_MAX, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the log was not closed: the next start will check it"),
            Err(_) => tracing::error!("the log did not close in time: the next start will check it"),
        }
    }
}

fn start_thread(writer: Writer) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new()
        .name(WRITER_THREAD.to_owned())
        .spawn(move || writer.run())
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn a_node_asks_to_join_under_one_nonce_however_often_it_starts() {
        let place = tempfile::tempdir().unwrap();
        let place = Place::Directory(place.path().join("data"));
        let ask = |seed| {
            Disk::take(&place)
                .unwrap()
                .join_nonce(&mut StdRng::seed_from_u64(seed))
                .unwrap()
        };
        assert_eq!(ask(1), ask(2));
    }
}

//! openraft's own storage suite, on both engines.

use std::thread::JoinHandle;

use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};
use quorate_storage::{Log, MemoryDisk, Storage};
use tempfile::TempDir;

use crate::common::{
    open_dir, open_memory,
    raft::{Positions, TestLog, Types},
    spawn_writer,
};

struct OnMemory;

struct OnSled;

/// Ends the writer's thread, then the directory.
struct Running {
    log: Log,
    writer: Option<JoinHandle<()>>,
    _dir: Option<TempDir>,
}

fn run(storage: Storage, dir: Option<TempDir>) -> (Running, TestLog, Positions) {
    let Storage { log, writer, .. } = storage;
    let writer = Some(spawn_writer(writer));
    let running = Running {
        log: log.clone(),
        writer,
        _dir: dir,
    };
    (running, TestLog::new(log), Positions::default())
}

impl Drop for Running {
    fn drop(&mut self) {
        self.log.fail("the test is over");
        self.writer.take().unwrap().join().unwrap();
    }
}

impl StoreBuilder<Types, TestLog, Positions, Running> for OnMemory {
    async fn build(&self) -> Result<(Running, TestLog, Positions), StorageError<Types>> {
        Ok(run(open_memory(&MemoryDisk::new()), None))
    }
}

impl StoreBuilder<Types, TestLog, Positions, Running> for OnSled {
    async fn build(&self) -> Result<(Running, TestLog, Positions), StorageError<Types>> {
        let dir = tempfile::tempdir().unwrap();
        Ok(run(open_dir(dir.path()).unwrap(), Some(dir)))
    }
}

#[tokio::test]
async fn openraft_accepts_the_memory_engine() {
    Suite::test_all(OnMemory).await.unwrap();
}

#[tokio::test]
async fn openraft_accepts_the_sled_engine() {
    Suite::test_all(OnSled).await.unwrap();
}

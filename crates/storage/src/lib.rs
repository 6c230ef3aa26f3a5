//! The durable raft log, vote and snapshots of one node.
//!
//! How a node uses it:
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc, time::Duration};
//! # use quorate_storage::{Clock, DataDir, Identity, OnFatal, Storage, Watchdog, WRITER_THREAD};
//! # fn boot(clock: Arc<dyn Clock>, identity: Identity) -> Result<(), Box<dyn std::error::Error>> {
//! // 1. Take the directory. It says who this node is, unless it is new.
//! let mut dir = DataDir::lock(Path::new("/var/lib/quorate"))?;
//! let identity = dir.identity().unwrap_or(identity);
//!
//! // 2. Open it: reads and checks the whole log.
//! let on_fatal: OnFatal = Arc::new(|_| std::process::abort());
//! let Storage { log, writer, snapshots } = dir.open(identity, &clock, &on_fatal)?;
//!
//! // 3. Run the writer, on a thread that the server starts (in a simulation: `run_in_task`).
//! let thread = std::thread::Builder::new().name(WRITER_THREAD.to_owned());
//! let thread = thread.spawn(move || writer.run())?;
//!
//! // 4. Check the watchdog now and then, and give openraft its log: `RaftLog::<TypeConfig, Codec>::new(log)`.
//! let mut watchdog = Watchdog::new(log.clone(), clock);
//! watchdog.check()?;
//!
//! // 5. At the end `log.close().await`, then join the thread.
//! # drop((snapshots, thread)); Ok(())
//! # }
//! ```
//!
//! Below [`RaftLog`], openraft's storage traits, lies [`Log`]: framing, checksum chain, tail in memory, group commit
//! and watermark, the same for every engine. Below that lies [`LogStore`], a small byte-level engine: sled in
//! production, [`MemoryDisk`] in tests and in the deterministic simulation. Snapshots are files beside it,
//! [`SnapshotStore`]. The policy for errors is one: fail-stop. After the first error nothing succeeds any more, and the
//! injected `on_fatal` hook stops the process.

mod codec;
mod data_dir;
pub mod engine;
mod error;
mod files;
mod log;
mod mark;
mod raft_log;
mod record;
mod snapshot;
mod storage;
mod watchdog;
mod watermark;
mod writer;

pub use codec::{CodecError, EntryCodec};
pub use data_dir::{Ballast, DataDir, DataDirDraft, DataDirError, Format};
pub use engine::{
    LogStore, Slot,
    memory::{FailPoint, MemoryDisk},
};
pub use error::{Damage, FatalError, LogError, LogOpenError};
pub use log::{Completion, Log, LogParts, OnFatal, Progress};
pub use mark::Mark;
pub use quorate_model::{Clock, Identity};
pub use raft_log::RaftLog;
pub use record::RecordError;
pub use snapshot::{
    CHUNK_LEN_MAX, SNAPSHOT_FORMAT, SNAPSHOTS_KEPT, SavedSnapshot, SavedSnapshotError, SnapshotError, SnapshotFile,
    SnapshotFramer, SnapshotName, SnapshotReader, SnapshotStore, SnapshotWriter,
};
pub use storage::Storage;
pub use watchdog::{STALL_MAX, Watchdog};
pub use watermark::{FileWatermark, INTERVAL as WATERMARK_INTERVAL, WatermarkSlot};
pub use writer::{Step, WRITER_THREAD, Writer, is_storage_thread};

/// Longest entry that the log takes, in encoded bytes: the longest command, and room for its log id.
pub const ENTRY_LEN_MAX: usize = quorate_model::limits::LOG_ENTRY_LEN_MAX + 1024;

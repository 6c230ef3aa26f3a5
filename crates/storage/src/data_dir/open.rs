//! Opening the log and the snapshots of a directory that is locked.

use std::{
    fs, io,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use super::{DataDir, DataDirError, FORMAT, Format, JOIN, SLED, SNAPSHOTS, WATERMARK};
use crate::{
    Clock, FileWatermark, Log, LogOpenError, LogParts, OnFatal, SnapshotStore, Storage, Writer,
    engine::sled::{self, SledOpenError, SledStore},
    files,
    watermark::LogEnd,
};

/// Makes a new directory. FORMAT comes last: until it is there, all that was made is a leftover.
pub(super) fn create(
    dir: &DataDir,
    format: Format,
    clock: &Arc<dyn Clock>,
    on_fatal: &OnFatal,
) -> Result<Storage, DataDirError> {
    refuse_used(dir)?;
    remove_leftovers(&dir.path).map_err(|error| dir.unwritable(error))?;
    let unwritable = |error| dir.unwritable(error);
    fs::create_dir(dir.path.join(SLED)).map_err(unwritable)?;
    let engine = open_sled(dir, format)?;
    let parts = parts(dir, format, engine, clock, on_fatal);
    let (log, writer) = Log::create(parts).map_err(|error| log_error(dir, error))?;
    let snapshots = open_snapshots(dir)?;
    files::replace(&dir.path.join(FORMAT), &format.seal()).map_err(unwritable)?;
    // The identity is there: the nonce that asked for it has served.
    remove_if_present(&dir.path.join(JOIN)).map_err(unwritable)?;
    Ok(Storage { log, writer, snapshots })
}

/// Opens a directory that was once made to the end.
pub(super) fn open(
    dir: &DataDir,
    format: Format,
    clock: &Arc<dyn Clock>,
    on_fatal: &OnFatal,
) -> Result<Storage, DataDirError> {
    files::remove_unfinished(&dir.path).map_err(|error| dir.unwritable(error))?;
    if !dir.path.join(SLED).is_dir() {
        return Err(dir.damaged("the raft log is missing"));
    }
    let open = || open_log(dir, format, clock, on_fatal);
    let (log, writer) = match open() {
        Err(DataDirError::Damaged { problem, .. }) => {
            tracing::warn!(%problem, "the raft log does not open: trying again without sled's recovery snapshots");
            sled::move_snapshots_aside(&dir.path.join(SLED)).map_err(|error| dir.unwritable(error))?;
            open()?
        }
        other => other?,
    };
    let snapshots = open_snapshots(dir)?;
    Ok(Storage { log, writer, snapshots })
}

/// Opens sled and checks the whole log. sled may panic over damaged files, here or there.
fn open_log(
    dir: &DataDir,
    format: Format,
    clock: &Arc<dyn Clock>,
    on_fatal: &OnFatal,
) -> Result<(Log, Writer), DataDirError> {
    let open = || {
        let engine = open_sled(dir, format)?;
        let parts = parts(dir, format, engine, clock, on_fatal);
        Log::open(parts).map_err(|error| log_error(dir, error))
    };
    panic::catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err(dir.damaged("sled panicked over the raft log")))
}

fn parts(dir: &DataDir, format: Format, engine: SledStore, clock: &Arc<dyn Clock>, on_fatal: &OnFatal) -> LogParts {
    LogParts {
        format,
        engine: Arc::new(engine),
        watermark: Box::new(FileWatermark::new(dir.path.join(WATERMARK))),
        clock: Arc::clone(clock),
        on_fatal: Arc::clone(on_fatal),
    }
}

fn open_sled(dir: &DataDir, format: Format) -> Result<SledStore, DataDirError> {
    let path = dir.path.join(SLED);
    let unwritable = |error| dir.unwritable(error);
    for leftover in sled::generating_files(&path).map_err(unwritable)? {
        tracing::info!(file = %leftover.display(), "removing what an interrupted open left");
        fs::remove_file(leftover).map_err(unwritable)?;
    }
    SledStore::open(&path, format.segment_bytes, Arc::clone(&dir.lock)).map_err(|error| match error {
        SledOpenError::Io(error) => unwritable(error),
        SledOpenError::Damaged(problem) => dir.damaged(problem),
    })
}

fn open_snapshots(dir: &DataDir) -> Result<SnapshotStore, DataDirError> {
    SnapshotStore::directory(&dir.path.join(SNAPSHOTS)).map_err(|error| dir.unwritable(error))
}

fn log_error(dir: &DataDir, error: LogOpenError) -> DataDirError {
    match error {
        // How sled reports what it finds damaged while it reads.
        LogOpenError::Io(error) if error.kind() == io::ErrorKind::InvalidData => dir.damaged(error.to_string()),
        LogOpenError::Io(error) => dir.unreadable(error),
        LogOpenError::Damaged(damage) => dir.damaged(damage.to_string()),
    }
}

/// A log that was in use is not the leftover of a first open, even if FORMAT is gone.
fn refuse_used(dir: &DataDir) -> Result<(), DataDirError> {
    let watermark = files::read_if_present(&dir.path.join(WATERMARK)).map_err(|error| dir.unreadable(error))?;
    let used = watermark.is_some_and(|bytes| LogEnd::open(&bytes).map_or(true, |end| end.next > 0));
    if used {
        return Err(dir.damaged(format!("{FORMAT} is missing")));
    }
    Ok(())
}

fn remove_leftovers(path: &Path) -> io::Result<()> {
    files::remove_unfinished(path)?;
    for name in [SLED, SNAPSHOTS] {
        match fs::remove_dir_all(path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    remove_if_present(&path.join(WATERMARK))
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

//! The sled engine: the only place that names sled.
//!
//! sled 0.34's own `flush` never calls fsync, so a write is durable only after `flush` **and** an fdatasync of
//! `db` on a handle of our own. That suffices under the limits of [`LogStore`], with segments of 8 MiB, without
//! blobs, and with `conf` and the directories synced after every open.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use bytes::Bytes;

use super::{LogStore, Slot, UnitMeter, take_bytes};
use crate::files;

/// Segment size of a new database, fixed for its life and therefore written to FORMAT.
pub const SEGMENT_BYTES: usize = 8 << 20;

/// sled's page cache. The log's recent tail is held above the engine, so that little is read from here.
const CACHE_BYTES: u64 = 32 << 20;

/// How often, and how long apart, an open waits for sled's background threads to let go of a database that
/// this process has just closed. Another process cannot hold it: the data directory is locked first.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A raft log in a sled database.
pub struct SledStore {
    log: sled::Tree,
    meta: sled::Tree,
    db: sled::Db,
    /// Our own handle of sled's `db` file, for the fdatasync that sled leaves out.
    file: File,
    unit: Mutex<UnitMeter>,
    /// The directory stays ours for as long as the database is open; dropped last.
    _lock: Arc<File>,
}

/// Why sled did not open.
#[derive(Debug)]
pub(crate) enum SledOpenError {
    /// The files are damaged as far as sled can tell.
    Damaged(String),
    /// The operating system refused something.
    Io(io::Error),
}

// === impl SledStore ===

impl SledStore {
    /// Opens or creates the database in `dir` and makes sure that everything of it is on disk.
    pub(crate) fn open(dir: &Path, segment_bytes: usize, lock: Arc<File>) -> Result<Self, SledOpenError> {
        let config = sled::Config::new()
            .path(dir)
            .segment_size(segment_bytes)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let db = open_waiting(&config).map_err(sled_open_error)?;
        let log = db.open_tree("log").map_err(sled_open_error)?;
        let meta = db.open_tree("meta").map_err(sled_open_error)?;
        db.flush().map_err(sled_open_error)?;
        refuse_blobs(dir)?;
        let file = sync_all(dir).map_err(SledOpenError::Io)?;
        Ok(Self {
            log,
            meta,
            db,
            file,
            unit: Mutex::default(),
            _lock: lock,
        })
    }

    fn meter(&self) -> MutexGuard<'_, UnitMeter> {
        self.unit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // sled's own Debug walks every page.
        f.debug_struct("SledStore").finish_non_exhaustive()
    }
}

impl LogStore for SledStore {
    fn load(&self, slot: Slot) -> io::Result<Option<Bytes>> {
        let value = self.meta.get(slot_key(slot))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<(u64, Bytes)>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.log.range(range.start.to_be_bytes()..range.end.to_be_bytes());
        take_bytes(records.map(|record| decode_record(record?)), bytes_max)
    }

    fn append(&self, records: &[(u64, Bytes)]) -> io::Result<()> {
        self.meter().count(records.iter().map(|(_, value)| value.len()))?;
        // A batch costs sled two writes, a single insert one.
        if let [(index, value)] = records {
            self.log.insert(index.to_be_bytes(), value.as_ref())?;
            return Ok(());
        }
        let mut batch = sled::Batch::default();
        for (index, value) in records {
            batch.insert(&index.to_be_bytes(), value.as_ref());
        }
        Ok(self.log.apply_batch(batch)?)
    }

    fn remove(&self, range: Range<u64>) -> io::Result<()> {
        self.meter().count_removals(&range)?;
        let mut batch = sled::Batch::default();
        for index in range {
            batch.remove(&index.to_be_bytes());
        }
        Ok(self.log.apply_batch(batch)?)
    }

    fn save(&self, slot: Slot, value: &[u8]) -> io::Result<()> {
        self.meter().count(std::iter::once(value.len()))?;
        self.meta.insert(slot_key(slot), value)?;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.db.flush()?;
        self.file.sync_data()?;
        self.meter().reset();
        Ok(())
    }

    fn read_blocks(&self) -> bool {
        true
    }
}

/// Keys of the meta tree. They are part of the format.
fn slot_key(slot: Slot) -> &'static str {
    match slot {
        Slot::Format => "format",
        Slot::Vote => "vote",
        Slot::Committed => "committed",
        Slot::Purged => "last_purged",
    }
}

fn decode_record((key, value): (sled::IVec, sled::IVec)) -> io::Result<(u64, Bytes)> {
    let key: [u8; 8] = key.as_ref().try_into().map_err(|_| {
        let problem = format!("a key of the log has {} bytes instead of 8", key.len());
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })?;
    Ok((u64::from_be_bytes(key), Bytes::copy_from_slice(&value)))
}

/// Opens, and waits for this process's own earlier database to be gone.
fn open_waiting(config: &sled::Config) -> Result<sled::Db, sled::Error> {
    let mut tries = 0;
    loop {
        match config.open() {
            Err(error) if is_locked(&error) && tries < LOCK_TRIES => thread::sleep(LOCK_PAUSE),
            result => return result,
        }
        tries += 1;
    }
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn sled_open_error(error: sled::Error) -> SledOpenError {
    match error {
        // sled reports a short read of its own files as an ordinary IO error.
        sled::Error::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => SledOpenError::Io(error),
        sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => SledOpenError::Damaged(error.to_string()),
    }
}

/// sled writes blobs without any sync. Under our value limit there are none; one that is there is not ours.
fn refuse_blobs(dir: &Path) -> Result<(), SledOpenError> {
    let mut blobs = fs::read_dir(dir.join("blobs")).map_err(SledOpenError::Io)?;
    match blobs.next() {
        None => Ok(()),
        Some(_) => Err(SledOpenError::Damaged("sled/blobs is not empty".to_owned())),
    }
}

/// Syncs what sled never does: `conf`, `db`, and the directories. Gives the handle of `db`.
fn sync_all(dir: &Path) -> io::Result<File> {
    File::open(dir.join("conf"))?.sync_all()?;
    let file = File::options().read(true).write(true).open(dir.join("db"))?;
    file.sync_all()?;
    for snap in snapshot_files(dir)? {
        File::open(snap)?.sync_all()?;
    }
    files::sync_dir(&dir.join("blobs"))?;
    files::sync_dir(dir)?;
    if let Some(parent) = dir.parent() {
        files::sync_dir(parent)?;
    }
    Ok(file)
}

/// sled's recovery snapshots: only an index over the log, so that they can be moved away and are rebuilt.
pub(crate) fn snapshot_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    files_named(dir, |name| name.starts_with("snap.") && !name.ends_with(ASIDE))
}

/// Leftovers of an interrupted open, which sled would take for its newest snapshot.
pub(crate) fn generating_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    files_named(dir, |name| name.starts_with("snap.") && name.ends_with(".generating"))
}

/// Moves sled's snapshots aside, so that the next open recovers from the log alone.
pub(crate) fn move_snapshots_aside(dir: &Path) -> io::Result<()> {
    for snap in snapshot_files(dir)? {
        // Not a name that begins with `snap.`: sled would still read it.
        let name = snap.file_name().unwrap_or_default().to_string_lossy().into_owned();
        fs::rename(&snap, dir.join(format!("aside-{name}{ASIDE}")))?;
    }
    files::sync_dir(dir)
}

const ASIDE: &str = ".aside";

fn files_named(dir: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if wanted(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

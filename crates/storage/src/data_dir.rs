//! The directory of one node, and how it is opened.
//!
//! ```text
//! LOCK         held by the process that uses the directory
//! FORMAT       whose directory this is; written last, so that its presence says: the first open was finished
//! JOIN         the nonce of a node that has no identity yet
//! watermark    how far the log was once durable
//! sled/        the raft log
//! snapshots/   snapshots of the state machine
//! ballast      space for the day on which there is none
//! REMOVED      says that its member was removed from its cluster: nobody starts from it again
//! ```
//!
//! # Invariants
//! * Nothing in a directory is touched that is not known to be ours, of our version and of our identity.
//! * Nothing is ever repaired by forgetting: a log that may have lost an entry or a vote is refused.

mod ballast;
mod draft;
mod error;
mod format;
mod open;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use ballast::Ballast;
pub use draft::DataDirDraft;
pub use error::DataDirError;
pub use format::Format;
use quorate_model::{
    Identity, JoinNonce,
    envelope::{self, Kind},
};

use crate::{Clock, OnFatal, Storage, files};

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const JOIN: &str = "JOIN";
const WATERMARK: &str = "watermark";
const SLED: &str = "sled";
const SNAPSHOTS: &str = "snapshots";
const BALLAST: &str = "ballast";
const REMOVED: &str = "REMOVED";

/// What we put into a directory, and what a freshly made file system has in it.
const KNOWN: [&str; 9] = [
    LOCK,
    FORMAT,
    JOIN,
    WATERMARK,
    SLED,
    SNAPSHOTS,
    BALLAST,
    REMOVED,
    "lost+found",
];

/// A data directory that this process holds.
///
/// It stays locked until the last of this value and the log opened from it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: Arc<File>,
    format: Option<Format>,
}

// === impl DataDir ===

impl DataDir {
    /// Takes the directory at `path`, which is created if it is not there.
    ///
    /// A directory that is not ours, of a newer version, held by another process, or of a member that was removed
    /// is refused untouched.
    pub fn lock(path: &Path) -> Result<Self, DataDirError> {
        let path = path.to_path_buf();
        if !path.exists() {
            create_dir(&path).map_err(|error| DataDirError::unwritable(&path, error))?;
        }
        inspect(&path)?;
        let lock = take_lock(&path)?;
        // What another process did before we had the lock counts too.
        let format = inspect(&path)?;
        Ok(Self {
            path,
            lock: Arc::new(lock),
            format,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose directory this is, unless it was never opened to the end.
    pub fn identity(&self) -> Option<Identity> {
        self.format.map(|format| format.identity)
    }

    /// Remembers that the member whose directory this is was removed from its cluster: it is refused from now on.
    /// Durable on return.
    pub fn mark_removed(&self) -> Result<(), DataDirError> {
        files::replace(&self.path.join(REMOVED), b"").map_err(|error| self.unwritable(error))
    }

    /// The nonce saved by [`DataDir::save_join_nonce`].
    pub fn join_nonce(&self) -> Result<Option<JoinNonce>, DataDirError> {
        let bytes = files::read_if_present(&self.path.join(JOIN)).map_err(|error| self.unreadable(error))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let nonce = envelope::open(Kind::JoinNonce, &bytes).and_then(|envelope| envelope.decode());
        match nonce {
            Ok(nonce) => Ok(Some(JoinNonce::new(nonce))),
            Err(error) => Err(self.damaged(format!("{JOIN}: {error}"))),
        }
    }

    /// Remembers with which nonce this node asks for its identity, so that it is given one and not several.
    /// Durable on return; removed when the identity is there.
    pub fn save_join_nonce(&self, nonce: JoinNonce) -> Result<(), DataDirError> {
        files::replace(&self.path.join(JOIN), &seal_nonce(nonce)).map_err(|error| self.unwritable(error))
    }

    /// Bytes that this process can still write to the file system of the directory.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// The ballast of the directory: `len` bytes, of which nothing is taken yet.
    pub fn ballast(&self, len: u64) -> Ballast {
        Ballast::new(self.path.join(BALLAST), len)
    }

    /// Opens the log and the snapshots of `identity`, or creates them in a new directory. Blocks: it reads the
    /// whole log.
    pub fn open(
        &mut self,
        identity: Identity,
        clock: &Arc<dyn Clock>,
        on_fatal: &OnFatal,
    ) -> Result<Storage, DataDirError> {
        match self.format {
            Some(format) if format.identity != identity => Err(DataDirError::OtherIdentity {
                path: self.path.clone(),
                found: format.identity,
                expected: identity,
            }),
            Some(format) => open::open(self, format, clock, on_fatal),
            None => {
                let format = Format::new(identity);
                let storage = open::create(self, format, clock, on_fatal)?;
                self.format = Some(format);
                Ok(storage)
            }
        }
    }

    fn damaged(&self, problem: impl Into<String>) -> DataDirError {
        let member = self.identity().map(|identity| identity.member_id);
        DataDirError::damaged(&self.path, member, problem)
    }

    fn unreadable(&self, error: io::Error) -> DataDirError {
        DataDirError::unreadable(&self.path, error)
    }

    fn unwritable(&self, error: io::Error) -> DataDirError {
        DataDirError::unwritable(&self.path, error)
    }
}

fn seal_nonce(nonce: JoinNonce) -> Vec<u8> {
    envelope::seal(Kind::JoinNonce, 1, &nonce.get()).expect("a number fits")
}

fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    // The new name is in the parent; a relative path of one part has the empty path as its parent.
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => files::sync_dir(parent),
        Some(_) | None => files::sync_dir(Path::new(".")),
    }
}

/// Looks whether the directory is ours or empty, and reads its FORMAT, without touching anything.
fn inspect(path: &Path) -> Result<Option<Format>, DataDirError> {
    let unreadable = |error| DataDirError::unreadable(path, error);
    if !path.is_dir() {
        return Err(DataDirError::foreign(path, "it is not a directory"));
    }
    let names = fs::read_dir(path).and_then(names).map_err(unreadable)?;
    if names.iter().any(|name| name == FORMAT) {
        let bytes = fs::read(path.join(FORMAT)).map_err(unreadable)?;
        let format = Format::open(path, &bytes)?;
        if names.iter().any(|name| name == REMOVED) {
            return Err(DataDirError::Removed {
                path: path.to_path_buf(),
                identity: format.identity,
            });
        }
        return Ok(Some(format));
    }
    // Every file of ours comes after LOCK: a directory without it has never been ours.
    let ours = names.iter().any(|name| name == LOCK);
    let foreign = names
        .iter()
        .find(|name| !is_known(name) || (!ours && *name != "lost+found"));
    match foreign {
        Some(name) => Err(DataDirError::foreign(
            path,
            &format!("it holds {name:?} and no {FORMAT}"),
        )),
        None => Ok(None),
    }
}

fn names(dir: fs::ReadDir) -> io::Result<Vec<String>> {
    dir.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name.strip_suffix(files::UNFINISHED).unwrap_or(name))
}

fn take_lock(path: &Path) -> Result<File, DataDirError> {
    let unwritable = |error| DataDirError::unwritable(path, error);
    let lock_path = path.join(LOCK);
    let new = !lock_path.exists();
    let options = File::options().create(true).truncate(false).write(true).clone();
    let lock = options.open(&lock_path).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::Locked {
                path: path.to_path_buf(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    if new {
        // It is LOCK that makes an unfinished directory ours, also after a power cut.
        lock.sync_all()
            .and_then(|()| files::sync_dir(path))
            .map_err(unwritable)?;
    }
    Ok(lock)
}

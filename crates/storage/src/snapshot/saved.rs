//! A snapshot in a file of somebody's: read in order, each part checked before it is given out.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{
    SnapshotName,
    frame::{self, FrameReader, HeaderError},
};

/// The format version of snapshot files that this version writes, and the newest that it reads.
pub const SNAPSHOT_FORMAT: u16 = frame::VERSION;

/// A snapshot in a file, wherever that lies. Blocks: for tools that have nothing else to do.
#[derive(Debug)]
pub struct SavedSnapshot {
    path: PathBuf,
    name: SnapshotName,
    len: u64,
    reader: FrameReader,
}

/// Why a file is not a snapshot that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedSnapshotError {
    /// The operating system refused something.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is of another kind.
    #[error("{} is not a snapshot of quorate", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("{} has snapshot format {found}, this version knows {SNAPSHOT_FORMAT}: use the newer version", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format number.
        found: u16,
    },
    /// The file is damaged, or ends too early: nothing in it may be used.
    #[error("{} is damaged ({problem}): use another copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

// === impl SavedSnapshot ===

impl SavedSnapshot {
    /// Opens a file and checks how it begins.
    pub fn open(path: &Path) -> Result<Self, SavedSnapshotError> {
        let failed = |error| SavedSnapshotError::of(path, error);
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let opened = FrameReader::open_any(Box::new(file));
        let (reader, name) = opened.map_err(|error| match error {
            HeaderError::Io(error) => failed(error),
            HeaderError::Foreign => SavedSnapshotError::Foreign { path: path.into() },
            HeaderError::Version(found) => SavedSnapshotError::Version {
                path: path.into(),
                found,
            },
        })?;
        Ok(Self {
            path: path.into(),
            name,
            len,
            reader,
        })
    }

    /// Where the snapshot stands in its log.
    pub fn name(&self) -> SnapshotName {
        self.name
    }

    /// How many bytes the file has.
    pub fn file_len(&self) -> u64 {
        self.len
    }

    /// The next chunk, checked, or nothing at the end, which is checked too.
    ///
    /// What was read before an error must not be used.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, SavedSnapshotError> {
        self.reader
            .next_chunk()
            .map_err(|error| SavedSnapshotError::of(&self.path, error))
    }

    /// An error that says what is wrong with what the chunks hold.
    pub fn damaged(&self, problem: impl Into<String>) -> SavedSnapshotError {
        SavedSnapshotError::Damaged {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }
}

// === impl SavedSnapshotError ===

impl SavedSnapshotError {
    fn of(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        let kind = error.kind();
        // The latter is how the frames report what they find damaged.
        if !matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) {
            return Self::Io { path, source: error };
        }
        let problem = if kind == io::ErrorKind::UnexpectedEof {
            "it ends too early".to_owned()
        } else {
            error.to_string()
        };
        Self::Damaged { path, problem }
    }
}

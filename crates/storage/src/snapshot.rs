//! Snapshots of the state machine, as opaque chunks in files of their own.
//!
//! Storage knows neither what a chunk holds nor how many there are. It promises that a snapshot is there as a
//! whole or not at all, that the two newest are kept, and that a damaged one is never given out.

mod directory;
mod frame;
mod memory;
mod saved;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use self::{
    directory::DirectoryFiles,
    frame::{FrameReader, FrameWriter},
    memory::MemoryFiles,
};
use crate::engine::memory::MemoryDisk;

pub use self::{
    frame::SnapshotFramer,
    saved::{SNAPSHOT_FORMAT, SavedSnapshot, SavedSnapshotError},
};

/// Longest chunk, in bytes: that of the state machine's encoder, and whatever another one might put around it.
pub const CHUNK_LEN_MAX: usize = quorate_model::limits::SNAPSHOT_CHUNK_LEN_MAX + 1024;

/// How many snapshots are kept: the newest, and the one before it should the newest turn out damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

/// Where a snapshot stands in the log: the last entry that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotName {
    /// Index of the last entry that the snapshot covers.
    pub index: u64,
    /// Term of that entry.
    pub term: u64,
}

/// The snapshots of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SnapshotStore(Arc<dyn SnapshotFiles>);

/// A snapshot that is complete and was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    name: SnapshotName,
    chunks: u64,
    bytes: u64,
}

/// A snapshot that is being written. Dropped before [`SnapshotWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct SnapshotWriter {
    store: SnapshotStore,
    name: SnapshotName,
    /// Away only while a blocking thread works on it.
    writer: Option<FrameWriter>,
}

/// Reads a snapshot chunk by chunk.
#[derive(Debug)]
pub struct SnapshotReader {
    store: SnapshotStore,
    name: SnapshotName,
    /// Away only while a blocking thread works on it.
    reader: Option<FrameReader>,
}

/// Why a snapshot was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The snapshots could not be listed.
    #[error("the snapshots cannot be listed: {0}; check the disk")]
    List(#[source] io::Error),
    /// The operating system refused something.
    #[error("snapshot {name}: {source}; check the disk and its free space")]
    Io {
        /// Which snapshot.
        name: SnapshotName,
        /// What the operating system said.
        source: io::Error,
    },
    /// The snapshot is damaged: nothing read from it may be used.
    #[error("snapshot {name} is damaged: {problem}")]
    Damaged {
        /// Which snapshot.
        name: SnapshotName,
        /// What is wrong.
        problem: String,
    },
    /// A chunk is too long; the snapshot cannot be finished.
    #[error("a snapshot chunk of {len} bytes is over the limit of {CHUNK_LEN_MAX}: cut it smaller")]
    ChunkTooLong {
        /// Length of the chunk, in bytes.
        len: usize,
    },
}

/// Whole files by name. Blocks. All that a snapshot store asks of a disk.
trait SnapshotFiles: fmt::Debug + Send + Sync {
    /// The names of all finished snapshots, in no order.
    fn list(&self) -> io::Result<Vec<SnapshotName>>;

    /// Begins a file that has no name yet.
    fn create(&self, name: SnapshotName) -> io::Result<Box<dyn UnfinishedFile>>;

    /// Opens a finished file.
    fn open(&self, name: SnapshotName) -> io::Result<Box<dyn io::Read + Send>>;

    /// Removes a finished file.
    fn remove(&self, name: SnapshotName) -> io::Result<()>;

    /// Whether calls may wait for a disk.
    fn blocks(&self) -> bool;
}

/// A file that vanishes when it is dropped before it is published.
trait UnfinishedFile: io::Write + Send {
    /// Makes the content durable, then gives the file its name, durably.
    fn publish(self: Box<Self>) -> io::Result<()>;
}

// === impl SnapshotName ===

impl SnapshotName {
    /// `<index, 20 digits>-<term>.snap`: sorts as the log does.
    fn file_name(self) -> String {
        format!("{:020}-{}.snap", self.index, self.term)
    }

    fn parse(file_name: &str) -> Option<Self> {
        let (index, term) = file_name.strip_suffix(".snap")?.split_once('-')?;
        let name = Self {
            index: index.parse().ok()?,
            term: term.parse().ok()?,
        };
        (name.file_name() == file_name).then_some(name)
    }

    fn io(self, source: io::Error) -> SnapshotError {
        // How the frames report what they find damaged.
        if matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) {
            return SnapshotError::Damaged {
                name: self,
                problem: source.to_string(),
            };
        }
        SnapshotError::Io { name: self, source }
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at index {} of term {}", self.index, self.term)
    }
}

// === impl SnapshotFile ===

impl SnapshotFile {
    /// Where the snapshot stands in the log.
    pub fn name(&self) -> SnapshotName {
        self.name
    }

    /// How many chunks it has.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// How many bytes its chunks have together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

// === impl SnapshotStore ===

impl SnapshotStore {
    /// The snapshots in a directory, which is made if it is not there. Removes what was never finished.
    pub fn directory(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(DirectoryFiles::open(PathBuf::from(path))?)))
    }

    /// The snapshots on a disk in memory.
    pub fn memory(disk: &MemoryDisk) -> Self {
        Self(Arc::new(MemoryFiles::new(disk.clone())))
    }

    /// Begins a snapshot.
    pub async fn create(&self, name: SnapshotName) -> Result<SnapshotWriter, SnapshotError> {
        let create = move |files: &dyn SnapshotFiles| FrameWriter::create(files.create(name)?, name);
        let writer = self.blocking(create).await.map_err(|error| name.io(error))?;
        Ok(SnapshotWriter {
            store: self.clone(),
            name,
            writer: Some(writer),
        })
    }

    /// The newest snapshot that is whole. Reads it to the end once to know.
    ///
    /// A damaged one is passed over, with a log line; whether the older one can be used depends on whether the
    /// log still holds what follows it, which openraft checks.
    pub async fn latest(&self) -> Result<Option<SnapshotFile>, SnapshotError> {
        let latest = self.blocking(|files| Ok(newest_first(files)?.into_iter().find_map(|name| whole(files, name))));
        latest.await.map_err(SnapshotError::List)?.transpose()
    }

    /// Opens a snapshot for reading.
    pub async fn open(&self, name: SnapshotName) -> Result<SnapshotReader, SnapshotError> {
        let open = move |files: &dyn SnapshotFiles| FrameReader::open(files.open(name)?, name);
        let reader = self.blocking(open).await.map_err(|error| name.io(error))?;
        Ok(SnapshotReader {
            store: self.clone(),
            name,
            reader: Some(reader),
        })
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn SnapshotFiles) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if !self.0.blocks() {
            return work(self.0.as_ref());
        }
        let files = Arc::clone(&self.0);
        let work = tokio::task::spawn_blocking(move || work(files.as_ref()));
        work.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn newest_first(files: &dyn SnapshotFiles) -> io::Result<Vec<SnapshotName>> {
    let mut names = files.list()?;
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// The snapshot unless it is damaged.
fn whole(files: &dyn SnapshotFiles, name: SnapshotName) -> Option<Result<SnapshotFile, SnapshotError>> {
    match check(files, name) {
        Err(error @ SnapshotError::Damaged { .. }) => {
            tracing::error!(%error, "passing over a damaged snapshot");
            None
        }
        other => Some(other),
    }
}

/// Reads a whole snapshot and throws its chunks away.
fn check(files: &dyn SnapshotFiles, name: SnapshotName) -> Result<SnapshotFile, SnapshotError> {
    let read = || {
        let mut reader = FrameReader::open(files.open(name)?, name)?;
        while reader.next_chunk()?.is_some() {}
        Ok(SnapshotFile {
            name,
            chunks: reader.chunks(),
            bytes: reader.bytes(),
        })
    };
    read().map_err(|error| name.io(error))
}

// === impl SnapshotWriter ===

impl SnapshotWriter {
    /// Adds a chunk.
    pub async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), SnapshotError> {
        if chunk.len() > CHUNK_LEN_MAX {
            return Err(SnapshotError::ChunkTooLong { len: chunk.len() });
        }
        let mut writer = self.take()?;
        let write = move |_: &dyn SnapshotFiles| writer.write_chunk(&chunk).map(|()| writer);
        // After an error the writer is gone, and with it the file.
        let writer = self.store.blocking(write).await.map_err(|error| self.name.io(error))?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Makes the snapshot durable and gives it its name; then removes those that are not kept.
    pub async fn finish(mut self) -> Result<SnapshotFile, SnapshotError> {
        let (name, writer) = (self.name, self.take()?);
        let finish = move |files: &dyn SnapshotFiles| {
            let file = SnapshotFile {
                name,
                chunks: writer.chunks(),
                bytes: writer.bytes(),
            };
            writer.finish()?;
            for old in newest_first(files)?.into_iter().skip(SNAPSHOTS_KEPT) {
                files.remove(old)?;
            }
            Ok(file)
        };
        self.store.blocking(finish).await.map_err(|error| name.io(error))
    }

    fn take(&mut self) -> Result<FrameWriter, SnapshotError> {
        let gone = || self.name.io(io::Error::other("an earlier chunk could not be written"));
        self.writer.take().ok_or_else(gone)
    }
}

// === impl SnapshotReader ===

impl SnapshotReader {
    /// Where the snapshot stands in the log.
    pub fn name(&self) -> SnapshotName {
        self.name
    }

    /// The next chunk, checked, or nothing at the end, which is checked too.
    ///
    /// What was read before an error must not be used.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, SnapshotError> {
        let gone = || self.name.io(io::Error::other("an earlier chunk could not be read"));
        let mut reader = self.reader.take().ok_or_else(gone)?;
        let read = move |_: &dyn SnapshotFiles| Ok((reader.next_chunk()?, reader));
        let (chunk, reader) = self.store.blocking(read).await.map_err(|error| self.name.io(error))?;
        self.reader = Some(reader);
        Ok(chunk)
    }
}

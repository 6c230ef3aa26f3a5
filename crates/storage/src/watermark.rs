//! How far the log was once durable, kept apart from the log.
//!
//! sled can come back from damage as a shorter or an empty database without saying so. The watermark is what
//! such a log is held against when it is opened.
//!
//! # Invariants
//! * The watermark is never ahead of what is durable in the log: it is written after the sync.
//! * It is lowered, durably, before a truncation below it begins.
//! * It is at most [`INTERVAL`] and one write behind.

use std::{io, path::PathBuf, time::Duration};

use bytes::Bytes;
use quorate_model::envelope::{self, DecodeError, Kind};
use serde::{Deserialize, Serialize};

use crate::files;

/// How often the watermark follows the log. With the time of one write it stays under a second behind.
pub const INTERVAL: Duration = Duration::from_millis(500);

const SCHEMA: u8 = 1;

/// A place for the watermark that is not the engine's.
pub trait WatermarkSlot: Send + 'static {
    /// What was stored last, if anything ever was.
    fn load(&mut self) -> io::Result<Option<Bytes>>;

    /// Replaces it as a whole, durable on return.
    fn store(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The end of a log: where the next record goes, and what it is chained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogEnd {
    /// Index of the next record.
    pub(crate) next: u64,
    /// Checksum of the last record.
    pub(crate) checksum: u32,
}

/// A watermark in a file, replaced by rename.
#[derive(Debug)]
pub struct FileWatermark {
    path: PathBuf,
}

// === impl LogEnd ===

impl LogEnd {
    pub(crate) fn seal(&self) -> Vec<u8> {
        envelope::seal(Kind::Watermark, SCHEMA, self).expect("two numbers fit")
    }

    pub(crate) fn open(bytes: &[u8]) -> Result<Self, DecodeError> {
        let envelope = envelope::open(Kind::Watermark, bytes)?;
        if envelope.schema() != SCHEMA {
            return Err(envelope.unknown_schema());
        }
        envelope.decode()
    }
}

// === impl FileWatermark ===

impl FileWatermark {
    /// The watermark in the file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl WatermarkSlot for FileWatermark {
    fn load(&mut self) -> io::Result<Option<Bytes>> {
        Ok(files::read_if_present(&self.path)?.map(Bytes::from))
    }

    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        files::replace(&self.path, bytes)
    }
}

//! The FORMAT file: whose directory this is, and in which format.

use std::path::Path;

use quorate_model::{
    ClusterId, Identity, MemberId,
    envelope::{self, Kind},
};
use serde::{Deserialize, Serialize};

use super::DataDirError;
use crate::engine::sled::SEGMENT_BYTES;

/// The newest directory format that this version reads and writes.
pub(super) const VERSION: u8 = 1;

/// What a directory was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub(crate) identity: Identity,
    pub(crate) segment_bytes: usize,
}

/// Payload of FORMAT, schema 1. Frozen.
#[derive(Serialize, Deserialize)]
struct FormatV1 {
    segment_bytes: u64,
    cluster: u128,
    member: u64,
}

// === impl Format ===

impl Format {
    /// The format in which this version makes a directory for `identity`.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            segment_bytes: SEGMENT_BYTES,
        }
    }

    pub(crate) fn seal(&self) -> Vec<u8> {
        let format = FormatV1 {
            segment_bytes: self.segment_bytes as u64,
            cluster: self.identity.cluster_id.get(),
            member: self.identity.member_id.get(),
        };
        envelope::seal(Kind::Format, VERSION, &format).expect("three numbers fit")
    }

    pub(super) fn open(path: &Path, bytes: &[u8]) -> Result<Self, DataDirError> {
        let damaged = |problem: String| DataDirError::damaged(path, None, format!("FORMAT: {problem}"));
        if bytes.first().is_some_and(|byte| *byte != envelope::MAGIC) {
            return Err(DataDirError::foreign(path, "its FORMAT file is not ours"));
        }
        let envelope = envelope::open(Kind::Format, bytes).map_err(|error| damaged(error.to_string()))?;
        if envelope.schema() > VERSION {
            let (found, known) = (envelope.schema(), VERSION);
            return Err(DataDirError::NewerFormat {
                path: path.to_path_buf(),
                found,
                known,
            });
        }
        Self::parse(bytes).map_err(damaged)
    }

    /// Reads what [`Format::seal`] wrote in this version, or says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let envelope = envelope::open(Kind::Format, bytes).map_err(|error| error.to_string())?;
        let format: FormatV1 = envelope.decode().map_err(|error| error.to_string())?;
        let member_id = MemberId::try_from(format.member).map_err(|error| error.to_string())?;
        let segment_bytes = usize::try_from(format.segment_bytes).map_err(|error| error.to_string())?;
        let cluster_id = ClusterId::new(format.cluster);
        Ok(Self {
            identity: Identity { cluster_id, member_id },
            segment_bytes,
        })
    }
}

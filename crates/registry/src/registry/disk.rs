//! The disk of this member, as whoever watches it tells.

use super::Registry;

/// What was seen of the disk on which this member keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Why it must not be filled further, if that is so.
    pub shortage: Option<String>,
}

// === impl Registry ===

impl Registry {
    /// Takes note of the disk. While a voter is short of it, the cluster takes nothing that makes it grow.
    pub fn note_disk(&self, space: DiskSpace) {
        let DiskSpace { free_bytes, shortage } = space;
        self.shared.free_disk_bytes.send_replace(Some(free_bytes));
        self.shared.consensus.report_disk(shortage);
    }
}

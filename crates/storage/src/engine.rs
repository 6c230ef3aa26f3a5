//! The byte-level engine below the raft log: ordered records, a few named slots, and one sync.
//!
//! An engine knows nothing of raft, of envelopes or of checksums; all of that lives above it and is the same
//! for every engine. It blocks, is written by one thread, and may be read by any.

pub mod memory;
pub mod sled;
#[cfg(test)]
mod tests;

use std::{fmt, io, ops::Range, time::Duration};

use bytes::Bytes;

/// Most operations (records put or removed, slots saved) between two syncs.
///
/// sled overwrites an old segment as soon as its replacement was handed to the disk. A unit far smaller than a
/// segment, with a real sync after it, keeps that replacement durable before the segment can be reused.
pub const UNIT_OPERATIONS_MAX: usize = 1024;

/// Most raw bytes (keys and values) between two syncs. See [`UNIT_OPERATIONS_MAX`].
pub const UNIT_BYTES_MAX: usize = 512 << 10;

/// Longest value that an engine takes: an entry of [`ENTRY_LEN_MAX`](crate::ENTRY_LEN_MAX) and its frame.
///
/// sled moves values that average above a seventeenth of a quarter segment (123 KiB at 8 MiB segments) to
/// files that it never syncs.
pub const VALUE_LEN_MAX: usize = crate::ENTRY_LEN_MAX + 64;

/// A value that is kept once, beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// Whose log this is: the same bytes as in the data directory's FORMAT file.
    Format,
    /// The raft vote.
    Vote,
    /// The last log position known to be committed.
    Committed,
    /// The last log position that was purged.
    Purged,
}

/// An ordered store of records and slots.
///
/// # Contract
/// * Writes come from one thread. A write is visible to every later read, and durable after the next
///   successful [`LogStore::sync`]. Which of the writes since the last sync survive a crash is open.
/// * Between two syncs there are at most [`UNIT_OPERATIONS_MAX`] operations of [`UNIT_BYTES_MAX`] bytes in
///   all, and no value is longer than [`VALUE_LEN_MAX`]; more is refused with
///   [`io::ErrorKind::InvalidInput`] and nothing written.
/// * An error of any write or sync is final: the caller never tries again, and stops.
pub trait LogStore: fmt::Debug + Send + Sync + 'static {
    /// The value of `slot`, if it was ever saved.
    fn load(&self, slot: Slot) -> io::Result<Option<Bytes>>;

    /// Records with an index in `range`, in order, until their values reach `bytes_max`; never fewer than one
    /// if there is one.
    fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<(u64, Bytes)>>;

    /// Puts records under their indexes.
    fn append(&self, records: &[(u64, Bytes)]) -> io::Result<()>;

    /// Removes the records with an index in `range`, which counts as one operation for each index.
    fn remove(&self, range: Range<u64>) -> io::Result<()>;

    /// Saves `value` in `slot`.
    fn save(&self, slot: Slot, value: &[u8]) -> io::Result<()>;

    /// Makes every write so far durable.
    fn sync(&self) -> io::Result<()>;

    /// Whether a read may wait for a disk, so that an async caller should hand it to a blocking thread.
    fn read_blocks(&self) -> bool;

    /// How long a writer that is a task has to wait for the next sync, of an engine that does not block while it
    /// syncs: of one on a simulated disk. Nothing otherwise.
    fn sync_time(&self) -> Duration {
        Duration::ZERO
    }
}

/// What was written since the last sync, held against the limits of one unit.
#[derive(Debug, Default)]
struct UnitMeter {
    operations: usize,
    bytes: usize,
}

// === impl UnitMeter ===

impl UnitMeter {
    /// Counts values of the given lengths, or refuses them.
    fn count(&mut self, value_lens: impl Iterator<Item = usize>) -> io::Result<()> {
        let (mut operations, mut bytes) = (self.operations, self.bytes);
        for len in value_lens {
            if len > VALUE_LEN_MAX {
                return Err(refused(format!("a value of {len} bytes is over {VALUE_LEN_MAX}")));
            }
            operations += 1;
            bytes += len + size_of::<u64>();
        }
        if operations > UNIT_OPERATIONS_MAX || bytes > UNIT_BYTES_MAX {
            return Err(refused(format!(
                "{operations} operations of {bytes} bytes without a sync: at most {UNIT_OPERATIONS_MAX} of \
                 {UNIT_BYTES_MAX} are safe"
            )));
        }
        *self = Self { operations, bytes };
        Ok(())
    }

    fn count_removals(&mut self, range: &Range<u64>) -> io::Result<()> {
        let removals = range.end.saturating_sub(range.start);
        let removals = usize::try_from(removals)
            .unwrap_or(usize::MAX)
            .min(UNIT_OPERATIONS_MAX + 1);
        self.count(std::iter::repeat_n(0, removals))
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

fn refused(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

/// Takes records from an ascending iterator until their values reach `bytes_max`, and at least one.
fn take_bytes<E>(
    records: impl Iterator<Item = Result<(u64, Bytes), E>>,
    bytes_max: usize,
) -> Result<Vec<(u64, Bytes)>, E> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for record in records {
        let (index, value) = record?;
        bytes += value.len();
        if bytes > bytes_max && !taken.is_empty() {
            break;
        }
        taken.push((index, value));
    }
    Ok(taken)
}

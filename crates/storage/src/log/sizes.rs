//! How many bytes lie between two places of the log.
//!
//! Counted roughly: every so many bytes a place is noted, and what lies between two notes is taken for nothing.

use std::collections::VecDeque;

/// Bytes between two notes: as exact as anybody needs to know, and some thousand notes in the longest log.
const STEP_BYTES: u64 = 64 << 10;

/// The bytes of the records of a log, in the order of their indexes.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    /// Indexes, with the bytes of all records before each, since the log was opened.
    notes: VecDeque<Note>,
    /// The bytes of all records since the log was opened, also of those that were purged.
    total: u64,
}

#[derive(Debug, Clone, Copy)]
struct Note {
    index: u64,
    before: u64,
}

// === impl Sizes ===

impl Sizes {
    /// Notes that a record of `len` bytes follows at `index`.
    pub(crate) fn push(&mut self, index: u64, len: usize) {
        let due = |last: &Note| self.total - last.before >= STEP_BYTES;
        if self.notes.back().is_none_or(due) {
            self.notes.push_back(Note {
                index,
                before: self.total,
            });
        }
        self.total += len as u64;
    }

    /// Notes that the records from `next` on are gone.
    pub(crate) fn truncate(&mut self, next: u64) {
        while let Some(last) = self.notes.back().filter(|note| note.index >= next) {
            self.total = last.before;
            self.notes.pop_back();
        }
    }

    /// Notes that the records before `first` are gone.
    pub(crate) fn purge(&mut self, first: u64) {
        while self.notes.get(1).is_some_and(|second| second.index <= first) {
            self.notes.pop_front();
        }
    }

    /// The bytes from `index` to the end of the log, to within a step.
    pub(crate) fn since(&self, index: u64) -> u64 {
        let noted = self.notes.partition_point(|note| note.index < index);
        self.notes.get(noted).map_or(0, |note| self.total - note.before)
    }

    /// The first index from which no more than `bytes` lie before `end`, to within a step.
    pub(crate) fn last_bytes(&self, end: u64, bytes: u64) -> u64 {
        let before_end = self.total - self.since(end);
        let noted = self.notes.partition_point(|note| note.before + bytes < before_end);
        self.notes.get(noted).map_or(end, |note| note.index.min(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 64 << 10;

    /// Records from index 10 on, each as long as a step.
    fn sizes(records: u64) -> Sizes {
        let mut sizes = Sizes::default();
        (10..10 + records).for_each(|index| sizes.push(index, LEN));
        sizes
    }

    #[test]
    fn what_lies_behind_an_index_is_counted() {
        let sizes = sizes(8);
        assert_eq!(sizes.since(0), 8 * STEP_BYTES);
        assert_eq!(sizes.since(10), 8 * STEP_BYTES);
        assert_eq!(sizes.since(15), 3 * STEP_BYTES);
        assert_eq!(sizes.since(18), 0);
        assert_eq!(sizes.since(1_000), 0);
    }

    #[test]
    fn the_last_bytes_before_an_index_begin_somewhere() {
        let sizes = sizes(8);
        assert_eq!(sizes.last_bytes(18, 3 * STEP_BYTES), 15);
        assert_eq!(sizes.last_bytes(15, 2 * STEP_BYTES), 13);
        assert_eq!(sizes.last_bytes(15, 100 * STEP_BYTES), 10);
        assert_eq!(sizes.last_bytes(15, 0), 15);
        assert_eq!(Sizes::default().last_bytes(7, 1), 7);
    }

    #[test]
    fn small_records_are_counted_to_within_a_step() {
        let mut sizes = Sizes::default();
        let records = 100 * STEP_BYTES / 10;
        (0..records).for_each(|index| sizes.push(index, 10));
        for index in [0, 1, 7_000, records / 2, records - 1] {
            let exact = (records - index) * 10;
            let counted = sizes.since(index);
            assert!(
                counted <= exact && exact - counted <= STEP_BYTES + 10,
                "{counted} of {exact}"
            );
        }
        assert!(sizes.notes.len() <= 101);
    }

    #[test]
    fn what_is_cut_off_counts_no_more() {
        let mut sizes = sizes(8);
        sizes.truncate(14);
        assert_eq!(sizes.since(10), 4 * STEP_BYTES);
        sizes.push(14, LEN);
        sizes.purge(12);
        assert_eq!((sizes.since(0), sizes.since(13)), (3 * STEP_BYTES, 2 * STEP_BYTES));
        sizes.truncate(0);
        assert_eq!((sizes.since(0), sizes.notes.len()), (0, 0));
        sizes.purge(100);
        sizes.push(100, 7);
        assert_eq!(sizes.since(100), 7);
    }
}

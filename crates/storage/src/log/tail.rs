//! The end of the log in memory: what is not durable yet, and as much before it as fits.

use std::{collections::VecDeque, ops::Range};

use crate::record::Record;

/// How much of the log is kept in memory, in bytes of framed records.
pub(crate) const TAIL_BYTES_MAX: usize = 32 << 20;

/// A contiguous run of records that ends where the log ends.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    start: u64,
    records: VecDeque<Record>,
    bytes: usize,
}

// === impl Tail ===

impl Tail {
    /// An empty tail of a log whose next record has index `next`.
    pub(crate) fn starting_at(next: u64) -> Self {
        Self {
            start: next,
            ..Self::default()
        }
    }

    /// Index of the first record that is here, or of the next one of the log.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record.framed().len();
        self.records.push_back(record);
    }

    pub(crate) fn get(&self, index: u64) -> Option<&Record> {
        let offset = index.checked_sub(self.start)?;
        self.records.get(usize::try_from(offset).ok()?)
    }

    /// The records of `range` that are here.
    pub(crate) fn range(&self, range: Range<u64>) -> impl Iterator<Item = &Record> {
        let end = self.start + self.records.len() as u64;
        let from = range.start.clamp(self.start, end) - self.start;
        let to = range.end.clamp(self.start, end) - self.start;
        let offset = |index: u64| usize::try_from(index).expect("an offset into a VecDeque");
        self.records.range(offset(from)..offset(to.max(from)))
    }

    /// Drops the records at and after `next`.
    pub(crate) fn truncate(&mut self, next: u64) {
        while self.start + self.records.len() as u64 > next.max(self.start) {
            let record = self.records.pop_back().expect("the tail is longer than `next`");
            self.bytes -= record.framed().len();
        }
        self.start = self.start.min(next);
    }

    /// Drops the records before `first`.
    pub(crate) fn purge(&mut self, first: u64) {
        while self.start < first && self.drop_first() {}
        self.start = self.start.max(first);
    }

    /// Drops durable records, those before `durable`, until the tail is within its limit.
    pub(crate) fn evict(&mut self, durable: u64) {
        while self.bytes > TAIL_BYTES_MAX && self.start < durable && self.drop_first() {}
    }

    fn drop_first(&mut self) -> bool {
        let Some(record) = self.records.pop_front() else {
            return false;
        };
        self.bytes -= record.framed().len();
        self.start += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn tail(range: Range<u64>) -> Tail {
        let mut tail = Tail::starting_at(range.start);
        for index in range {
            let entry = Bytes::from(index.to_string());
            tail.push(Record::new(index, 0, entry).unwrap());
        }
        tail
    }

    fn entries(tail: &Tail, range: Range<u64>) -> Vec<String> {
        let entries = tail.range(range).map(Record::entry);
        entries
            .map(|entry| String::from_utf8(entry.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn gives_what_it_has_of_a_range() {
        let tail = tail(5..9);
        assert_eq!(entries(&tail, 0..100), ["5", "6", "7", "8"]);
        assert_eq!(entries(&tail, 6..8), ["6", "7"]);
        assert_eq!(entries(&tail, 0..5), [""; 0]);
        assert_eq!(entries(&tail, 9..12), [""; 0]);
    }

    #[test]
    fn cuts_at_both_ends() {
        let mut tail = tail(5..9);
        tail.truncate(8);
        tail.purge(6);
        assert_eq!(entries(&tail, 0..100), ["6", "7"]);
        tail.truncate(2);
        assert_eq!((tail.start(), tail.bytes), (2, 0));
    }

    #[test]
    fn keeps_what_is_not_durable_however_much_it_is() {
        let entry = Bytes::from(vec![0; 1 << 20]);
        let mut tail = Tail::starting_at(0);
        for index in 0..40 {
            tail.push(Record::new(index, 0, entry.clone()).unwrap());
        }
        tail.evict(3);
        assert_eq!(tail.start(), 3);
        tail.evict(40);
        assert!(tail.bytes <= TAIL_BYTES_MAX && tail.bytes > TAIL_BYTES_MAX - (2 << 20));
    }
}

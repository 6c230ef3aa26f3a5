//! Random operations and power cuts, against a model of what may and what must survive.

use std::{collections::BTreeMap, io};

use bytes::Bytes;
use proptest::prelude::*;
use quorate_storage::{MemoryDisk, Storage};

use crate::common::{Acks, drive, now, open_memory, read_all, settle};

#[derive(Debug, Clone)]
enum Op {
    Append {
        entries: u64,
        settle: bool,
    },
    /// Cuts this many entries off the end.
    Truncate(u64),
    /// Purges this many entries, and beyond the end if there are fewer.
    Purge(u64),
    Vote(u8),
    Committed,
    Reopen,
    /// Lets so many syncs pass, appends, then cuts the power with so many unsynced writes on the disk.
    PowerLoss {
        syncs: u64,
        entries: u64,
        kept: usize,
    },
    TruncateAndPowerLoss {
        syncs: u64,
        entries: u64,
        kept: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..1500_u64, any::<bool>()).prop_map(|(entries, settle)| Op::Append { entries, settle }),
        1 => (0..40_u64).prop_map(Op::Truncate),
        1 => (1..2000_u64).prop_map(Op::Purge),
        1 => any::<u8>().prop_map(Op::Vote),
        1 => Just(Op::Committed),
        1 => Just(Op::Reopen),
        2 => (0..3_u64, 0..1500_u64, 0..1500_usize)
            .prop_map(|(syncs, entries, kept)| Op::PowerLoss { syncs, entries, kept }),
        1 => (0..4_u64, 1..1500_u64, 0..3_usize)
            .prop_map(|(syncs, entries, kept)| Op::TruncateAndPowerLoss { syncs, entries, kept }),
    ]
}

/// What the log must hold, and how it may differ.
struct Model {
    disk: MemoryDisk,
    storage: Storage,
    /// Everything that was appended and not truncated or purged, in order of index.
    entries: BTreeMap<u64, Bytes>,
    next: u64,
    purged: Option<u64>,
    vote: Option<Bytes>,
    /// Entries below it were acknowledged.
    durable: u64,
    /// Makes every appended entry another.
    serial: u64,
}

impl Model {
    fn new() -> Self {
        let disk = MemoryDisk::new();
        let storage = open_memory(&disk);
        Self {
            disk,
            storage,
            entries: BTreeMap::new(),
            next: 0,
            purged: None,
            vote: None,
            durable: 0,
            serial: 0,
        }
    }

    fn settle(&mut self) {
        settle(&mut self.storage.writer);
        self.durable = self.next;
    }

    fn append(&mut self, len: u64) -> Acks {
        let first = self.next;
        let serial = self.serial;
        self.serial += len;
        let texts: Vec<_> = (serial..self.serial)
            .map(|serial| Bytes::from(format!("{serial}")))
            .collect();
        let acks = Acks::default();
        now(self.storage.log.append(first, texts.clone(), acks.callback(0))).unwrap();
        self.entries.extend((first..).zip(texts));
        self.next += len;
        acks
    }

    fn truncate(&mut self, entries: u64) {
        let first = self.purged.map_or(0, |purged| purged + 1);
        let next = self.next.saturating_sub(entries).max(first);
        let Some(after) = next.checked_sub(1) else {
            return;
        };
        drive(&mut self.storage.writer, self.storage.log.truncate_after(Some(after))).unwrap();
        self.entries.split_off(&next);
        self.next = next;
        self.durable = next;
    }

    fn purge(&mut self, entries: u64) {
        let upto = self.purged.map_or(0, |purged| purged + 1) + entries - 1;
        self.settle();
        now(self.storage.log.purge(upto, Bytes::from(format!("{upto}")))).unwrap();
        settle(&mut self.storage.writer);
        self.entries = self.entries.split_off(&(upto + 1));
        self.purged = Some(upto);
        self.next = self.next.max(upto + 1);
        self.durable = self.next;
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Append { entries, settle } => {
                self.append(entries);
                if settle {
                    self.settle();
                }
            }
            Op::Truncate(entries) => self.truncate(entries),
            Op::Purge(entries) => self.purge(entries),
            Op::Vote(vote) => {
                let vote = Bytes::from(vec![vote]);
                drive(&mut self.storage.writer, self.storage.log.save_vote(vote.clone())).unwrap();
                (self.vote, self.durable) = (Some(vote), self.next);
            }
            Op::Committed => {
                if let Some(last) = self.next.checked_sub(1) {
                    self.storage
                        .log
                        .save_committed(last, Bytes::from(format!("{last}")))
                        .unwrap();
                }
            }
            Op::Reopen => {
                self.settle();
                self.reopen();
            }
            Op::PowerLoss { syncs, entries, kept } => {
                self.disk.fail_syncs_after(syncs, io::ErrorKind::Other);
                let acks = self.append(entries);
                settle(&mut self.storage.writer);
                if acks.seen() == [(0, true)] {
                    self.durable = self.next;
                }
                self.cut_power(kept);
            }
            Op::TruncateAndPowerLoss { syncs, entries, kept } => {
                self.settle();
                self.disk.fail_syncs_after(syncs, io::ErrorKind::Other);
                let first = self.purged.map_or(0, |purged| purged + 1);
                let next = self.next.saturating_sub(entries).max(first);
                if let Some(after) = next.checked_sub(1) {
                    // Whether it got through or not: what is cut off may be gone, the rest must be there.
                    drop(drive(
                        &mut self.storage.writer,
                        self.storage.log.truncate_after(Some(after)),
                    ));
                    self.durable = self.durable.min(next);
                }
                self.cut_power(kept);
            }
        }
        self.check();
    }

    fn cut_power(&mut self, kept: usize) {
        self.disk.power_loss_keeping(kept);
        self.disk.heal();
        self.reopen();
        let next = self.storage.log.range().end;
        assert!(
            next >= self.durable,
            "acknowledged up to {}, found up to {next}",
            self.durable
        );
        assert!(next <= self.next, "more entries than there ever were");
        self.entries.split_off(&next);
        (self.next, self.durable) = (next, next);
    }

    fn reopen(&mut self) {
        self.storage = open_memory(&self.disk);
    }

    fn check(&self) {
        let log = &self.storage.log;
        let first = self.purged.map_or(0, |purged| purged + 1);
        let expected: Vec<_> = self.entries.values().cloned().collect();
        assert_eq!(log.range(), first.min(self.next)..self.next);
        assert_eq!(read_all(log), expected);
        assert_eq!(log.vote(), self.vote);
        assert_eq!(log.purged().map(|mark| mark.index), self.purged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_and_nothing_is_made_up(ops in prop::collection::vec(op(), 1..25)) {
        let mut model = Model::new();
        model.check();
        for op in &ops {
            model.run(op);
        }
    }
}

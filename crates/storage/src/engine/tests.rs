//! One suite for every engine.

use std::{fs::File, sync::Arc};

use tempfile::TempDir;

use super::{
    memory::MemoryDisk,
    sled::{SEGMENT_BYTES, SledStore},
    *,
};

/// Where an engine keeps its data between two opens.
trait Disk {
    fn open(&self) -> Box<dyn LogStore>;
}

impl Disk for MemoryDisk {
    fn open(&self) -> Box<dyn LogStore> {
        Box::new(self.store())
    }
}

impl Disk for TempDir {
    fn open(&self) -> Box<dyn LogStore> {
        let lock = File::create(self.path().join("LOCK")).unwrap();
        let dir = self.path().join("sled");
        Box::new(SledStore::open(&dir, SEGMENT_BYTES, Arc::new(lock)).unwrap())
    }
}

/// Each check begins with a new disk.
fn conform<D: Disk>(new_disk: impl Fn() -> D) {
    let checks: [fn(&dyn Disk); 7] = [
        records_come_back_in_order,
        a_read_is_limited_and_never_empty,
        slots_hold_what_was_saved_last,
        removals_remove_their_range_only,
        what_was_synced_is_there_after_a_reopen,
        one_unit_is_limited_in_operations,
        one_unit_is_limited_in_bytes,
    ];
    for check in checks {
        check(&new_disk());
    }
}

#[test]
fn the_memory_engine_conforms() {
    conform(MemoryDisk::new);
}

#[test]
fn the_sled_engine_conforms() {
    conform(|| tempfile::tempdir().unwrap());
}

fn record(index: u64) -> (u64, Bytes) {
    (index, Bytes::from(format!("value {index}")))
}

fn records(range: Range<u64>) -> Vec<(u64, Bytes)> {
    range.map(record).collect()
}

fn records_come_back_in_order(disk: &dyn Disk) {
    let engine = disk.open();
    engine.append(&records(250..260)).unwrap();
    engine.append(&records(260..261)).unwrap();
    assert_eq!(engine.read(0..u64::MAX, usize::MAX).unwrap(), records(250..261));
    assert_eq!(engine.read(255..258, usize::MAX).unwrap(), records(255..258));
    assert_eq!(engine.read(261..300, usize::MAX).unwrap(), []);
    assert_eq!(engine.read(258..258, usize::MAX).unwrap(), []);
}

fn a_read_is_limited_and_never_empty(disk: &dyn Disk) {
    let engine = disk.open();
    engine.append(&records(0..10)).unwrap();
    let len = record(0).1.len();
    assert_eq!(engine.read(0..10, 0).unwrap(), records(0..1));
    assert_eq!(engine.read(2..10, 3 * len).unwrap(), records(2..5));
    assert_eq!(engine.read(2..10, 4 * len - 1).unwrap(), records(2..5));
}

fn slots_hold_what_was_saved_last(disk: &dyn Disk) {
    let engine = disk.open();
    assert_eq!(engine.load(Slot::Vote).unwrap(), None);
    for slot in [Slot::Format, Slot::Vote, Slot::Committed, Slot::Purged] {
        engine.save(slot, b"first").unwrap();
        engine.save(slot, format!("{slot:?}").as_bytes()).unwrap();
    }
    for slot in [Slot::Format, Slot::Vote, Slot::Committed, Slot::Purged] {
        assert_eq!(engine.load(slot).unwrap().unwrap(), format!("{slot:?}"));
    }
}

fn removals_remove_their_range_only(disk: &dyn Disk) {
    let engine = disk.open();
    engine.append(&records(0..20)).unwrap();
    engine.remove(5..8).unwrap();
    engine.remove(18..30).unwrap();
    let left = [records(0..5), records(8..18)].concat();
    assert_eq!(engine.read(0..u64::MAX, usize::MAX).unwrap(), left);
}

fn what_was_synced_is_there_after_a_reopen(disk: &dyn Disk) {
    let engine = disk.open();
    engine.append(&records(0..100)).unwrap();
    engine.save(Slot::Vote, b"vote").unwrap();
    engine.remove(90..100).unwrap();
    engine.sync().unwrap();
    drop(engine);
    let engine = disk.open();
    assert_eq!(engine.read(0..u64::MAX, usize::MAX).unwrap(), records(0..90));
    assert_eq!(engine.load(Slot::Vote).unwrap().unwrap(), "vote");
}

fn one_unit_is_limited_in_operations(disk: &dyn Disk) {
    let engine = disk.open();
    let most = UNIT_OPERATIONS_MAX as u64;
    engine.append(&records(0..most - 1)).unwrap();
    engine.save(Slot::Vote, b"vote").unwrap();
    for refused in [
        engine.append(&records(most..most + 1)),
        engine.remove(0..1),
        engine.save(Slot::Vote, b""),
    ] {
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    engine.sync().unwrap();
    assert_eq!(engine.read(0..u64::MAX, usize::MAX).unwrap(), records(0..most - 1));
    engine.remove(0..most).unwrap();
    engine.sync().unwrap();
    assert!(engine.remove(0..most + 1).is_err());
}

fn one_unit_is_limited_in_bytes(disk: &dyn Disk) {
    let engine = disk.open();
    let longest = Bytes::from(vec![1; VALUE_LEN_MAX]);
    let longer = Bytes::from(vec![1; VALUE_LEN_MAX + 1]);
    assert!(engine.append(&[(0, longest.clone()), (1, longer)]).is_err());
    assert_eq!(
        engine.read(0..u64::MAX, usize::MAX).unwrap(),
        [],
        "nothing of a refused call is there"
    );
    for index in 0..7 {
        engine.append(&[(index, longest.clone())]).unwrap();
    }
    let left = UNIT_BYTES_MAX - 7 * (VALUE_LEN_MAX + 8);
    assert!(engine.append(&[(7, Bytes::from(vec![1; left - 7]))]).is_err());
    engine.append(&[(7, Bytes::from(vec![1; left - 8]))]).unwrap();
    engine.sync().unwrap();
    engine.append(&[(8, longest)]).unwrap();
}

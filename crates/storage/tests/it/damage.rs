//! Logs that are torn, shorter, gapped or flipped: refused, each with what is wrong.

use bytes::Bytes;
use quorate_storage::{Damage, LogError, LogOpenError, MemoryDisk, Slot, Storage};

use crate::common::{Acks, append, assert_damage, drive, now, open_memory, settle, try_open_memory};

fn closed_log(range: std::ops::Range<u64>) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    append(&log, &mut writer, range);
    drive(&mut writer, log.close()).unwrap();
    disk
}

#[test]
fn every_flipped_byte_of_a_record_is_refused() {
    let disk = closed_log(0..5);
    let (_, record) = disk.durable_records().swap_remove(2);
    for at in 0..record.len() {
        let mut flipped = record.to_vec();
        flipped[at] ^= 0x10;
        disk.damage_record(2, Some(&flipped.into()));
        let opened = try_open_memory(&disk);
        assert!(
            matches!(opened, Err(LogOpenError::Damaged(Damage::Record { index: 2, .. }))),
            "byte {at}"
        );
    }
}

#[test]
fn a_torn_record_is_refused() {
    let disk = closed_log(0..5);
    let (_, record) = disk.durable_records().swap_remove(4);
    disk.damage_record(4, Some(&record.slice(..record.len() - 1)));
    assert!(matches!(
        try_open_memory(&disk),
        Err(LogOpenError::Damaged(Damage::Record { index: 4, .. }))
    ));
}

#[test]
fn a_gap_is_refused() {
    let disk = closed_log(0..5);
    disk.damage_record(2, None);
    assert_damage(&disk, &Damage::Gap { expected: 2, found: 3 });
}

#[test]
fn a_log_without_its_beginning_is_refused() {
    let disk = closed_log(0..5);
    disk.damage_record(0, None);
    assert_damage(&disk, &Damage::Chain { index: 1 });
}

#[test]
fn a_log_that_lost_what_follows_the_purge_is_refused() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    append(&log, &mut writer, 0..5);
    now(log.purge(2, Bytes::new())).unwrap();
    drive(&mut writer, log.close()).unwrap();
    disk.damage_record(3, None);
    assert_damage(&disk, &Damage::Gap { expected: 3, found: 4 });
}

#[test]
fn a_shorter_log_is_refused() {
    let disk = closed_log(0..5);
    disk.damage_record(4, None);
    assert_damage(&disk, &Damage::Forgotten { watermark: 4 });
}

#[test]
fn a_whole_record_of_another_history_is_refused() {
    let disk = closed_log(0..5);
    let other = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&other);
    let texts = vec![Bytes::from_static(b"other"); 5];
    now(log.append(0, texts, Acks::default().callback(0))).unwrap();
    settle(&mut writer);
    let (_, stale) = other.durable_records().swap_remove(2);
    disk.damage_record(2, Some(&stale));
    assert_damage(&disk, &Damage::Chain { index: 2 });
}

#[test]
fn a_log_that_ends_with_another_history_is_refused() {
    let disk = closed_log(0..1);
    let other = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&other);
    now(log.append(0, vec![Bytes::from_static(b"other")], Acks::default().callback(0))).unwrap();
    settle(&mut writer);
    // Whole and well chained: only the watermark knows that it is not what once was durable.
    disk.damage_record(0, Some(&other.durable_records()[0].1));
    assert_damage(&disk, &Damage::Forgotten { watermark: 0 });
}

#[test]
fn a_log_of_nobody_or_of_another_is_refused() {
    let disk = closed_log(0..5);
    disk.damage_slot(Slot::Format, &Bytes::from_static(b"other"));
    assert_damage(&disk, &Damage::Identity);
}

#[test]
fn a_damaged_vote_or_position_is_refused() {
    for slot in [Slot::Vote, Slot::Committed, Slot::Purged] {
        let disk = closed_log(0..5);
        disk.damage_slot(slot, &Bytes::from_static(b"damage"));
        assert!(
            matches!(try_open_memory(&disk), Err(LogOpenError::Damaged(Damage::Slot { .. }))),
            "{slot:?}"
        );
    }
}

#[test]
fn damage_found_by_a_later_read_stops_the_log() {
    let disk = closed_log(0..5);
    let Storage {
        log, writer: _writer, ..
    } = open_memory(&disk);
    disk.damage_record(2, None);
    assert!(matches!(now(log.read_all(0..5)), Err(LogError::Fatal(_))));
    assert!(log.failure().is_some());
}

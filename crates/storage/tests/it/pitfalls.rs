//! What openraft is known to stumble over when its storage is careless.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use openraft::{
    RaftLogReader as _,
    alias::VoteOf,
    storage::{IOFlushed, RaftLogStorage as _},
    type_config::TypeConfigExt as _,
};
use quorate_storage::{ENTRY_LEN_MAX, MemoryDisk, Slot, Storage, Writer};

use crate::common::{
    drive, now, open_memory,
    raft::{TestLog, Text, Types, log_id, text_entry},
    settle,
};

fn open(disk: &MemoryDisk) -> (TestLog, Writer) {
    let Storage { log, writer, .. } = open_memory(disk);
    (TestLog::new(log), writer)
}

/// Appends entries of `term` without waiting for their sync.
fn submit(log: &mut TestLog, term: u64, range: std::ops::Range<u64>) {
    let entries: Vec<_> = range.map(|index| text_entry(term, index, "text")).collect();
    now(log.append(entries, IOFlushed::noop())).unwrap();
}

#[test]
fn committed_is_never_ahead_of_the_log_that_survived() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    submit(&mut log, 1, 0..6);
    settle(&mut writer);
    // A follower applies before its own sync, and says so.
    submit(&mut log, 1, 6..9);
    now(log.save_committed(Some(log_id(1, 8)))).unwrap();
    assert_eq!(now(log.read_committed()).unwrap(), Some(log_id(1, 8)));
    disk.power_loss();
    let (mut log, _writer) = open(&disk);
    let committed = now(log.read_committed()).unwrap();
    assert!(
        committed <= now(log.get_log_state()).unwrap().last_log_id,
        "{committed:?}"
    );
}

#[test]
fn a_committed_slot_ahead_of_the_log_is_cut_to_the_log() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    submit(&mut log, 1, 0..9);
    settle(&mut writer);
    now(log.save_committed(Some(log_id(1, 8)))).unwrap();
    drive(&mut writer, log.log().close()).unwrap();
    let ahead = disk.durable_slot(Slot::Committed).unwrap();

    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    submit(&mut log, 1, 0..6);
    settle(&mut writer);
    disk.damage_slot(Slot::Committed, &ahead);
    disk.power_loss();
    let (mut log, _writer) = open(&disk);
    assert_eq!(now(log.read_committed()).unwrap(), Some(log_id(1, 5)));
}

#[test]
fn committed_becomes_durable_only_after_the_entries_it_covers() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    submit(&mut log, 1, 0..3);
    now(log.save_committed(Some(log_id(1, 2)))).unwrap();
    settle(&mut writer);
    assert_eq!(
        disk.durable_slot(Slot::Committed),
        None,
        "it must not share the sync of its own entries"
    );
    submit(&mut log, 1, 3..4);
    settle(&mut writer);
    assert!(
        disk.durable_slot(Slot::Committed).is_some(),
        "it rides along with the next unit"
    );
}

#[test]
fn a_truncation_is_durable_before_the_snapshot_that_may_follow_it() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    submit(&mut log, 1, 0..11);
    settle(&mut writer);
    // The conflicting end goes away, then a snapshot up to (2, 8) becomes durable, then the power fails.
    drive(&mut writer, log.truncate_after(Some(log_id(1, 5)))).unwrap();
    disk.power_loss();
    let (mut log, _writer) = open(&disk);
    let state = now(log.get_log_state()).unwrap();
    // With (1, 10) still there, openraft would find its log inverted and refuse to start.
    assert_eq!(state.last_log_id, Some(log_id(1, 5)));
}

#[test]
fn the_vote_is_durable_when_saving_it_returns() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    let vote = VoteOf::<Types>::new_committed(3, 1);
    drive(&mut writer, log.save_vote(&vote)).unwrap();
    disk.power_loss();
    let (mut log, _writer) = open(&disk);
    assert_eq!(now(log.read_vote()).unwrap(), Some(vote));
}

#[test]
fn io_completions_come_in_order_and_each_is_true() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let mut waiting = Vec::new();
    for index in 0..2000 {
        let (sender, receiver) = Types::oneshot();
        now(log.append([text_entry(1, index, "text")], IOFlushed::signal(sender))).unwrap();
        waiting.push(Box::pin(receiver));
    }
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for step in 0..5 {
        writer.step();
        let durable = disk.durable_records().len() as u64;
        for (index, receiver) in (0_u64..).zip(&mut waiting) {
            if seen.lock().unwrap().contains_key(&index) {
                continue;
            }
            if let std::task::Poll::Ready(result) = receiver.as_mut().poll(&mut context) {
                result.unwrap().unwrap();
                assert!(index < durable, "entry {index} was acknowledged and is not durable");
                seen.lock().unwrap().insert(index, step);
            }
        }
    }
    let steps: Vec<_> = seen.lock().unwrap().values().copied().collect();
    assert_eq!(steps.len(), 2000);
    assert!(steps.is_sorted(), "a completion overtook an earlier one");
    assert!(
        steps.first() < steps.last(),
        "everything fell into one unit: nothing was tested"
    );
}

#[test]
fn a_purge_is_remembered_before_anything_is_deleted() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    submit(&mut log, 1, 0..2000);
    settle(&mut writer);
    now(log.purge(log_id(1, 1499))).unwrap();
    for kept in 0..3 {
        // Whichever of the purge's writes reach the disk, the log opens and starts where it should.
        disk.fail_syncs_after(kept, std::io::ErrorKind::Other);
        settle(&mut writer);
    }
    disk.power_loss_keeping(1);
    disk.heal();
    let (mut log, _writer) = open(&disk);
    let state = now(log.get_log_state()).unwrap();
    assert_eq!(state.last_purged_log_id, Some(log_id(1, 1499)));
    assert_eq!(now(log.try_get_log_entries(..)).unwrap().len(), 500);
}

#[test]
fn limited_reads_stay_near_a_mebibyte_and_are_never_empty() {
    let disk = MemoryDisk::new();
    let (mut log, mut writer) = open(&disk);
    let text = Text("x".repeat(60_000)).0;
    let entries: Vec<_> = (0..40).map(|index| text_entry(1, index, &text)).collect();
    now(log.append(entries, IOFlushed::noop())).unwrap();
    settle(&mut writer);
    let limited = now(log.limited_get_log_entries(3, 40)).unwrap();
    assert_eq!(limited.len(), (1 << 20) / (60_000 + 50));
    assert_eq!(limited[0].log_id, log_id(1, 3));
    assert_eq!(
        now(log.try_get_log_entries(3..40)).unwrap().len(),
        37,
        "an unlimited read gives everything"
    );
}

#[test]
fn an_entry_that_is_too_long_is_an_error_and_no_part_of_its_batch_is_there() {
    let (mut log, _writer) = open(&MemoryDisk::new());
    let entries = [text_entry(1, 0, "fits"), text_entry(1, 1, &"x".repeat(ENTRY_LEN_MAX))];
    assert!(now(log.append(entries, IOFlushed::noop())).is_err());
    assert_eq!(now(log.get_log_state()).unwrap().last_log_id, None);
}

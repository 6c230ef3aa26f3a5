//! The log above the engine: order, durability, limits, damage.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use quorate_storage::{
    Clock, Damage, ENTRY_LEN_MAX, LogError, MemoryDisk, STALL_MAX, Step, Storage, WATERMARK_INTERVAL, Watchdog,
};

use crate::common::{
    Acks, Fatals, ManualClock, append, assert_damage, drive, entries, entry, identity, now, open_memory, read_all,
    settle, try_open_memory,
};

#[test]
fn an_append_is_readable_before_and_acknowledged_after_its_sync() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    let acks = Acks::default();
    now(log.append(0, entries(0..3), acks.callback(1))).unwrap();
    assert_eq!(read_all(&log), entries(0..3));
    assert_eq!((acks.seen(), disk.durable_records().len()), (vec![], 0));
    settle(&mut writer);
    assert_eq!((acks.seen(), disk.durable_records().len()), (vec![(1, true)], 3));
}

#[test]
fn callbacks_come_in_order_however_appends_fall_into_units() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    let acks = Acks::default();
    let mut next = 0;
    for (number, len) in [1, 2500, 0, 3, 1022, 1023, 1, 1].into_iter().enumerate() {
        now(log.append(next, entries(next..next + len), acks.callback(number as u64))).unwrap();
        next += len;
    }
    settle(&mut writer);
    assert_eq!(acks.seen(), (0..8).map(|number| (number, true)).collect::<Vec<_>>());
    assert_eq!(disk.durable_records().len() as u64, next);
}

#[test]
fn a_callback_waits_for_the_last_part_of_its_append() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    let acks = Acks::default();
    now(log.append(0, entries(0..1500), acks.callback(1))).unwrap();
    assert_eq!(writer.step(), Step::Worked);
    assert!(!disk.durable_records().is_empty() && acks.seen().is_empty());
    assert_eq!(writer.step(), Step::Worked);
    assert_eq!((disk.durable_records().len(), acks.seen()), (1500, vec![(1, true)]));
}

#[test]
fn a_log_knows_how_many_bytes_it_holds_also_after_it_was_opened() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    let long = |_| Bytes::from(vec![7; 64 << 10]);
    let framed = 64 << 10;
    now(log.append(0, (0..100).map(long).collect(), Acks::default().callback(1))).unwrap();
    settle(&mut writer);
    drive(&mut writer, log.truncate_after(Some(79))).unwrap();
    now(log.purge(19, Bytes::new())).unwrap();
    settle(&mut writer);
    disk.power_loss();
    for log in [&log, &open_memory(&disk).log] {
        let bytes = log.bytes_since(0);
        assert!((60 * framed..62 * framed).contains(&bytes), "{bytes}");
        assert_eq!(log.last_bytes(80, bytes / 2), 50);
        assert_eq!(log.bytes_since(80), 0);
    }
}

#[test]
fn the_first_failed_sync_fails_everything_in_order_and_for_good() {
    let disk = MemoryDisk::new();
    let fatals = Fatals::default();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let Storage { log, mut writer, .. } = disk.open(identity(), &clock, &fatals.hook()).unwrap();
    append(&log, &mut writer, 0..2);
    disk.fail_syncs_after(0, io::ErrorKind::StorageFull);
    let acks = Acks::default();
    now(log.append(2, entries(2..2000), acks.callback(1))).unwrap();
    now(log.append(2000, entries(2000..2001), acks.callback(2))).unwrap();
    assert_eq!(writer.step(), Step::Stopped);
    assert_eq!(acks.seen(), [(1, false), (2, false)]);
    // The disk would work again: a failed log does not.
    disk.heal();
    assert_eq!(writer.step(), Step::Stopped);
    assert!(matches!(
        now(log.append(2, entries(2..3), acks.callback(3))),
        Err(LogError::Fatal(_))
    ));
    assert!(matches!(now(log.save_vote(Bytes::new())), Err(LogError::Fatal(_))));
    assert!(matches!(now(log.read(0..1, 1)), Err(LogError::Fatal(_))));
    drop(writer);
    assert_eq!(fatals.seen().len(), 1, "{:?}", fatals.seen());
    assert!(fatals.seen()[0].contains("injected failure"));
}

#[test]
fn nothing_acknowledged_is_lost_to_a_full_disk() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    append(&log, &mut writer, 0..10);
    disk.fail_syncs_after(0, io::ErrorKind::StorageFull);
    now(log.append(10, entries(10..20), Acks::default().callback(0))).unwrap();
    settle(&mut writer);
    disk.power_loss();
    assert!(
        matches!(try_open_memory(&disk).map(drop), Ok(())),
        "opening writes nothing that a full disk refuses"
    );
    disk.heal();
    assert_eq!(read_all(&open_memory(&disk).log), entries(0..10));
}

#[test]
fn a_writer_that_goes_away_fails_the_log() {
    let Storage { log, writer, .. } = open_memory(&MemoryDisk::new());
    let acks = Acks::default();
    now(log.append(0, entries(0..1), acks.callback(1))).unwrap();
    drop(writer);
    assert_eq!(acks.seen(), [(1, false)]);
    assert!(log.failure().is_some());
}

#[test]
fn the_longest_entry_is_taken_and_one_byte_more_is_not() {
    let Storage { log, mut writer, .. } = open_memory(&MemoryDisk::new());
    let acks = Acks::default();
    let longest = Bytes::from(vec![7; ENTRY_LEN_MAX]);
    // Many of them also cross the byte limit of a unit.
    now(log.append(0, vec![longest.clone(); 20], acks.callback(1))).unwrap();
    settle(&mut writer);
    assert_eq!(acks.seen(), [(1, true)]);
    let longer = Bytes::from(vec![7; ENTRY_LEN_MAX + 1]);
    let result = now(log.append(20, vec![longest, longer], acks.callback(2)));
    assert!(matches!(result, Err(LogError::EntryTooLong { len }) if len == ENTRY_LEN_MAX + 1));
    assert_eq!(log.range(), 0..20);
}

#[test]
fn an_append_that_would_leave_a_hole_is_refused() {
    let Storage { log, mut writer, .. } = open_memory(&MemoryDisk::new());
    append(&log, &mut writer, 0..3);
    for found in [2, 4] {
        let result = now(log.append(found, entries(0..1), Acks::default().callback(0)));
        assert!(
            matches!(result, Err(LogError::Position { expected: 3, .. })),
            "{result:?}"
        );
    }
    assert_eq!(log.range(), 0..3);
}

#[test]
fn an_append_waits_while_too_much_waits_already() {
    let Storage { log, mut writer, .. } = open_memory(&MemoryDisk::new());
    let batch = vec![Bytes::from(vec![1; ENTRY_LEN_MAX]); 100];
    let mut next = 0;
    loop {
        let mut append = std::pin::pin!(log.append(next, batch.clone(), Acks::default().callback(next)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match append.as_mut().poll(&mut context) {
            std::task::Poll::Ready(result) => result.unwrap(),
            std::task::Poll::Pending => {
                assert!((200..500).contains(&next), "{next} entries wait");
                drive(&mut writer, append).unwrap();
                break;
            }
        }
        next += 100;
        assert!(next < 10_000, "the queue has no limit");
    }
}

#[test]
fn what_the_tail_no_longer_holds_is_read_from_the_engine() {
    let Storage { log, mut writer, .. } = open_memory(&MemoryDisk::new());
    let big = |index: u64| Bytes::from(vec![u8::try_from(index % 251).unwrap(); 60_000]);
    for index in 0..900 {
        now(log.append(index, vec![big(index)], Acks::default().callback(0))).unwrap();
        settle(&mut writer);
    }
    for index in [0, 1, 450, 899] {
        assert_eq!(now(log.read(index..index + 1, 1)).unwrap(), [big(index)]);
    }
    let page = now(log.read(0..900, 200_000)).unwrap();
    assert_eq!(page, [big(0), big(1), big(2)]);
    assert_eq!(read_all(&log).len(), 900);
}

#[test]
fn a_read_is_never_empty_when_there_is_an_entry() {
    let Storage { log, mut writer, .. } = open_memory(&MemoryDisk::new());
    append(&log, &mut writer, 0..3);
    assert_eq!(now(log.read(1..3, 0)).unwrap(), entries(1..2));
    assert_eq!(now(log.read(3..9, 100)).unwrap(), entries(0..0));
}

#[test]
fn a_closed_log_has_everything_on_disk_and_takes_nothing_more() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    now(log.append(0, entries(0..5), Acks::default().callback(0))).unwrap();
    log.save_committed(4, Bytes::from_static(b"four")).unwrap();
    drive(&mut writer, log.close()).unwrap();
    assert!(matches!(
        now(log.append(5, entries(5..6), Acks::default().callback(0))),
        Err(LogError::Closed)
    ));
    disk.power_loss();
    let reopened = open_memory(&disk);
    assert_eq!(read_all(&reopened.log), entries(0..5));
    assert_eq!(reopened.log.committed().unwrap().log_id, "four");
}

#[test]
fn purged_records_leave_the_disk_in_the_background_and_across_restarts() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    append(&log, &mut writer, 0..5000);
    now(log.purge(3999, Bytes::from_static(b"3999"))).unwrap();
    assert_eq!(log.range(), 4000..5000);
    writer.step();
    let left = disk.durable_records().len();
    assert!(
        (1001..5000).contains(&left),
        "one chunk of the purge, not all of it: {left} left"
    );
    drop(writer);
    let Storage { log, mut writer, .. } = open_memory(&disk);
    assert_eq!(log.range(), 4000..5000);
    settle(&mut writer);
    assert_eq!(disk.durable_records().len(), 1000);
    assert_eq!(read_all(&log), entries(4000..5000));
}

#[test]
fn a_purge_beyond_the_end_lets_the_log_go_on_after_it() {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    append(&log, &mut writer, 0..10);
    now(log.purge(1_000_000_000, Bytes::from_static(b"far"))).unwrap();
    assert_eq!(log.last(), Some(1_000_000_000));
    append(&log, &mut writer, 1_000_000_001..1_000_000_005);
    assert_eq!(
        disk.durable_records().len(),
        4,
        "the gap itself costs nothing to remove"
    );
    disk.power_loss();
    assert_eq!(read_all(&open_memory(&disk).log), entries(1_000_000_001..1_000_000_005));
}

// --- the watermark ---

#[test]
fn the_watermark_follows_under_load_and_at_rest() {
    let disk = MemoryDisk::new();
    let clock = Arc::new(ManualClock::default());
    let injected: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let hook = Fatals::default().hook();
    let Storage { log, mut writer, .. } = disk.open(identity(), &injected, &hook).unwrap();
    append(&log, &mut writer, 0..3);
    // Not written yet: a log that comes back shorter goes unnoticed in this window, which guarantees.md states.
    assert_eq!(writer.step(), Step::Idle(Some(WATERMARK_INTERVAL)));
    clock.advance(WATERMARK_INTERVAL);
    assert_eq!(writer.step(), Step::Worked);
    assert_eq!(writer.step(), Step::Idle(None));
    clock.advance(WATERMARK_INTERVAL);
    // Under load it is written by the very step that finds it due.
    now(log.append(3, entries(3..4), Acks::default().callback(0))).unwrap();
    assert_eq!(writer.step(), Step::Worked);
    assert_eq!(writer.step(), Step::Idle(None));
    drop((log, writer));
    disk.damage_record(3, None);
    assert_damage(&disk, &Damage::Forgotten { watermark: 3 });
}

#[test]
fn a_truncation_interrupted_at_any_sync_leaves_a_log_that_opens() {
    for syncs in 0..8 {
        let disk = MemoryDisk::new();
        let Storage { log, mut writer, .. } = open_memory(&disk);
        append(&log, &mut writer, 0..3000);
        drive(&mut writer, log.close()).unwrap();
        let Storage { log, mut writer, .. } = open_memory(&disk);
        disk.fail_syncs_after(syncs, io::ErrorKind::Other);
        let truncated = drive(&mut writer, log.truncate_after(Some(99)));
        disk.power_loss();
        disk.heal();
        let Storage {
            log, writer: _writer, ..
        } = open_memory(&disk);
        assert_eq!(
            truncated.is_ok(),
            log.range() == (0..100),
            "{syncs} syncs: {:?}",
            log.range()
        );
        assert_eq!(read_all(&log), entries(log.range()));
    }
}

#[test]
fn a_purge_interrupted_at_any_sync_leaves_a_log_that_opens() {
    for syncs in 0..6 {
        let disk = MemoryDisk::new();
        let Storage { log, mut writer, .. } = open_memory(&disk);
        append(&log, &mut writer, 0..3000);
        disk.fail_syncs_after(syncs, io::ErrorKind::Other);
        now(log.purge(2499, Bytes::new())).unwrap();
        settle(&mut writer);
        disk.power_loss();
        disk.heal();
        let Storage { log, mut writer, .. } = open_memory(&disk);
        assert_eq!(log.range(), if syncs == 0 { 0..3000 } else { 2500..3000 });
        settle(&mut writer);
        assert_eq!(disk.durable_records().len(), read_all(&log).len());
    }
}

// --- the writer's driver ---

#[tokio::test]
async fn the_writer_runs_in_a_task_as_well() {
    let disk = MemoryDisk::new();
    let Storage { log, writer, .. } = open_memory(&disk);
    let acks = Acks::default();
    let work = async {
        for index in 0..3 {
            log.append(index, vec![entry(index)], acks.callback(index))
                .await
                .unwrap();
            log.flush().await.unwrap();
        }
        log.save_vote(Bytes::from_static(b"vote")).await.unwrap();
        log.close().await.unwrap();
    };
    futures::future::join(writer.run_in_task(), work).await;
    assert_eq!(acks.seen(), [(0, true), (1, true), (2, true)]);
    assert_eq!(disk.durable_records().len(), 3);
}

// --- the watchdog ---

#[test]
fn the_watchdog_fails_a_writer_that_has_work_and_does_none() {
    let disk = MemoryDisk::new();
    let clock = Arc::new(ManualClock::default());
    let injected: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let fatals = Fatals::default();
    let Storage { log, mut writer, .. } = disk.open(identity(), &injected, &fatals.hook()).unwrap();
    let mut watchdog = Watchdog::new(log.clone(), injected);
    // Idle for long is no stall.
    clock.advance(2 * STALL_MAX);
    watchdog.check().unwrap();
    append(&log, &mut writer, 0..1);
    now(log.append(1, vec![entry(1)], Acks::default().callback(0))).unwrap();
    watchdog.check().unwrap();
    clock.advance(STALL_MAX.mul_f64(0.999));
    watchdog.check().unwrap();
    clock.advance(Duration::from_secs(1));
    assert!(watchdog.check().is_err());
    assert_eq!(fatals.seen().len(), 1);
}

#[test]
fn storage_threads_are_known_by_name() {
    assert!(quorate_storage::is_storage_thread("sled-io-3"));
    assert!(quorate_storage::is_storage_thread(quorate_storage::WRITER_THREAD));
    assert!(!quorate_storage::is_storage_thread("tokio-runtime-worker"));
}

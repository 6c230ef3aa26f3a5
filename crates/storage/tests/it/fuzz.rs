//! Every decoder of this crate, held against hostile bytes, where such bytes come from: a log, a directory, a file.

use std::fs;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use quorate_fuzz::{Fuzz, reframed, resealed};
use quorate_model::JoinNonce;
use quorate_storage::{
    DataDir, MemoryDisk, SavedSnapshot, Slot, SnapshotFramer, SnapshotName, Storage, WatermarkSlot as _,
};
use tempfile::TempDir;

use crate::common::{Acks, drive, now, open_dir, open_memory, settle, try_open_memory};

/// A log of these entries, closed in order.
fn log_of(entries: Vec<Bytes>) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let Storage { log, mut writer, .. } = open_memory(&disk);
    now(log.append(0, entries, Acks::default().callback(0))).unwrap();
    settle(&mut writer);
    drive(&mut writer, log.close()).unwrap();
    disk
}

fn opens(disk: &MemoryDisk) -> bool {
    let Ok(Storage {
        log, writer: _writer, ..
    }) = try_open_memory(disk)
    else {
        return false;
    };
    now(log.read_all(log.range())).is_ok()
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

#[test]
fn a_record() {
    let first = Bytes::from_static(b"first");
    let disk = log_of(vec![first.clone()]);
    let valid = bytes().prop_map(move |entry| {
        let (_, record) = log_of(vec![first.clone(), entry]).durable_records().swap_remove(1);
        record.to_vec()
    });
    Fuzz::new("Record::check", valid).repaired(resealed).one_way(|bytes| {
        let disk = disk.copy();
        disk.damage_record(1, Some(&Bytes::copy_from_slice(bytes)));
        opens(&disk)
    });
}

#[test]
fn a_vote_and_the_marks() {
    let disk = log_of(vec![Bytes::from_static(b"entry"); 5]);
    let slots = |bytes: Bytes| {
        let disk = disk.copy();
        let Storage { log, mut writer, .. } = open_memory(&disk);
        drive(&mut writer, log.save_vote(bytes.clone())).unwrap();
        log.save_committed(4, bytes.clone()).unwrap();
        now(log.purge(2, bytes)).unwrap();
        settle(&mut writer);
        drive(&mut writer, log.close()).unwrap();
        disk
    };
    let purged = slots(Bytes::new());
    for (slot, name) in [
        (Slot::Vote, "open_vote"),
        (Slot::Committed, "Mark::open, committed"),
        (Slot::Purged, "Mark::open, purged"),
    ] {
        let valid = bytes().prop_map(|bytes| slots(bytes).durable_slot(slot).unwrap().to_vec());
        Fuzz::new(name, valid).repaired(resealed).one_way(|bytes| {
            let disk = purged.copy();
            disk.damage_slot(slot, &Bytes::copy_from_slice(bytes));
            opens(&disk)
        });
    }
}

#[test]
fn a_watermark() {
    let disk = log_of(vec![Bytes::from_static(b"entry"); 5]);
    let valid = disk.watermark().load().unwrap().unwrap().to_vec();
    Fuzz::new("LogEnd::open", Just(valid))
        .repaired(resealed)
        .one_way(|bytes| {
            let disk = disk.copy();
            disk.watermark().store(bytes).unwrap();
            opens(&disk)
        });
}

#[test]
fn the_format_of_a_directory() {
    let dir = TempDir::new().unwrap();
    drop(open_dir(dir.path()).unwrap());
    let path = dir.path().join("FORMAT");
    let valid = fs::read(&path).unwrap();
    Fuzz::new("Format::open", Just(valid))
        .repaired(resealed)
        .one_way(|bytes| {
            fs::write(&path, bytes).unwrap();
            DataDir::lock(dir.path()).is_ok()
        });
}

#[test]
fn the_nonce_of_a_directory() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("JOIN");
    let locked = DataDir::lock(dir.path()).unwrap();
    let valid = any::<u128>().prop_map(|nonce| {
        locked.save_join_nonce(JoinNonce::new(nonce)).unwrap();
        fs::read(&path).unwrap()
    });
    let decode = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        locked.join_nonce().ok().flatten()
    };
    let encode = |nonce| {
        locked.save_join_nonce(nonce).unwrap();
        fs::read(&path).unwrap()
    };
    Fuzz::new("DataDir::join_nonce", valid)
        .repaired(resealed)
        .round_trips(decode, encode);
}

#[test]
fn a_snapshot_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot");
    let valid = (any::<(u64, u64)>(), vec(vec(any::<u8>(), 1..100), 0..4)).prop_map(|((index, term), chunks)| {
        let (mut framer, begin) = SnapshotFramer::begin(SnapshotName { index, term });
        let mut file = begin.to_vec();
        for chunk in chunks {
            file.extend(framer.before_chunk(&chunk));
            file.extend(chunk);
        }
        file.extend(framer.end());
        file
    });
    Fuzz::new("SavedSnapshot::next_chunk", valid)
        .repaired(reframed)
        .one_way(|bytes| {
            fs::write(&path, bytes).unwrap();
            let Ok(mut file) = SavedSnapshot::open(&path) else {
                return false;
            };
            loop {
                match file.next_chunk() {
                    Ok(Some(_)) => {}
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
        });
}

//! The data directory: every leftover, every error, and that an error touches nothing.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use quorate_model::{
    ClusterId, Identity, JoinNonce, MemberId,
    envelope::{self, Kind},
};
use quorate_storage::{DataDir, DataDirError, SnapshotName, Storage};
use tempfile::TempDir;

use crate::common::{append, drive, entries, identity, open_dir, open_dir_as, read_all};

/// A directory with a closed log of five entries.
fn used_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let Storage { log, mut writer, .. } = open_dir(dir.path()).unwrap();
    append(&log, &mut writer, 0..5);
    drive(&mut writer, log.close()).unwrap();
    dir
}

/// Every file below `dir` with its content.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Opens a directory that must be refused untouched, and gives the error.
fn refused(dir: &Path) -> DataDirError {
    let before = contents(dir);
    let error = open_dir(dir).unwrap_err();
    assert_eq!(contents(dir), before, "{error}");
    error
}

#[test]
fn a_directory_keeps_its_identity_and_its_log() {
    let dir = used_dir();
    assert_eq!(DataDir::lock(dir.path()).unwrap().identity(), Some(identity()));
    let storage = open_dir(dir.path()).unwrap();
    assert_eq!(read_all(&storage.log), entries(0..5));
}

#[test]
fn a_missing_directory_is_made_with_its_parents() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    assert_eq!(DataDir::lock(&path).unwrap().identity(), None);
    open_dir(&path).unwrap();
}

#[test]
fn a_directory_in_use_is_refused_by_name() {
    let dir = used_dir();
    let storage = open_dir(dir.path()).unwrap();
    // The DataDir itself is gone: the open log holds the lock.
    let error = open_dir(dir.path()).unwrap_err();
    assert!(matches!(error, DataDirError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&dir.path().display().to_string()));
    drop(storage);
    open_dir(dir.path()).unwrap();
}

#[test]
fn a_foreign_directory_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("family.jpg"), "picture").unwrap();
    let error = refused(dir.path());
    assert!(matches!(error, DataDirError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("family.jpg"));

    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sled")).unwrap();
    let error = refused(dir.path());
    assert!(
        matches!(error, DataDirError::Foreign { .. }),
        "a sled directory without our LOCK: {error}"
    );

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("FORMAT"), "somebody's text").unwrap();
    assert!(matches!(refused(dir.path()), DataDirError::Foreign { .. }));
    assert!(matches!(
        open_dir(&dir.path().join("FORMAT")),
        Err(DataDirError::Foreign { .. })
    ));
}

#[test]
fn a_fresh_file_system_is_an_empty_directory() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    open_dir(dir.path()).unwrap();
    assert!(dir.path().join("lost+found").exists());
}

#[test]
fn another_cluster_or_member_is_refused_untouched() {
    let dir = used_dir();
    let before = contents(dir.path());
    let other_cluster = Identity {
        cluster_id: ClusterId::new(2),
        ..identity()
    };
    let other_member = Identity {
        member_id: MemberId::try_from(8).unwrap(),
        ..identity()
    };
    for other in [other_cluster, other_member] {
        let error = open_dir_as(dir.path(), other).unwrap_err();
        assert!(matches!(error, DataDirError::OtherIdentity { .. }), "{error}");
        assert!(error.to_string().contains(&identity().to_string()) && error.to_string().contains(&other.to_string()));
    }
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let dir = used_dir();
    let newer = envelope::seal(Kind::Format, 2, &"who knows").unwrap();
    fs::write(dir.path().join("FORMAT"), newer).unwrap();
    let error = refused(dir.path());
    assert!(
        matches!(error, DataDirError::NewerFormat { found: 2, known: 1, .. }),
        "{error}"
    );
}

#[test]
fn the_directory_of_a_member_that_was_removed_is_refused_untouched() {
    let dir = used_dir();
    DataDir::lock(dir.path()).unwrap().mark_removed().unwrap();
    let error = refused(dir.path()).to_string();
    let member = identity().member_id;
    assert!(
        error.contains(&format!("member {member} was removed")) && error.contains("wipe"),
        "{error}"
    );
}

#[test]
fn the_format_file_is_golden() {
    let dir = used_dir();
    let golden = [
        0x5E, 6, 1, 0, 7, 0, 0, 0, 0x2A, 0xED, 0x54, 0xBA, 252, 0, 0, 0x80, 0, 0xC1, 7,
    ];
    assert_eq!(fs::read(dir.path().join("FORMAT")).unwrap(), golden);
}

#[test]
fn a_damaged_format_is_refused() {
    let dir = used_dir();
    let mut bytes = fs::read(dir.path().join("FORMAT")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(dir.path().join("FORMAT"), bytes).unwrap();
    assert!(matches!(refused(dir.path()), DataDirError::Damaged { .. }));
}

#[test]
fn a_lost_format_does_not_make_a_used_directory_new() {
    let dir = used_dir();
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    assert!(matches!(refused(dir.path()), DataDirError::Damaged { .. }));
}

#[test]
fn an_unfinished_first_open_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::lock(dir.path()).unwrap());
    fs::create_dir_all(dir.path().join("sled/blobs")).unwrap();
    fs::write(dir.path().join("sled/db"), "half of it").unwrap();
    fs::create_dir(dir.path().join("snapshots")).unwrap();
    fs::write(dir.path().join("FORMAT.tmp"), "half").unwrap();
    fs::write(dir.path().join("watermark.tmp"), "half").unwrap();
    let Storage { log, mut writer, .. } = open_dir(dir.path()).unwrap();
    append(&log, &mut writer, 0..3);
    assert!(!dir.path().join("FORMAT.tmp").exists());
}

#[test]
fn what_an_interrupted_open_left_is_removed() {
    let dir = used_dir();
    let generating = dir.path().join("sled/snap.00000000000000FF.generating");
    fs::write(&generating, "half of a snapshot").unwrap();
    fs::write(dir.path().join("snapshots/half.tmp"), "half").unwrap();
    fs::write(dir.path().join("watermark.tmp"), "half").unwrap();
    let storage = open_dir(dir.path()).unwrap();
    assert_eq!(read_all(&storage.log), entries(0..5));
    for leftover in [
        generating,
        dir.path().join("snapshots/half.tmp"),
        dir.path().join("watermark.tmp"),
    ] {
        assert!(!leftover.exists(), "{}", leftover.display());
    }
}

#[test]
fn damaged_recovery_snapshots_of_sled_are_moved_aside() {
    let dir = used_dir();
    // A second open leaves a recovery snapshot behind.
    drop(open_dir(dir.path()).unwrap());
    let snaps: Vec<_> = fs::read_dir(dir.path().join("sled"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap."))
        .collect();
    assert!(!snaps.is_empty());
    for snap in &snaps {
        let mut bytes = fs::read(snap).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xFF;
        fs::write(snap, bytes).unwrap();
    }
    let storage = open_dir(dir.path()).unwrap();
    assert_eq!(read_all(&storage.log), entries(0..5));
}

#[test]
fn an_emptied_or_missing_database_is_refused() {
    let damage: [fn(&Path); 4] = [
        |dir| fs::write(dir.join("sled/db"), "").unwrap(),
        |dir| fs::remove_file(dir.join("sled/db")).unwrap(),
        |dir| fs::remove_dir_all(dir.join("sled")).unwrap(),
        |dir| fs::remove_file(dir.join("watermark")).unwrap(),
    ];
    for (number, damage) in damage.into_iter().enumerate() {
        let dir = used_dir();
        damage(dir.path());
        let error = open_dir(dir.path()).unwrap_err();
        assert!(
            matches!(error, DataDirError::Damaged { .. }),
            "damage {number}: {error}"
        );
        let said = error.to_string();
        assert!(
            said.contains("quorate member remove 7") && said.contains("join again as a new member"),
            "{said}"
        );
    }
}

#[test]
fn a_blob_is_refused() {
    let dir = used_dir();
    fs::write(dir.path().join("sled/blobs/123"), "blob").unwrap();
    assert!(matches!(open_dir(dir.path()), Err(DataDirError::Damaged { .. })));
}

#[test]
fn flipped_bytes_in_the_database_are_refused_or_harmless_and_never_served() {
    // Enough records that most of the file is log.
    let dir = tempfile::tempdir().unwrap();
    let Storage { log, mut writer, .. } = open_dir(dir.path()).unwrap();
    append(&log, &mut writer, 0..500);
    drive(&mut writer, log.close()).unwrap();
    drop((log, writer));
    let db = dir.path().join("sled/db");
    let whole = fs::read(&db).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let mut refused = 0;
    for step in 0..12 {
        let mut bytes = whole.clone();
        bytes[used * step / 12 + 7] ^= 0x20;
        fs::write(&db, bytes).unwrap();
        for snap in fs::read_dir(dir.path().join("sled")).unwrap() {
            let snap = snap.unwrap().path();
            if snap.file_name().unwrap().to_string_lossy().contains("snap.") {
                fs::remove_file(snap).unwrap();
            }
        }
        match open_dir(dir.path()) {
            Ok(storage) => assert_eq!(read_all(&storage.log), entries(0..500), "step {step}"),
            Err(DataDirError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("step {step}: {other}"),
        }
    }
    assert!(refused > 0, "no flip hit anything");
}

#[test]
fn a_directory_that_cannot_be_made_or_written_says_so() {
    assert!(matches!(
        open_dir(Path::new("/proc/no/such")),
        Err(DataDirError::Unwritable { .. })
    ));
    let dir = tempfile::tempdir().unwrap();
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED in part: permissions do not bind root");
        return;
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert!(matches!(open_dir(dir.path()), Err(DataDirError::Unwritable { .. })));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(open_dir(dir.path()), Err(DataDirError::Unreadable { .. })));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_join_nonce_lasts_until_there_is_an_identity() {
    let dir = tempfile::tempdir().unwrap();
    let nonce = JoinNonce::new(u128::MAX - 5);
    {
        let dir = DataDir::lock(dir.path()).unwrap();
        assert_eq!(dir.join_nonce().unwrap(), None);
        dir.save_join_nonce(nonce).unwrap();
    }
    assert_eq!(DataDir::lock(dir.path()).unwrap().join_nonce().unwrap(), Some(nonce));
    drop(open_dir(dir.path()).unwrap());
    assert_eq!(DataDir::lock(dir.path()).unwrap().join_nonce().unwrap(), None);
}

#[test]
fn free_space_is_known() {
    let dir = tempfile::tempdir().unwrap();
    assert!(DataDir::lock(dir.path()).unwrap().free_bytes().unwrap() > 0);
}

#[tokio::test]
async fn snapshots_are_in_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let name = SnapshotName { index: 9, term: 2 };
    {
        let storage = open_dir(dir.path()).unwrap();
        let mut writer = storage.snapshots.create(name).await.unwrap();
        writer.write_chunk(Bytes::from_static(b"state")).await.unwrap();
        writer.finish().await.unwrap();
    }
    let storage = open_dir(dir.path()).unwrap();
    assert_eq!(storage.snapshots.latest().await.unwrap().unwrap().name(), name);
}

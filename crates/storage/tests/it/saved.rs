//! Snapshot files that have left their directory, and directories that are made beside their place.

use std::{fs, path::Path};

use bytes::Bytes;
use quorate_storage::{DataDirDraft, DataDirError, SavedSnapshot, SavedSnapshotError, SnapshotFramer, SnapshotName};

use crate::common::{RunningClock, drive, identity, ignore_fatal, open_dir};

const NAME: SnapshotName = SnapshotName { index: 7, term: 3 };

fn chunks() -> Vec<Bytes> {
    vec![Bytes::from_static(b"first"), Bytes::from(vec![9; 5000])]
}

/// The bytes of a file with these chunks.
fn framed() -> Vec<u8> {
    let (mut framer, begin) = SnapshotFramer::begin(NAME);
    let mut file = begin.to_vec();
    for chunk in chunks() {
        file.extend(framer.before_chunk(&chunk));
        file.extend(&chunk);
    }
    file.extend(framer.end());
    file
}

fn read(path: &Path) -> Result<Vec<Bytes>, SavedSnapshotError> {
    let mut file = SavedSnapshot::open(path)?;
    assert_eq!(file.name(), NAME);
    let mut chunks = Vec::new();
    while let Some(chunk) = file.next_chunk()? {
        chunks.push(chunk);
    }
    Ok(chunks)
}

#[tokio::test]
async fn what_is_framed_elsewhere_is_the_file_that_a_store_writes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_dir(dir.path()).unwrap();
    let mut writer = storage.snapshots.create(NAME).await.unwrap();
    for chunk in chunks() {
        writer.write_chunk(chunk).await.unwrap();
    }
    writer.finish().await.unwrap();
    let stored = dir.path().join("snapshots/00000000000000000007-3.snap");
    assert_eq!(fs::read(&stored).unwrap(), framed());
    assert_eq!(read(&stored).unwrap(), chunks());
}

#[test]
fn a_file_that_is_short_flipped_longer_newer_or_foreign_is_told_from_a_whole_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let whole = framed();
    let outcome = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read(&path)
    };
    assert_eq!(outcome(&whole).unwrap(), chunks());
    for len in 0..whole.len() {
        let error = outcome(&whole[..len]).unwrap_err();
        let is_begun = len >= 6;
        match error {
            SavedSnapshotError::Foreign { .. } => assert!(!is_begun, "{len}"),
            SavedSnapshotError::Damaged { .. } => assert!(is_begun, "{len}"),
            SavedSnapshotError::Io { .. } | SavedSnapshotError::Version { .. } => panic!("{len}: {error}"),
        }
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(matches!(outcome(&longer), Err(SavedSnapshotError::Damaged { .. })));
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(outcome(&flipped).is_err(), "byte {at}");
    }
    let mut newer = whole[..24].to_vec();
    newer[6] = 9;
    newer.extend(crc32fast::hash(&newer).to_le_bytes());
    let error = outcome(&newer).unwrap_err();
    assert!(matches!(error, SavedSnapshotError::Version { found: 9, .. }), "{error}");
    let error = SavedSnapshot::open(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, SavedSnapshotError::Io { .. }), "{error}");
}

/// Makes a directory at `target` by way of a draft.
fn make(target: &Path) -> Result<(), DataDirError> {
    let mut draft = DataDirDraft::begin(target)?;
    let clock: std::sync::Arc<dyn quorate_storage::Clock> = std::sync::Arc::new(RunningClock::start());
    let mut storage = draft.create(identity(), &clock, &ignore_fatal())?;
    drive(&mut storage.writer, storage.log.close()).unwrap();
    drop(storage);
    assert!(!target.join("FORMAT").exists(), "it has its name before it is whole");
    draft.publish()
}

#[test]
fn a_draft_takes_a_free_place_and_leaves_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (new, empty) = (dir.path().join("a/new"), dir.path().join("empty"));
    fs::create_dir(&empty).unwrap();
    for target in [&new, &empty] {
        make(target).unwrap();
        assert!(!target.with_extension("restoring").exists());
        drop(open_dir(target).unwrap());
    }
}

#[test]
fn a_draft_never_takes_a_place_that_has_something() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("data");
    make(&target).unwrap();
    let format = fs::read(target.join("FORMAT")).unwrap();
    assert!(matches!(make(&target), Err(DataDirError::Occupied { .. })));
    assert_eq!(fs::read(target.join("FORMAT")).unwrap(), format);
    let file = dir.path().join("file");
    fs::write(&file, "text").unwrap();
    assert!(matches!(make(&file), Err(DataDirError::Occupied { .. })));
    assert!(matches!(make(Path::new("/")), Err(DataDirError::Occupied { .. })));
}

#[test]
fn a_draft_that_is_given_up_is_removed_and_one_that_died_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("data");
    let beside = dir.path().join("data.restoring");
    let draft = DataDirDraft::begin(&target).unwrap();
    assert!(beside.exists());
    drop(draft);
    assert!(!beside.exists() && !target.exists());

    std::mem::forget(DataDirDraft::begin(&target).unwrap());
    let error = make(&target).unwrap_err();
    assert!(error.to_string().contains("data.restoring"), "{error}");
}

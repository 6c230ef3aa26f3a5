//! Snapshots: whole or not there, on both kinds of disk.

use std::{fs, path::Path};

use bytes::Bytes;
use quorate_storage::{
    CHUNK_LEN_MAX, MemoryDisk, SNAPSHOTS_KEPT, SnapshotError, SnapshotFile, SnapshotName, SnapshotStore,
};

fn name(index: u64) -> SnapshotName {
    SnapshotName { index, term: 3 }
}

fn chunks(index: u64) -> Vec<Bytes> {
    (0..5)
        .map(|chunk| Bytes::from(format!("chunk {chunk} of {index}")))
        .collect()
}

async fn write(store: &SnapshotStore, index: u64) -> SnapshotFile {
    let mut writer = store.create(name(index)).await.unwrap();
    for chunk in chunks(index) {
        writer.write_chunk(chunk).await.unwrap();
    }
    writer.finish().await.unwrap()
}

async fn read(store: &SnapshotStore, name: SnapshotName) -> Result<Vec<Bytes>, SnapshotError> {
    let mut reader = store.open(name).await?;
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next_chunk().await? {
        chunks.push(chunk);
    }
    Ok(chunks)
}

/// What every kind of disk must do.
async fn conform(store: SnapshotStore) {
    assert_eq!(store.latest().await.unwrap(), None);
    let file = write(&store, 10).await;
    assert_eq!((file.name(), file.chunks()), (name(10), 5));
    assert_eq!(store.latest().await.unwrap(), Some(file));
    assert_eq!(read(&store, name(10)).await.unwrap(), chunks(10));

    let unfinished = store.create(name(20)).await.unwrap();
    assert_eq!(store.latest().await.unwrap().unwrap().name(), name(10), "unfinished");
    drop(unfinished);
    assert_eq!(store.latest().await.unwrap().unwrap().name(), name(10), "dropped");

    for index in [100, 9] {
        write(&store, index).await;
    }
    assert_eq!(
        store.latest().await.unwrap().unwrap().name(),
        name(100),
        "by index, not by time or by text"
    );
    assert_eq!(SNAPSHOTS_KEPT, 2);
    assert!(read(&store, name(9)).await.is_err(), "only the two newest are kept");
    assert_eq!(read(&store, name(10)).await.unwrap(), chunks(10));

    // Two tries at the same snapshot do not get into each other's way.
    let mut first = store.create(name(150)).await.unwrap();
    first.write_chunk(chunks(150).remove(0)).await.unwrap();
    write(&store, 150).await;
    drop(first);
    assert_eq!(read(&store, name(150)).await.unwrap(), chunks(150));

    let mut writer = store.create(name(200)).await.unwrap();
    writer.write_chunk(Bytes::from(vec![5; CHUNK_LEN_MAX])).await.unwrap();
    let longer = Bytes::from(vec![5; CHUNK_LEN_MAX + 1]);
    assert!(matches!(
        writer.write_chunk(longer).await,
        Err(SnapshotError::ChunkTooLong { .. })
    ));
    writer.finish().await.unwrap();
    assert_eq!(read(&store, name(200)).await.unwrap(), [vec![5; CHUNK_LEN_MAX]]);
}

#[tokio::test]
async fn the_memory_disk_keeps_snapshots() {
    conform(SnapshotStore::memory(&MemoryDisk::new())).await;
}

#[tokio::test]
async fn a_directory_keeps_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    conform(SnapshotStore::directory(&dir.path().join("snapshots")).unwrap()).await;
    let left = fs::read_dir(dir.path().join("snapshots")).unwrap().count();
    assert_eq!(left, SNAPSHOTS_KEPT, "unfinished files are left");
}

fn path_of(dir: &Path, index: u64) -> std::path::PathBuf {
    dir.join(format!("{index:020}-3.snap"))
}

#[tokio::test]
async fn every_flipped_or_missing_byte_is_noticed_and_the_older_snapshot_given() {
    let dir = tempfile::tempdir().unwrap();
    let store = SnapshotStore::directory(dir.path()).unwrap();
    write(&store, 10).await;
    write(&store, 20).await;
    let path = path_of(dir.path(), 20);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        for damaged in [flipped.as_slice(), &whole[..at]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(store.latest().await.unwrap().unwrap().name(), name(10), "byte {at}");
            let error = read(&store, name(20)).await.unwrap_err();
            assert!(matches!(error, SnapshotError::Damaged { .. }), "byte {at}: {error}");
        }
    }
    fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(read(&store, name(20)).await.is_err(), "bytes after the end");
    fs::write(path_of(dir.path(), 10), "damage").unwrap();
    assert_eq!(store.latest().await.unwrap(), None, "no whole snapshot is left");
}

#[tokio::test]
async fn swapped_chunks_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = SnapshotStore::directory(dir.path()).unwrap();
    write(&store, 10).await;
    let path = path_of(dir.path(), 10);
    let mut bytes = fs::read(&path).unwrap();
    let frame = 8 + chunks(10)[0].len();
    let (header, rest) = bytes.split_at_mut(28);
    let (first, second) = rest.split_at_mut(frame);
    first.swap_with_slice(&mut second[..frame]);
    assert_eq!(&header[..6], b"QRSNAP");
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        read(&store, name(10)).await,
        Err(SnapshotError::Damaged { .. })
    ));
}

#[tokio::test]
async fn a_snapshot_under_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = SnapshotStore::directory(dir.path()).unwrap();
    write(&store, 10).await;
    fs::rename(path_of(dir.path(), 10), path_of(dir.path(), 11)).unwrap();
    assert_eq!(store.latest().await.unwrap(), None);
}

//! A state that leaves its cluster in a file, and is the beginning of another one.

use std::{fs, path::Path, sync::Arc, time::Instant};

use quorate_consensus::{Calling, MemberInfo, NewCluster, Retention, SavedError, SavedState, Summary};
use quorate_model::{Clock, ClusterId, Epoch, LogIndex, MemberId};
use quorate_storage::{MemoryDisk, OnFatal, Storage};

use crate::cluster::{CLUSTER, Cluster, RealClock};

async fn save(cluster: &Cluster, path: &Path) {
    let capture = cluster.node(1).capture().await.unwrap();
    let pieces: Vec<_> = capture.into_pieces().collect();
    assert!(pieces.len() >= 3, "a beginning, the chunks, an end");
    fs::write(path, pieces.concat()).unwrap();
}

/// A disk on which a cluster begins with the state in the file at `path`.
async fn restore(path: &Path, cluster_id: ClusterId) -> (MemoryDisk, Summary) {
    let disk = MemoryDisk::new();
    let new = NewCluster {
        cluster_id,
        epoch: Epoch::new(8),
        member: MemberInfo {
            peer_address: "10.0.0.1:7400".parse().unwrap(),
            client_address: "10.0.0.1:7300".parse().unwrap(),
            calling: Calling::Voter,
        },
    };
    let on_fatal: OnFatal = Arc::new(|_| {});
    let clock: Arc<dyn Clock> = Arc::new(RealClock(Instant::now()));
    let storage = disk.open(new.identity(), &clock, &on_fatal);
    let Storage { log, writer, snapshots } = storage.unwrap();
    let writing = tokio::spawn(writer.run_in_task());
    let saved = SavedState::read(path).unwrap();
    let summary = saved.restore(&new, &log, &snapshots).await.unwrap();
    writing.await.unwrap();
    (disk, summary)
}

#[tokio::test]
async fn a_captured_state_can_be_read_and_begins_another_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saved");
    let mut cluster = Cluster::of(1, Retention::default()).await;
    let written = cluster.write(1, 42).await;
    save(&cluster, &path).await;

    let summary = SavedState::read(&path).unwrap().summary();
    let view = cluster.node(1).view();
    assert_eq!(summary.cluster_id, Some(CLUSTER));
    assert_eq!((summary.epoch, summary.revision), (Epoch::new(7), written.revision));
    assert_eq!((summary.applied, summary.state_hash), (view.applied(), view.hash()));
    assert_eq!(summary.file_len, fs::metadata(&path).unwrap().len());
    assert_eq!(summary.members.len(), 1);
    assert!(summary.members[0].voter);

    // It has the same cluster id here only so that the harness can start it.
    let (disk, restored) = restore(&path, CLUSTER).await;
    assert_eq!((restored.epoch, restored.applied), (Epoch::new(8), LogIndex::ZERO));
    assert!(restored.revision.get() >= written.revision.get() + (1 << 32));
    drop(cluster.crash(1).await);
    cluster.restart(1, disk).await;
    let node = cluster.node(1);
    node.leader_known().await;
    assert_eq!(node.leader(), Some(MemberId::FIRST));
    let next = cluster.write(1, 43).await;
    assert!(next.revision > restored.revision, "{next:?}");
    assert_eq!(cluster.node(1).view().cluster().unwrap().epoch, Epoch::new(8));
}

#[tokio::test]
async fn a_saved_state_that_is_damaged_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saved");
    let cluster = Cluster::of(1, Retention::default()).await;
    cluster.write(1, 42).await;
    save(&cluster, &path).await;
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x04;
        fs::write(&path, flipped).unwrap();
        SavedState::read(&path).expect_err("a flipped bit");
        fs::write(&path, &whole[..at]).unwrap();
        SavedState::read(&path).expect_err("a short file");
    }
    fs::write(&path, "a letter to the editor").unwrap();
    let error = SavedState::read(&path).unwrap_err();
    assert!(matches!(error, SavedError::Foreign { .. }), "{error}");
}

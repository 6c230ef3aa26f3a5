//! Snapshots that are written because of their bytes, at the same time, or not to their end.

use std::time::Duration;

use bytes::Bytes;
use quorate_consensus::Retention;
use quorate_storage::MemoryDisk;

use crate::{
    cluster::{Cluster, allocate, eventually},
    replication::long_register,
};

/// So few bytes that some hundred small commands are more.
const EVERY_BYTES: u64 = 256 << 10;

const BY_BYTES: Retention = Retention {
    snapshot_every_entries: 1_000_000,
    snapshot_every_bytes: EVERY_BYTES,
    keep_entries: 1_000_000,
};

/// Bytes of the records that a disk holds.
fn log_bytes(disk: &MemoryDisk) -> u64 {
    let records = disk.durable_records();
    records.iter().map(|(_, record)| record.len() as u64).sum()
}

fn first_index(disk: &MemoryDisk) -> u64 {
    disk.durable_records().first().map_or(0, |(index, _)| *index)
}

/// Has commands of some kilobytes committed, many at a time, of `bytes` in all, which make `instances`.
async fn write_bytes(cluster: &Cluster, leader: u64, bytes: usize, instances: usize) {
    let commands: Vec<Bytes> = (0..instances)
        .map(|number| long_register(&format!("web-{number}")).encode().unwrap())
        .collect();
    let mut commands = commands.iter().cycle();
    for _ in 0..bytes.div_ceil(16 * 8_000) {
        let writes = commands.by_ref().take(16);
        let writes = writes.map(|command| cluster.commit(leader, command.clone()));
        futures::future::join_all(writes).await;
    }
}

#[tokio::test]
async fn a_log_of_many_bytes_becomes_a_snapshot_and_stays_bounded() {
    let cluster = Cluster::of(3, BY_BYTES).await;
    let leader = cluster.leader().await;
    write_bytes(&cluster, leader, 16 * usize::try_from(EVERY_BYTES).unwrap(), 1).await;
    cluster.converge().await;
    for node in cluster.nodes.values() {
        // What the older snapshot needs, what is kept behind it, and what has come since: some of each.
        eventually("a short log", || {
            (log_bytes(&node.disk) <= 8 * EVERY_BYTES && first_index(&node.disk) > 0).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_snapshot_much_larger_than_the_log_is_not_written_again_for_little() {
    let cluster = Cluster::of(1, BY_BYTES).await;
    // Members that are allocated fill no log, and make no large state: no snapshot comes of them.
    for nonce in 1..=50 {
        cluster.write(1, nonce).await;
    }
    assert_eq!(first_index(&cluster.nodes[&1].disk), 0);
    cluster.node(1).snapshot_now().await.unwrap();
    cluster.node(1).snapshot_now().await.unwrap();
    cluster.write(1, 51).await;
}

#[tokio::test]
async fn many_snapshots_in_a_short_time_are_as_good_as_one() {
    let mut cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    for round in 0..10_u128 {
        cluster.write(leader, round + 1).await;
        let node = cluster.node(leader);
        let (one, other) = tokio::join!(node.snapshot_now(), node.snapshot_now());
        one.and(other).unwrap();
    }
    cluster.converge().await;
    let disk = cluster.crash(leader).await;
    cluster.restart(leader, disk).await;
    let via = cluster.leader().await;
    cluster.write(via, 100).await;
    cluster.converge().await;
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_snapshot_loses_nothing() {
    for crash_after in [0, 1, 2, 5, 20, 100] {
        let mut cluster = Cluster::of(3, Retention::default()).await;
        let leader = cluster.leader().await;
        for nonce in 1..=20 {
            cluster.write(leader, nonce).await;
        }
        // A state of many chunks, so that there is a middle.
        write_bytes(&cluster, leader, 2 << 20, 256).await;
        let node = cluster.node(leader).clone();
        let mut writing = Box::pin(node.snapshot_now());
        for _ in 0..crash_after {
            if futures::poll!(&mut writing).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(writing);
        let disk = cluster.crash(leader).await;
        cluster.restart(leader, disk).await;
        let via = cluster.leader().await;
        for nonce in 1..=20 {
            let expected = u64::try_from(nonce + 1).unwrap().try_into().unwrap();
            let outcome = cluster.write(via, nonce).await.outcome;
            assert_eq!(outcome, quorate_state::Outcome::MemberAllocated(expected));
        }
        cluster.converge().await;
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_an_install_is_made_good_by_the_next() {
    let mut cluster = Cluster::of(3, BY_BYTES).await;
    let leader = cluster.leader().await;
    let away = (1..=3).find(|id| *id != leader).unwrap();
    let mut disk = cluster.crash(away).await;
    cluster.network.heal();
    write_bytes(&cluster, leader, 16 * usize::try_from(EVERY_BYTES).unwrap(), 1).await;
    for milliseconds in [0, 2, 5, 10, 20, 50, 100] {
        cluster.restart(away, disk).await;
        // Wherever that is: before the snapshot, within it, between it and the log, or after both.
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        disk = cluster.crash(away).await;
    }
    cluster.restart(away, disk).await;
    cluster.commit(leader, allocate(1)).await;
    cluster.converge().await;
}

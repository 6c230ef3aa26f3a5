//! Log time never falls, and is never ahead of the time that passed.

use std::time::{Duration, Instant};

use quorate_consensus::Retention;

use crate::cluster::{Cluster, eventually};

/// What clocks may differ by, and what a millisecond is rounded by at each change of the leader.
const ERROR: Duration = Duration::from_millis(20);

/// The log time of every member, each checked not to fall.
struct Readings {
    begun: Instant,
    highest: Vec<u64>,
}

// === impl Readings ===

impl Readings {
    fn begin(cluster: &Cluster) -> Self {
        let readings = cluster.nodes.values();
        Self {
            begun: Instant::now(),
            highest: readings.map(|node| node.consensus.view().log_time().as_ms()).collect(),
        }
    }

    fn take(&mut self, cluster: &Cluster) {
        for (node, highest) in cluster.nodes.values().zip(&mut self.highest) {
            let now = node.consensus.view().log_time().as_ms();
            assert!(now >= *highest, "log time fell from {highest} to {now}");
            *highest = now;
        }
    }

    /// The log time may have moved by no more than the time since the beginning.
    fn check_not_ahead(&self, began_at: u64) {
        let passed = self.begun.elapsed() + ERROR;
        for highest in &self.highest {
            let moved = Duration::from_millis(highest - began_at);
            assert!(moved <= passed, "log time moved by {moved:?} within {passed:?}");
        }
    }
}

fn log_time(cluster: &Cluster, id: u64) -> u64 {
    cluster.node(id).view().log_time().as_ms()
}

/// Writes until the log time of `via` has gone on by `ms`.
async fn write_past(cluster: &Cluster, via: u64, nonces: &mut u128, ms: u64) {
    let target = log_time(cluster, via) + ms;
    let deadline = Instant::now() + crate::cluster::DEADLINE;
    while log_time(cluster, via) < target {
        assert!(Instant::now() < deadline, "log time stands still under a leader");
        *nonces += 1;
        cluster.write(via, *nonces).await;
    }
}

#[tokio::test]
async fn over_changes_of_the_leader_log_time_never_falls_and_is_never_ahead() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let mut nonces = 0;
    let mut readings = Readings::begin(&cluster);
    let began_at = *readings.highest.iter().max().unwrap();
    for _ in 0..6 {
        let leader = cluster.leader().await;
        write_past(&cluster, leader, &mut nonces, 30).await;
        readings.take(&cluster);
        cluster.node(leader).step_down(crate::cluster::DEADLINE).await;
        readings.take(&cluster);
    }
    cluster.converge().await;
    readings.take(&cluster);
    readings.check_not_ahead(began_at);
    let moved = readings.highest.iter().max().unwrap() - began_at;
    assert!(
        moved >= 6 * 30,
        "log time goes on under every leader, and moved by {moved} ms"
    );
}

#[tokio::test]
async fn without_a_leader_log_time_stands_still() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let mut nonces = 0;
    let leader = cluster.leader().await;
    write_past(&cluster, leader, &mut nonces, 20).await;
    cluster.converge().await;
    (1..=3).for_each(|id| cluster.network.isolate(id));
    let before = log_time(&cluster, leader);
    let cut_off = Instant::now();
    // A write that cannot be committed moves nothing either.
    let leader_id = leader.try_into().unwrap();
    let hanging = cluster
        .node(leader)
        .propose(leader_id, crate::cluster::allocate(9_999), Duration::from_secs(2));
    hanging.await.unwrap_err();
    for id in 1..=3 {
        assert_eq!(log_time(&cluster, id), before);
    }
    let without_leader = cut_off.elapsed();
    cluster.network.heal();
    let via = cluster.leader().await;
    nonces += 1;
    cluster.write(via, nonces).await;
    cluster.converge().await;
    let after = Duration::from_millis(log_time(&cluster, via) - before);
    let passed = cut_off.elapsed();
    assert!(after <= passed + ERROR, "{after:?} within {passed:?}");
    assert!(without_leader >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_leader_that_was_cut_off_brings_no_time_with_it() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let mut nonces = 0;
    let old = cluster.leader().await;
    let mut readings = Readings::begin(&cluster);
    let began_at = *readings.highest.iter().max().unwrap();
    write_past(&cluster, old, &mut nonces, 20).await;
    cluster.network.isolate(old);
    let via = (1..=3).find(|id| *id != old).unwrap();
    eventually("another leader", || {
        let leader = cluster.node(via).leader()?.get();
        (leader != old).then_some(())
    })
    .await;
    write_past(&cluster, via, &mut nonces, 50).await;
    readings.take(&cluster);
    cluster.network.heal();
    cluster.converge().await;
    // It leads again, and goes on from where the others are.
    let before = log_time(&cluster, old);
    eventually("the old leader to follow", || {
        (cluster.node(old).leader().map(quorate_model::MemberId::get) != Some(old)).then_some(())
    })
    .await;
    let new = cluster.leader().await;
    cluster.node(new).step_down(crate::cluster::DEADLINE).await;
    let via = cluster.leader().await;
    nonces += 1;
    cluster.write(via, nonces).await;
    cluster.converge().await;
    readings.take(&cluster);
    assert!(log_time(&cluster, via) >= before);
    readings.check_not_ahead(began_at);
}

#[tokio::test]
async fn log_time_survives_restarts_and_snapshots() {
    let retention = Retention {
        snapshot_every_entries: 20,
        keep_entries: 5,
        ..Retention::default()
    };
    let mut cluster = Cluster::of(3, retention).await;
    let mut nonces = 0;
    let leader = cluster.leader().await;
    write_past(&cluster, leader, &mut nonces, 50).await;
    let before = log_time(&cluster, leader);
    let mut disks = Vec::new();
    for id in 1..=3 {
        disks.push((id, cluster.crash(id).await));
    }
    for (id, disk) in disks {
        cluster.restart(id, disk).await;
    }
    let leader = cluster.leader().await;
    nonces += 1;
    cluster.write(leader, nonces).await;
    cluster.converge().await;
    assert!((1..=3).all(|id| log_time(&cluster, id) >= before));
}

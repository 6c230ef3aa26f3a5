//! A member whose disk did not keep what it said it had does not take part.

use std::time::Duration;

use quorate_consensus::{Retention, Role, StartError};
use quorate_model::MemberId;
use quorate_state::Outcome;
use quorate_storage::MemoryDisk;
use tokio::time::timeout;

use crate::cluster::{Cluster, DEADLINE, eventually};

/// A cluster, its leader, and a follower that was crashed; its disk as it is, and as it was before the last writes.
struct RolledBack {
    cluster: Cluster,
    leader: u64,
    follower: u64,
    disk: MemoryDisk,
    older: MemoryDisk,
}

/// Within this the two members that are left would have elected one of them, if they could.
const PATIENCE: Duration = Duration::from_secs(4);

const BEFORE: u128 = 10;
const AFTER: u128 = 30;

async fn rolled_back(size: u64) -> RolledBack {
    let mut cluster = Cluster::of(size, Retention::default()).await;
    let leader = cluster.leader().await;
    let follower = (1..=size).find(|id| *id != leader).unwrap();
    for nonce in 1..=BEFORE {
        cluster.write(leader, nonce).await;
    }
    cluster.converge().await;
    let older = cluster.nodes[&follower].disk.copy();
    for nonce in BEFORE + 1..=AFTER {
        cluster.write(leader, nonce).await;
    }
    cluster.converge().await;
    let disk = cluster.crash(follower).await;
    cluster.network.heal();
    RolledBack {
        cluster,
        leader,
        follower,
        disk,
        older,
    }
}

fn others(size: u64, but: u64) -> impl Iterator<Item = u64> {
    (1..=size).filter(move |id| *id != but)
}

/// Nonce n was given id n + 1: were one lost, asking for it now would give a new id.
async fn check_all_is_there(cluster: &Cluster, via: u64) {
    let mut ids = Vec::new();
    for nonce in 1..=AFTER {
        let Outcome::MemberAllocated(id) = cluster.write(via, nonce).await.outcome else {
            panic!("nonce {nonce} is allocated")
        };
        ids.push(id.get());
    }
    let expected: Vec<u64> = (2..).take(ids.len()).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_member_whose_log_came_back_shorter_does_not_start() {
    let mut case = rolled_back(3).await;
    let refused = case.cluster.try_restart(case.follower, case.older).await;
    let Err(StartError::EntriesLost {
        member, remembered_by, ..
    }) = &refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!((member.get(), remembered_by.get()), (case.follower, case.leader));
    let advice = refused.unwrap_err().to_string();
    assert!(
        advice.contains(&format!("quorate member remove {}", case.follower)),
        "{advice}"
    );
    // The others go on without it.
    check_all_is_there(&case.cluster, case.leader).await;
}

#[tokio::test]
async fn a_member_that_has_what_it_acknowledged_starts() {
    let mut case = rolled_back(3).await;
    case.cluster.restart(case.follower, case.disk).await;
    case.cluster.converge().await;
    check_all_is_there(&case.cluster, case.follower).await;
}

#[tokio::test]
async fn a_member_alone_starts_though_nobody_remembers_anything() {
    let mut case = rolled_back(3).await;
    let mut disks = vec![(case.follower, case.disk)];
    for id in others(3, case.follower) {
        disks.push((id, case.cluster.crash(id).await));
    }
    for (id, disk) in disks {
        case.cluster.restart(id, disk).await;
    }
    case.cluster.converge().await;
    check_all_is_there(&case.cluster, case.follower).await;
}

#[tokio::test]
async fn a_leader_gives_no_more_to_a_member_that_lost_entries_and_lives_on() {
    let mut case = rolled_back(3).await;
    case.cluster.restart_alone(case.follower, case.older).await;
    let once_had = case.cluster.node(case.leader).status().last_log;
    for nonce in 1..=100 {
        case.cluster.write(case.leader, nonce).await;
    }
    let third = others(3, case.leader).find(|id| *id != case.follower).unwrap();
    eventually("the third member to have all", || {
        let applied = |id| case.cluster.node(id).view().applied();
        (applied(third) == applied(case.leader)).then_some(())
    })
    .await;
    let has = case.cluster.node(case.follower).status().last_log;
    assert!(has < once_had, "it was sent what it had lost");
    assert_eq!(case.cluster.leader().await, case.leader, "the leader lives, and leads");
}

#[tokio::test]
async fn the_vote_of_a_member_that_lost_entries_does_not_count() {
    let mut case = rolled_back(3).await;
    let third = others(3, case.leader).find(|id| *id != case.follower).unwrap();
    let handed_over = case
        .cluster
        .node(case.leader)
        .hand_over(third.try_into().unwrap(), DEADLINE);
    assert_eq!(handed_over.await.map(MemberId::get), Some(third));
    let disk = case.cluster.crash(third).await;
    // By the logs alone this one would vote for the one that led, and the two would be a quorum.
    case.cluster.restart_alone(case.follower, case.older).await;
    let read = case
        .cluster
        .node(case.leader)
        .status_is(|status| status.role == Role::Leader);
    assert!(timeout(PATIENCE, read).await.is_err(), "it was elected");
    assert_ne!(case.cluster.node(case.follower).status().role, Role::Leader);
    // The third member has all that was committed: with it the cluster goes on.
    case.cluster.restart(third, disk).await;
    let leader = eventually("a leader that has all", || {
        others(3, case.follower).find(|id| case.cluster.node(*id).status().role == Role::Leader)
    })
    .await;
    check_all_is_there(&case.cluster, leader).await;
}

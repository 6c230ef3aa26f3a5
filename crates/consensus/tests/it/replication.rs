//! What is committed stays, what is confirmed is fresh, and who was away catches up.

use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_consensus::{ProposeError, ReadIndexError, Retention};
use quorate_model::{
    Endpoint, Endpoints, InstanceKey, InstanceSpec, JoinNonce, Lifetime, MemberId, Metadata, SpecParts, Takeover,
    limits::LOG_ENTRY_LEN_MAX,
};
use quorate_state::{Command, Mutation, Outcome};

use crate::cluster::{Cluster, DEADLINE, allocate, eventually};

/// Long enough for a leader that is cut off to notice, and for the others to elect another.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes one command after the other.
async fn write_for(cluster: &Cluster, via: u64, time: Duration) {
    let started = Instant::now();
    for nonce in 1.. {
        cluster.write(via, nonce).await;
        if started.elapsed() > time {
            return;
        }
    }
}

#[tokio::test]
async fn a_write_through_any_member_is_applied_by_all() {
    let cluster = Cluster::of(3, Retention::default()).await;
    for via in 1..=3 {
        cluster.write(via, u128::from(via)).await;
    }
    cluster.converge().await;
    assert_eq!(cluster.node(1).view().last_member(), Some(4.try_into().unwrap()));
}

#[tokio::test]
async fn a_confirmed_read_on_a_follower_sees_every_acknowledged_write() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    for nonce in 1..=50 {
        cluster.write(leader, nonce).await;
        let node = cluster.node(follower);
        let index = cluster.read_index(follower).await;
        node.wait_applied(index).await.unwrap();
        let expected = u64::try_from(nonce).unwrap() + 1;
        assert_eq!(node.view().last_member(), Some(expected.try_into().unwrap()));
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_confirms_and_commits_nothing() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let old = cluster.leader().await;
    cluster.write(old, 1).await;
    cluster.network.isolate(old);

    let (node, old_id) = (cluster.node(old), old.try_into().unwrap());
    let read = node.read_index(old_id, PATIENCE).await;
    assert!(
        matches!(read, Err(ReadIndexError::Unconfirmed(_) | ReadIndexError::NotLeader(_))),
        "{read:?}"
    );
    let write = node.propose(old_id, allocate(2), PATIENCE).await;
    assert!(
        matches!(write, Err(ProposeError::NotLeader(_) | ProposeError::OutcomeUnknown(_))),
        "{write:?}"
    );

    let via = (1..=3).find(|id| *id != old).unwrap();
    eventually("another leader", || {
        let leader = cluster.node(via).leader().map(MemberId::get);
        leader.filter(|leader| *leader != old)
    })
    .await;
    cluster.write(via, 3).await;
    cluster.network.heal();
    cluster.converge().await;
}

/// A cluster, its leader, and a member that is back after the log that it lacks has become a snapshot.
async fn back_after_a_long_time() -> (Cluster, u64, u64) {
    let retention = Retention {
        snapshot_every_entries: 50,
        keep_entries: 5,
        ..Retention::default()
    };
    let mut cluster = Cluster::of(3, retention).await;
    let leader = cluster.leader().await;
    let away = (1..=3).find(|id| *id != leader).unwrap();
    let disk = cluster.crash(away).await;
    for nonce in 1..=200 {
        cluster.write(leader, nonce).await;
    }
    // The others write snapshots and drop what these cover while the writes go on, and some time after.
    for id in (1..=3).filter(|id| *id != away) {
        cluster.node(id).snapshot_now().await.unwrap();
        cluster.write(leader, 200).await;
        cluster.node(id).snapshot_now().await.unwrap();
        let disk = &cluster.nodes[&id].disk;
        eventually("a log without its beginning", || {
            let records = disk.durable_records();
            records.first().is_none_or(|(index, _)| *index > 20).then_some(())
        })
        .await;
    }
    cluster.restart(away, disk).await;
    (cluster, leader, away)
}

#[tokio::test]
async fn a_member_that_was_away_for_long_gets_a_snapshot() {
    let (cluster, leader, away) = back_after_a_long_time().await;
    cluster.write(leader, 201).await;
    cluster.converge().await;
    let records = cluster.nodes[&away].disk.durable_records();
    assert!(
        records.first().is_none_or(|(index, _)| *index > 20),
        "it was sent the log and not a snapshot"
    );
}

#[tokio::test]
async fn a_member_that_installed_a_snapshot_starts_from_it() {
    let (mut cluster, leader, away) = back_after_a_long_time().await;
    cluster.converge().await;
    let disk = cluster.crash(away).await;
    cluster.restart(away, disk).await;
    cluster.write(leader, 300).await;
    cluster.converge().await;
}

#[tokio::test]
async fn a_member_that_restarts_is_in_no_earlier_term_than_before_from_the_first_moment() {
    let mut cluster = Cluster::of(3, Retention::default()).await;
    for id in 1..=3 {
        cluster.converge().await;
        let (before, _) = cluster.node(id).leadership();
        let disk = cluster.crash(id).await;
        cluster.restart_alone(id, disk).await;
        let (after, _) = cluster.node(id).leadership();
        assert!(after >= before, "member {id} was in {before} and is in {after}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut_of_all_members() {
    let mut cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    for nonce in 1..=100 {
        cluster.write(leader, nonce).await;
    }
    let mut disks = Vec::new();
    for id in 1..=3 {
        disks.push((id, cluster.crash(id).await));
    }
    for (id, disk) in disks {
        cluster.restart(id, disk).await;
    }
    // Nonce n was given id n + 1: were one lost, asking for it now would give a new id.
    for nonce in [1, 50, 100] {
        let expected = u64::try_from(nonce + 1).unwrap().try_into().unwrap();
        assert_eq!(
            cluster.write(1, nonce).await.outcome,
            Outcome::MemberAllocated(expected)
        );
    }
    cluster.converge().await;
}

#[tokio::test]
async fn a_follower_that_was_cut_off_does_not_depose_the_leader() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    let term = cluster.node(leader).status().term;
    let away = (1..=3).find(|id| *id != leader).unwrap();
    cluster.network.isolate(away);
    // Long enough for it to stand for election several times.
    write_for(&cluster, leader, PATIENCE).await;
    cluster.network.heal();
    cluster.converge().await;
    assert_eq!(cluster.node(leader).status().term, term);
}

#[tokio::test]
async fn what_a_member_could_not_apply_is_not_appended() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    let unreadable = Bytes::from_static(b"written by a newer version");
    let too_long = Bytes::from(vec![0; LOG_ENTRY_LEN_MAX + 1]);
    for via in 1..=3 {
        for command in [&unreadable, &too_long] {
            let refused = cluster
                .node(via)
                .propose(leader.try_into().unwrap(), command.clone(), DEADLINE)
                .await;
            assert!(matches!(refused, Err(ProposeError::Refused(_))), "{refused:?}");
        }
    }
    cluster.write(leader, 1).await;
    cluster.converge().await;
}

#[tokio::test]
async fn commands_wait_for_room_and_not_in_the_log() {
    let cluster = Cluster::patient(3).await;
    let leader = cluster.leader().await;
    let command = long_register("web-1").encode().unwrap();
    let node = cluster.node(leader);
    (1..=3)
        .filter(|id| *id != leader)
        .for_each(|id| cluster.network.isolate(id));
    let propose = |time_left| node.propose(leader.try_into().unwrap(), command.clone(), time_left);
    // Without followers nothing is committed: what is let in stays.
    let let_in = (8 << 20) / command.len();
    let holders = futures::future::join_all((0..let_in).map(|_| propose(DEADLINE)));
    tokio::select! {
        biased;
        _ = holders => panic!("they were to wait"),
        answer = propose(Duration::from_millis(200)) => assert_eq!(answer, Err(ProposeError::TimedOut)),
    }
}

/// A command of some kilobytes.
pub(crate) fn long_register(id: &str) -> Command {
    let endpoint = Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: "80".parse().unwrap(),
        protocol: None,
    };
    let mut parts = SpecParts::new(Endpoints::from(endpoint));
    parts.metadata = Metadata::parse([("note", "x".repeat(8_000))]).unwrap();
    Command::Mutate(Mutation::Register {
        key: InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: id.parse().unwrap(),
        },
        spec: InstanceSpec::new(parts).unwrap(),
        takeover: Takeover::Forbidden,
        lifetime: Lifetime::Persistent,
        registered_at_ms: 0,
    })
}

#[tokio::test]
async fn a_dead_peer_is_not_knocked_at_without_pause() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    let dead = (1..=3).find(|id| *id != leader).unwrap();
    cluster.network.isolate(dead);
    let before = cluster.network.refused();
    write_for(&cluster, leader, PATIENCE).await;
    // A heartbeat every 50 ms, replication every 200 ms, and what the dead one itself tries.
    let tries = cluster.network.refused() - before;
    assert!(tries < 300, "{tries} tries within {PATIENCE:?}");
}

#[tokio::test]
async fn leadership_is_handed_over_before_a_leader_stops() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let old = cluster.leader().await;
    cluster.node(old).step_down(DEADLINE).await;
    let new = cluster.leader().await;
    assert_ne!(new, old);
    cluster.write(old, 1).await;
    cluster.converge().await;
}

#[tokio::test]
async fn a_bootstrap_is_done_once() {
    let cluster = Cluster::of(1, Retention::default()).await;
    let node = cluster.node(1);
    let info = node.status().members[0].info.clone();
    node.bootstrap(info, quorate_model::Epoch::new(8)).await.unwrap();
    assert_eq!(node.view().cluster().unwrap().epoch, quorate_model::Epoch::new(7));
    let command = Command::AllocateMember {
        nonce: JoinNonce::new(1),
    };
    assert!(
        node.propose(MemberId::FIRST, command.encode().unwrap(), DEADLINE)
            .await
            .is_ok()
    );
}

//! Logs that are replaced by snapshots, while members die and come back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use quorate_tests::{Cluster, Load, Member, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, seed};

/// A snapshot every hundred entries, and next to nothing left of the log behind it.
const OFTEN: &str = "snapshot_every_entries = 100\nlog_keep_entries = 10\n";

const WRITERS: usize = 8;

/// How often a member falls behind before it has to have been given a snapshot: raft puts off cutting the log while it
/// tries to send from it.
const FALLS_BEHIND_MAX: usize = 5;

#[tokio::test]
async fn a_follower_that_missed_what_is_no_longer_in_the_log_gets_a_snapshot() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let follower = cluster.followers().await[0];
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(50, READY_WITHIN).await;
    for _ in 0..FALLS_BEHIND_MAX {
        follower.kill();
        load.acknowledges(500, SETTLED_WITHIN).await;
        follower.start();
        follower.wait_ready().await;
        if follower.log().contains("installed a snapshot") {
            break;
        }
    }
    let log = follower.log();
    assert!(log.contains("installed a snapshot"), "{log}");
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_when_members_die_while_snapshots_are_made() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let load = Load::start(&cluster, WRITERS, seed());
    for _ in 0..5 {
        load.acknowledges(150, SETTLED_WITHIN).await;
        cluster.kill_all();
        cluster.members().iter().for_each(Member::start);
    }
    load.acknowledges(150, SETTLED_WITHIN).await;
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
    for member in cluster.members() {
        assert!(
            !snapshots(member).is_empty(),
            "member {} has no snapshot",
            member.number()
        );
    }
}

#[tokio::test]
async fn a_member_whose_newest_snapshot_is_damaged_goes_on_from_the_one_before() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let load = Load::start(&cluster, WRITERS, seed());
    let victim = stopped_with_a_purged_log(&cluster).await;
    damage(snapshots(victim).last().unwrap());
    victim.start();
    victim.wait_ready().await;
    let log = victim.log();
    assert!(log.contains("passing over a damaged snapshot"), "{log}");
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
}

#[tokio::test]
async fn a_member_whose_snapshots_are_damaged_refuses_to_start_and_the_others_go_on() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let load = Load::start(&cluster, WRITERS, seed());
    let victim = stopped_with_a_purged_log(&cluster).await;
    for snapshot in snapshots(victim) {
        damage(&snapshot);
    }
    victim.start();
    assert_eq!(victim.ended().await, Some(1));
    let log = victim.log();
    let told = log
        .lines()
        .any(|line| line.contains("damaged") && line.contains("join again"));
    assert!(told, "{log}");

    load.acknowledges(100, READY_WITHIN).await;
    let history = load.stop().await;
    let reader = cluster.leader().await.client();
    let found = history
        .read_back(reader, quorate_model::Consistency::Linearizable)
        .await;
    assert_eq!(history.check(&found), Vec::<String>::new());
}

/// A follower that was stopped after its log had lost its beginning: it needs a snapshot to start.
async fn stopped_with_a_purged_log(cluster: &Cluster) -> &Member {
    let victim = cluster.followers().await[0];
    eventually(SETTLED_WITHIN, "the member has purged its log", async || {
        let oldest = snapshots(victim).first().and_then(|path| index(path));
        ensure(oldest >= Some(300), format!("its older snapshot is at {oldest:?}"))
    })
    .await;
    victim.terminate().await;
    victim
}

/// Flips a bit in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("a finished snapshot can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, &bytes).expect("a finished snapshot can be written over");
}

/// The log index at which a snapshot was made: its file's name begins with it.
fn index(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.split('-').next()?.parse().ok()
}

/// The files of the snapshots that a member has finished, the oldest first.
fn snapshots(member: &Member) -> Vec<PathBuf> {
    let entries = fs::read_dir(member.data().join("snapshots"))
        .into_iter()
        .flatten()
        .flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "snap"))
        .collect();
    paths.sort();
    paths
}

//! Logs that are replaced by snapshots, while members die and come back.

use std::{fs, path::PathBuf};

use quorate_tests::{Cluster, Load, Member, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, seed};

/// A snapshot every hundred entries, and next to nothing left of the log behind it.
const OFTEN: &str = "snapshot_every_entries = 100\nlog_keep_entries = 10\n";

const WRITERS: usize = 8;

#[tokio::test]
async fn a_follower_that_missed_what_is_no_longer_in_the_log_gets_a_snapshot() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let follower = cluster.followers().await[0];
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(50, READY_WITHIN).await;
    follower.kill();
    load.acknowledges(500, SETTLED_WITHIN).await;
    follower.start();
    follower.wait_ready().await;
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
async fn a_member_whose_snapshots_are_damaged_refuses_to_start_and_the_others_go_on() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let load = Load::start(&cluster, WRITERS, seed());
    let victim = cluster.followers().await[0];
    eventually(SETTLED_WITHIN, "the member has a snapshot", async || {
        ensure(!snapshots(victim).is_empty(), "none yet")
    })
    .await;
    victim.terminate().await;
    for snapshot in snapshots(victim) {
        let mut bytes = fs::read(&snapshot).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&snapshot, &bytes).unwrap();
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

/// The files of the snapshots that a member has finished.
fn snapshots(member: &Member) -> Vec<PathBuf> {
    let entries = fs::read_dir(member.data().join("snapshots"))
        .into_iter()
        .flatten()
        .flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "snap"))
        .collect()
}

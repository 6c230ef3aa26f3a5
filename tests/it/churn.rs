//! All that operators do to a running cluster, done while sessions write and read on all its members: none of them
//! notices.

use std::time::Duration;

use quorate_tests::{Cluster, READY_WITHIN, Report, SETTLED_WITHIN, Workers, figure, seed};
use tokio::time::Instant;

/// Workers at a time: some always have a write on its way when something changes.
const WORKERS: usize = 6;

/// Writes between two changes: each change is made under load.
const WARM: usize = 60;

/// The longest time without an acknowledged write when a leader stops: a crash takes longer, and how much shorter it
/// really is stands in docs/benchmarks.md.
const GRACEFUL_GAP_MAX: Duration = Duration::from_secs(1);

/// Leaders that hand over, one after the other.
const TRANSFERS: usize = 20;

#[tokio::test]
async fn members_come_go_and_change_without_a_session_noticing() {
    let mut cluster = Cluster::start(3).await;
    let workers = Workers::start(&cluster, WORKERS, seed()).await;
    workers.acknowledge(WARM, READY_WITHIN).await;

    // One more.
    cluster.join(&[1]).wait_ready().await;
    workers.acknowledge(WARM, READY_WITHIN).await;

    // One dies for good, and another takes its place.
    let dead = cluster.followers().await[0].number();
    cluster.member(dead).kill();
    workers.acknowledge(WARM, READY_WITHIN).await;
    let through = cluster.leader().await.doors().peer;
    let replacing = [format!("--join={through}"), format!("--replace={dead}")];
    cluster.add(&replacing).wait_ready().await;
    cluster.forget(dead);
    wait_for_members(&cluster, 4).await;
    workers.acknowledge(WARM, READY_WITHIN).await;

    // One loses its vote, and gets it back.
    let demoted = cluster.followers().await[0].number();
    change(&cluster, &["member", "demote", &demoted.to_string()]).await;
    workers.acknowledge(WARM, READY_WITHIN).await;
    change(&cluster, &["member", "promote", &demoted.to_string()]).await;
    workers.acknowledge(WARM, READY_WITHIN).await;

    // The leader itself has to go.
    let leader = cluster.leader().await.number();
    change(&cluster, &["member", "remove", &leader.to_string()]).await;
    let code = cluster.member(leader).ended().await;
    assert_eq!(
        code,
        Some(0),
        "a member that was removed stops: {}",
        cluster.member(leader).log()
    );
    cluster.forget(leader);
    wait_for_members(&cluster, 3).await;
    workers.acknowledge(WARM, READY_WITHIN).await;

    assert_unnoticed(&workers.stop().await);
    cluster.converge(SETTLED_WITHIN).await;
}

#[tokio::test]
async fn leaders_hand_over_and_members_are_rolled_without_a_session_noticing() {
    let cluster = Cluster::start(3).await;
    let workers = Workers::start(&cluster, WORKERS, seed()).await;
    workers.acknowledge(WARM, READY_WITHIN).await;

    for _ in 0..TRANSFERS {
        change(&cluster, &["transfer-leader"]).await;
        workers.acknowledge(WARM / 4, READY_WITHIN).await;
    }
    let mut stops = Vec::new();
    for member in cluster.members() {
        let stopped = Instant::now();
        member.terminate().await;
        workers.acknowledge(WARM, READY_WITHIN).await;
        stops.push((stopped, Instant::now()));
        member.start();
        member.wait_ready().await;
    }
    let report = workers.stop().await;
    for (stopped, back) in stops {
        let gap = report.longest_pause_between(stopped, back);
        figure(format_args!(
            "longest pause between writes around a graceful stop: {gap:?}"
        ));
        assert!(gap < GRACEFUL_GAP_MAX, "no write was acknowledged for {gap:?}");
    }
    assert_unnoticed(&report);
    cluster.converge(SETTLED_WITHIN).await;
}

fn assert_unnoticed(report: &Report) {
    figure(format_args!(
        "{} writes and {} reads, {} problems",
        report.writes,
        report.reads,
        report.problems.len()
    ));
    assert!(report.problems.is_empty(), "{}", report.problems.join("\n"));
}

async fn change(cluster: &Cluster, arguments: &[&str]) {
    let waits = [arguments, &["--timeout=30s"]].concat();
    cluster.run(&waits).await.exited_with(0);
}

/// Waits until all members that are left agree that there are so many.
async fn wait_for_members(cluster: &Cluster, count: usize) {
    for member in cluster.members().iter().filter(|member| member.is_started()) {
        let what = format!("knows {count} members, all of which vote");
        member
            .wait_until(&what, READY_WITHIN, |answer| {
                let members = &answer.value.members;
                members.len() == count && members.iter().all(|member| member.voter)
            })
            .await;
    }
}

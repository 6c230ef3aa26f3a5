//! Nothing lapses because members do not run, or are told another time.

use std::time::Duration;

use quorate_tests::{Cluster, Holders, READY_WITHIN, WallClock, ensure, eventually, figure, missing, skip};
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(3);

/// Holders that have all been answered since now.
async fn all_answered(holders: &Holders) {
    let before = holders.seen().answered;
    let wanted = before + 2 * holders.held().len() as u64;
    eventually(READY_WITHIN, "all holders are answered", async || {
        let seen = holders.seen();
        ensure(seen.answered >= wanted, format!("{seen:?}, {wanted} are wanted"))
    })
    .await;
}

/// Waits until all have been answered, and for a TTL more, in which what was on its way would have lapsed.
async fn nothing_has_lapsed(holders: &Holders, what: &str) {
    all_answered(holders).await;
    let until = Instant::now() + TTL;
    while Instant::now() < until {
        all_answered(holders).await;
    }
    let seen = holders.seen();
    assert_eq!((seen.revived, seen.unknown), (0, 0), "{what}: {seen:?}");
}

#[tokio::test]
async fn nothing_lapses_while_members_do_not_run() {
    let cluster = Cluster::start(3).await;
    let holders = Holders::settle(&cluster, "web", 60, TTL).await;
    all_answered(&holders).await;

    let leader = cluster.leader().await;
    leader.pause_now().await;
    let resumes = Instant::now() + 2 * TTL;
    tokio::time::sleep_until(resumes).await;
    leader.resume();
    nothing_has_lapsed(&holders, "the leader did not run").await;

    for member in cluster.members() {
        member.pause_now().await;
    }
    let resumes = Instant::now() + 2 * TTL;
    tokio::time::sleep_until(resumes).await;
    cluster.members().iter().for_each(quorate_tests::Member::resume);
    nothing_has_lapsed(&holders, "no member ran").await;

    let followers = cluster.followers().await;
    for member in &followers {
        member.pause_now().await;
    }
    let resumes = Instant::now() + 2 * TTL;
    tokio::time::sleep_until(resumes).await;
    for member in &followers {
        member.resume();
    }
    nothing_has_lapsed(&holders, "there was no quorum").await;
    figure(format!(
        "renewals answered over three outages of {:?}: {}",
        2 * TTL,
        holders.seen().answered
    ));
}

#[tokio::test]
async fn nothing_lapses_when_all_members_are_killed_and_start_again() {
    let cluster = Cluster::start(3).await;
    let holders = Holders::settle(&cluster, "web", 60, TTL).await;
    all_answered(&holders).await;
    cluster.kill_all();
    let starts = Instant::now() + 2 * TTL;
    tokio::time::sleep_until(starts).await;
    cluster.members().iter().for_each(quorate_tests::Member::start);
    nothing_has_lapsed(&holders, "all members began anew").await;
}

#[tokio::test]
async fn wall_clocks_decide_nothing_about_leases() {
    if let Some(reason) = missing(&["faketime"]) {
        skip(&reason);
        return;
    }
    let cluster = Cluster::start(3).await;
    let clocks: Vec<WallClock> = cluster
        .members()
        .iter()
        .map(|member| {
            WallClock::new(cluster.files(), &format!("member-{}", member.number())).expect("faketime is here")
        })
        .collect();
    for (member, clock) in cluster.members().iter().zip(&clocks) {
        member.surround(clock.surroundings());
        member.restart();
        member.wait_ready().await;
    }
    let holders = Holders::settle(&cluster, "web", 60, TTL).await;
    for offset in ["+1y", "-1y", "+0"] {
        for clock in &clocks {
            clock.set(offset);
        }
        nothing_has_lapsed(&holders, &format!("the wall clocks were off by {offset}")).await;
    }
}

//! Members die, hang and stop while clients write: what was acknowledged stays, and writes come back.

use std::time::Duration;

use quorate_client::Client;
use quorate_model::{Consistency, Metadata, MetadataKey};
use quorate_tests::{
    Cluster, Load, Member, READY_WITHIN, SETTLED_WITHIN, figure, id, parts, registration, seed, service,
};
use tokio::{task::JoinSet, time::Instant};

/// Writers at a time: some are always in flight when something dies.
const WRITERS: usize = 8;

/// Acknowledged writes before a fault counts as one under load.
const WARM: usize = 100;

/// Writes have to be back this soon after the leader was killed.
const FAILOVER_MAX: Duration = Duration::from_secs(3);

#[tokio::test]
async fn writes_are_back_within_three_seconds_of_a_killed_leader() {
    let cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, WRITERS, seed());
    let mut kills = Vec::new();
    for _ in 0..3 {
        load.acknowledges(WARM, READY_WITHIN).await;
        let leader = cluster.leader().await;
        kills.push(Instant::now());
        leader.kill();
        load.acknowledges(WARM, READY_WITHIN).await;

        let restarted = Instant::now();
        leader.start();
        leader.wait_ready().await;
        figure(format_args!(
            "a restarted member serves again after {:?}",
            restarted.elapsed()
        ));
    }
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
    for kill in kills {
        let gap = history.gap_after(kill);
        figure(format_args!(
            "first acknowledged write {gap:?} after kill -9 of the leader"
        ));
        assert!(gap < FAILOVER_MAX, "no write was acknowledged for {gap:?}");
    }
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_when_all_members_are_killed_at_once() {
    let cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, WRITERS, seed());
    let mut kills = Vec::new();
    for _ in 0..4 {
        load.acknowledges(WARM, SETTLED_WITHIN).await;
        cluster.kill_all();
        kills.push(Instant::now());
        cluster.members().iter().for_each(Member::start);
    }
    load.acknowledges(WARM, SETTLED_WITHIN).await;
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
    for kill in kills {
        let gap = history.gap_after(kill);
        figure(format_args!(
            "first acknowledged write {gap:?} after kill -9 of all members"
        ));
    }
}

#[tokio::test]
async fn a_leader_that_is_stopped_hands_over() {
    let cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(WARM, READY_WITHIN).await;
    let leader = cluster.leader().await;
    let stopped = Instant::now();
    leader.terminate().await;
    figure(format_args!("the leader has stopped after {:?}", stopped.elapsed()));
    load.acknowledges(WARM, READY_WITHIN).await;
    leader.start();
    leader.wait_ready().await;
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
    let pause = history.longest_pause(stopped);
    figure(format_args!(
        "longest pause between acknowledged writes {pause:?} around a graceful stop"
    ));
    assert!(
        pause < FAILOVER_MAX,
        "a graceful stop is no slower than a crash: {pause:?}"
    );
}

#[tokio::test]
async fn a_follower_that_was_down_catches_up() {
    let cluster = Cluster::start(3).await;
    let follower = cluster.followers().await[0];
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(WARM, READY_WITHIN).await;
    follower.kill();
    load.acknowledges(5 * WARM, SETTLED_WITHIN).await;
    follower.start();
    follower.wait_ready().await;
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
}

#[tokio::test]
async fn a_leader_that_hung_never_answers_a_linearizable_read_with_what_is_old() {
    let cluster = Cluster::start(3).await;
    let mut read_values = 0;
    for round in 1..=3 {
        let leader = cluster.leader().await;
        write(leader.client(), round * 10).await;
        leader.pause();
        let others: Vec<_> = cluster
            .members()
            .iter()
            .filter(|it| it.number() != leader.number())
            .collect();
        let written = round * 10 + 1;
        write(&asks_first(&cluster, others[0].number()), written).await;

        // Asked after the write was acknowledged, by clients that do not know that the member hangs.
        let mut reads = JoinSet::new();
        for _ in 0..20 {
            let client = leader.client().clone();
            reads.spawn(async move { read(&client).await });
        }
        // By the time that one more write is through they wait at its door: the first thing that it sees.
        write(&asks_first(&cluster, others[0].number()), written + 1).await;
        leader.resume();
        for value in reads.join_all().await.into_iter().flatten() {
            assert!(value >= written, "read {value} after {written} had been acknowledged");
            read_values += 1;
        }
        leader.wait_ready().await;
        let value = read(leader.client()).await.expect("a member that is ready answers");
        assert_eq!(value, written + 1);
    }
    figure(format_args!(
        "{read_values} of 60 reads answered by leaders that had hung"
    ));
    cluster.converge(SETTLED_WITHIN).await;
}

fn asks_first(cluster: &Cluster, number: u64) -> Client {
    let skipped = usize::try_from(number - 1).expect("a small number");
    cluster
        .client_builder(skipped)
        .deadline(READY_WITHIN)
        .build()
        .expect("a cluster with members")
}

/// Writes until it is acknowledged: an unknown outcome is no end here, the value is the same each time.
async fn write(client: &Client, value: u64) {
    let mut parts = parts(80);
    parts.metadata = Metadata::parse([("value", value.to_string())]).expect("short metadata");
    quorate_tests::eventually(READY_WITHIN, "a write is acknowledged", async || {
        client
            .register(&service("s"), &id("i"), registration(parts.clone()))
            .await
    })
    .await;
}

async fn read(client: &Client) -> Option<u64> {
    let answer = client
        .with_consistency(Consistency::Linearizable)
        .get_instance(&service("s"), &id("i"))
        .await
        .ok()?;
    let key = MetadataKey::try_from("value").expect("a valid key");
    answer.value.spec().metadata().get(&key)?.as_str().parse().ok()
}

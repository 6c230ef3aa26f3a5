//! The SDK as its users have it: the examples run, and no call fails while members die, stop, come and go.

use quorate_client::{Builder, Client};
use quorate_model::DoorAddress;
use quorate_tests::{Cluster, Member, READY_WITHIN, SETTLED_WITHIN, Workers, eventually, figure, run_example, seed};

/// Workers at a time: some are always in flight when something happens.
const WORKERS: usize = 6;

/// Acknowledged writes before and after each fault.
const WARM: usize = 60;

#[tokio::test]
async fn the_examples_do_what_they_say() {
    let cluster = Cluster::start(3).await;
    let endpoints: Vec<String> = cluster
        .members()
        .iter()
        .map(|member| door(member).to_string())
        .collect();
    // The first one learns of the others, and the last one of them goes nowhere by itself.
    let (one, all) = (endpoints[0].as_str(), endpoints.join(","));
    let cases: [(&str, &str, &[&str]); 3] = [
        (
            "register_and_resolve",
            one,
            &[
                "registered web-1: created",
                "registered web-2: created",
                "resolved web-1 at 10.0.0.1:8080",
                "picked one of 2: example-web",
                "deregistered web-1: true",
                "deregistered web-2: true",
            ],
        ),
        (
            "exactly_once",
            one,
            &[
                "registered worker-1: created",
                "updated worker-1: true",
                "batch: 3 of 3 done",
                "the session is over",
            ],
        ),
        (
            "read_your_writes",
            &all,
            &[
                "the writer sees 1 instance",
                "the reader sees 1 instance",
                "and goes on seeing 1 instance",
                "within the bound: true",
            ],
        ),
    ];
    for (name, endpoints, expected) in cases {
        let finished = run_example(name, endpoints).await.exited_with(0);
        assert_eq!(
            finished.stdout.lines().collect::<Vec<_>>(),
            expected,
            "{name}: {finished:#?}"
        );
    }
}

#[tokio::test]
async fn no_call_fails_while_leaders_are_killed() {
    let cluster = Cluster::start(3).await;
    let workers = start_workers(&cluster).await;
    for _ in 0..3 {
        workers.acknowledge(WARM, READY_WITHIN).await;
        let leader = cluster.leader().await;
        leader.kill();
        workers.acknowledge(WARM, READY_WITHIN).await;
        leader.start();
        leader.wait_ready().await;
    }
    finish(workers, "3 killed leaders").await;
}

#[tokio::test]
async fn no_call_fails_while_a_leader_hangs() {
    let cluster = Cluster::start(3).await;
    let workers = start_workers(&cluster).await;
    workers.acknowledge(WARM, READY_WITHIN).await;
    let leader = cluster.leader().await;
    leader.pause();
    workers.acknowledge(WARM, READY_WITHIN).await;
    leader.resume();
    leader.wait_ready().await;
    finish(workers, "a leader that hung").await;
}

#[tokio::test]
async fn no_call_fails_while_all_members_are_restarted_one_after_the_other() {
    let cluster = Cluster::start(3).await;
    let workers = start_workers(&cluster).await;
    for member in cluster.members() {
        workers.acknowledge(WARM, READY_WITHIN).await;
        member.terminate().await;
        workers.acknowledge(WARM, READY_WITHIN).await;
        member.start();
        member.wait_ready().await;
    }
    finish(workers, "3 restarts").await;
}

#[tokio::test]
async fn clients_that_know_one_member_follow_the_cluster_to_entirely_new_ones() {
    let mut cluster = Cluster::start(3).await;
    let workers = start_workers(&cluster).await;
    workers.acknowledge(WARM, READY_WITHIN).await;
    for old in 1..=3 {
        cluster.join(&[1, 2, 3]).wait_ready().await;
        workers.acknowledge(WARM, READY_WITHIN).await;
        let member = cluster.member(old);
        let others = builder(cluster.member(old + 3))
            .build()
            .expect("a client with an endpoint");
        eventually(SETTLED_WITHIN, "the member is removed", async || {
            others.remove_member(member.id()).await
        })
        .await;
        assert_eq!(
            member.ended().await,
            Some(0),
            "a member that was removed stops by itself"
        );
        workers.acknowledge(WARM, READY_WITHIN).await;
    }
    finish(workers, "all members replaced").await;
}

/// Workers whose clients know the first member only.
async fn start_workers(cluster: &Cluster) -> Workers {
    Workers::start_with(WORKERS, seed(), |_| builder(cluster.member(1))).await
}

async fn finish(workers: Workers, what: &str) {
    let report = workers.stop().await;
    figure(format_args!(
        "{} writes, {} reads around {what}",
        report.writes, report.reads
    ));
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
}

/// A client that is told of this member, and learns of the others.
fn builder(member: &Member) -> Builder {
    Client::builder().endpoints([door(member)])
}

fn door(member: &Member) -> DoorAddress {
    member.doors().client.try_into().expect("a port that is not 0")
}

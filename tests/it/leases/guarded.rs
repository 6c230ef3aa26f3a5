//! Answers do not collapse when most of those who hold leases fall silent.

use std::time::Duration;

use quorate_client::{Answer, Client, Instances};
use quorate_model::{Consistency, Filter, Found, GuardScope, Liveness};
use quorate_tests::{Cluster, Holders, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, figure, service};
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(2);

/// How many hold leases, and how many of them fall silent.
const HOLDERS: usize = 100;
const SILENT: usize = 60;

/// The fewest that an answer may hold: what lapses up to the guard's share is out.
const ANSWERED_LEAST: usize = HOLDERS - HOLDERS * 15 / 100;

async fn answer(client: &Client) -> Answer<Instances> {
    let confirmed = client.with_consistency(Consistency::Linearizable);
    confirmed
        .resolve(&service("web"), Filter::default())
        .await
        .expect("there is a leader")
}

fn count(answer: &Answer<Instances>, liveness: Liveness) -> usize {
    let instances = answer.value.instances.iter();
    instances.filter(|found| found.liveness() == liveness).count()
}

#[tokio::test]
async fn an_answer_does_not_collapse_when_most_holders_fall_silent_and_is_whole_when_they_speak() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let holders = Holders::settle(&cluster, "web", HOLDERS, TTL).await;
    holders.silence(0..SILENT);
    let mut least = HOLDERS;
    eventually(SETTLED_WITHIN, "all who are silent are suspect", async || {
        let answer = answer(&client).await;
        least = least.min(answer.value.instances.len());
        let suspect = count(&answer, Liveness::Suspect);
        ensure(
            suspect + (HOLDERS - answer.value.instances.len()) == SILENT,
            format!("{suspect} are"),
        )
    })
    .await;
    // For as long as nobody would wait any more.
    let until = Instant::now() + 4 * TTL;
    while Instant::now() < until {
        let answer = answer(&client).await;
        least = least.min(answer.value.instances.len());
        assert!(answer.header.guards_raised > 0, "{:?}", answer.header);
        assert!(!answer.value.guards.is_empty());
    }
    assert!(least >= ANSWERED_LEAST, "an answer shrank to {least}");
    let guards = client.list_guards().await.unwrap().value;
    assert!(
        guards.iter().any(|guard| matches!(guard.scope, GuardScope::Service(_))),
        "{guards:?}"
    );
    cluster.converge(SETTLED_WITHIN).await;

    holders.speak();
    eventually(SETTLED_WITHIN, "all live again, and the guards drop", async || {
        let answer = answer(&client).await;
        let live = count(&answer, Liveness::Live);
        let guards = answer.header.guards_raised;
        ensure(live == HOLDERS && guards == 0, format!("{live} live, {guards} guards"))
    })
    .await;
    let back = answer(&client).await;
    let generations = holders.held().iter().map(|held| held.generation);
    let mut expected: Vec<_> = generations.collect();
    let mut found: Vec<_> = back.value.instances.iter().map(Found::generation).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "nobody has registered again");
    assert_eq!(holders.seen().unknown, 0);
    figure(format!("{SILENT} of {HOLDERS} holders silent: no answer below {least}"));

    // A few that die lapse on time, unguarded.
    holders.silence([7, 8, 9]);
    let died = Instant::now();
    let bound = TTL.mul_f64(1.11) + Duration::from_secs(3);
    eventually(bound + READY_WITHIN / 10, "three that died are out", async || {
        let answered = answer(&client).await.value.instances.len();
        ensure(answered == HOLDERS - 3, format!("{answered} are answered"))
    })
    .await;
    assert!(
        died.elapsed() >= TTL / 2,
        "they had been renewed a third of the TTL before, at most"
    );
}

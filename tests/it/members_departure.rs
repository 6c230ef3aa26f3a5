//! A member that was removed learns it; one that was not never believes it.

use quorate_tests::{
    Cluster, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, figure, id, parts, registration, service,
};
use tokio::task::JoinSet;

/// What a member logs when it has asked another one in vain.
const ASKED_IN_VAIN: &str = "it is not known there whether this member was removed";

/// Questions in vain before a member counts as having doubted enough.
const DOUBTS: usize = 6;

const VERBOSE: &str = "log_level = \"info,quorate_registry=debug\"\n";

async fn wait_for_doubts(cluster: &Cluster, number: u64) {
    eventually(SETTLED_WITHIN, "the member has asked and asked", async || {
        let asked = cluster.member(number).log().matches(ASKED_IN_VAIN).count();
        ensure(asked >= DOUBTS, asked)
    })
    .await;
}

#[tokio::test]
async fn a_member_that_was_removed_while_it_was_down_learns_it_when_it_starts() {
    let cluster = Cluster::start(3).await;
    let gone = cluster.followers().await[0].number();
    cluster.member(gone).kill();
    cluster.run_ok(&["member", "remove", &gone.to_string()]).await;
    let late = cluster.member(gone);
    late.start();
    assert_eq!(late.ended().await, Some(0), "{}", late.log());
    late.start();
    assert_eq!(late.ended().await, Some(1), "{}", late.log());
    let log = late.log();
    assert!(
        log.contains(&format!("member {gone} was removed from cluster")),
        "{log}"
    );

    // Wiped, it joins as a new one, where it was.
    std::fs::remove_dir_all(late.data()).unwrap();
    late.start();
    let joined = late.wait_ready().await;
    assert_eq!(joined.header.member_id.get(), 4);
    cluster.converge(SETTLED_WITHIN).await;
}

#[tokio::test]
async fn a_learner_that_was_removed_learns_it() {
    let mut cluster = Cluster::start(1).await;
    let flags = [
        format!("--join={}", cluster.member(1).doors().peer),
        "--learner".to_owned(),
    ];
    cluster
        .add(&flags)
        .wait_until("follows", READY_WITHIN, |answer| answer.value.ready)
        .await;
    cluster.run_ok(&["member", "remove", "2"]).await;
    assert_eq!(cluster.member(2).ended().await, Some(0));
}

#[tokio::test]
async fn a_member_that_is_cut_off_never_believes_that_it_was_removed() {
    let cluster = Cluster::start_with(3, VERBOSE).await;
    let lonely = cluster.followers().await[0];
    let others = || cluster.members().iter().filter(|it| it.number() != lonely.number());
    for member in others() {
        member.pause();
    }
    wait_for_doubts(&cluster, lonely.number()).await;
    lonely
        .wait_until("serves no more", READY_WITHIN, |answer| !answer.value.ready)
        .await;
    for member in others() {
        member.resume();
    }
    lonely.wait_ready().await;
    let voters = cluster.client().list_members().await.unwrap().value.members;
    assert_eq!(voters.iter().filter(|member| member.voter).count(), 3);
}

#[tokio::test]
async fn a_removal_that_no_quorum_has_committed_is_believed_by_nobody() {
    let mut cluster = Cluster::start_with(3, VERBOSE).await;
    let leader = cluster.leader().await.number();
    let flags = [
        format!("--join={}", cluster.member(leader).doors().peer),
        "--learner".to_owned(),
    ];
    cluster
        .add(&flags)
        .wait_until("follows", READY_WITHIN, |answer| answer.value.ready)
        .await;
    // The leader and the learner are cut off from the two that are a quorum, and the leader begins what it cannot end.
    let quorum = || {
        (1..=3)
            .filter(|number| *number != leader)
            .map(|number| cluster.member(number))
    };
    let before = cluster.member(leader).status().await.unwrap().value.last_log_index;
    for member in quorum() {
        member.pause();
    }
    let client = cluster.member(leader).client().clone();
    let mut removing = JoinSet::new();
    removing.spawn(async move { client.remove_member(4.try_into().unwrap()).await });
    eventually(READY_WITHIN, "the removal is in the leader's log", async || {
        let now = cluster.member(leader).status().await.unwrap().value.last_log_index;
        ensure(now > before, now)
    })
    .await;
    let learner = cluster.member(4);
    wait_for_doubts(&cluster, 4).await;
    learner
        .wait_until("serves no more", READY_WITHIN, |answer| !answer.value.ready)
        .await;
    assert!(!learner.log().contains("was removed from cluster"), "{}", learner.log());

    // What became of it in the end, all agree upon.
    for member in quorum() {
        member.resume();
    }
    let _unknown = removing.join_next().await;
    let write = cluster.client();
    eventually(READY_WITHIN, "a write is acknowledged", async || {
        write.register(&service("s"), &id("i"), registration(parts(80))).await
    })
    .await;
    let listed = cluster.client().list_members().await.unwrap().value.members;
    let is_member = listed.iter().any(|member| member.id.get() == 4);
    figure(format_args!(
        "the removal that was cut off was committed in the end: {}",
        !is_member
    ));
    if is_member {
        learner
            .wait_until("follows again", SETTLED_WITHIN, |answer| answer.value.ready)
            .await;
    } else {
        assert_eq!(learner.ended().await, Some(0));
    }
}

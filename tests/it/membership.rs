//! How nodes come to belong to a cluster, and how they do not.

use std::fs;

use quorate_client::Role;
use quorate_tests::{Cluster, READY_WITHIN, ensure, eventually, id, parts, registration, run, service};

#[tokio::test]
async fn members_join_in_order_and_are_promoted() {
    let cluster = Cluster::start(3).await;
    let answer = cluster.leader().await.status().await.unwrap();
    let members = &answer.value.members;
    assert_eq!(
        members.iter().map(|member| member.id.get()).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    for (member, started) in members.iter().zip(cluster.members()) {
        assert!(member.voter, "{member:?}");
        assert_eq!(member.peer_address.to_string(), started.doors().peer.to_string());
        assert_eq!(member.client_address.to_string(), started.doors().client.to_string());
        assert!(
            member.matched_index.is_some(),
            "the leader knows how far {} is",
            member.id
        );
    }
    for member in cluster.members() {
        let own = member.status().await.unwrap();
        assert_eq!(own.header.member_id, member.id());
        assert_eq!(own.header.cluster_id, answer.header.cluster_id);
    }
}

#[tokio::test]
async fn a_member_joins_through_a_follower() {
    let mut cluster = Cluster::start(2).await;
    let follower = cluster.followers().await[0].number();
    let joined = cluster.join(&[follower]).wait_ready().await;
    assert_eq!(joined.header.member_id.get(), 3);
}

#[tokio::test]
async fn a_node_waits_for_the_cluster_that_it_is_to_join() {
    let mut cluster = Cluster::empty();
    // Nobody is there yet: the founder will have the next number.
    let founder = cluster.doors(2);
    cluster.add(&[format!("--join={}", founder.peer)]);
    eventually(READY_WITHIN, "the node says that it waits", async || {
        let log = cluster.member(1).log();
        ensure(log.contains(&founder.peer.to_string()), log)
    })
    .await;
    cluster.found().wait_ready().await;
    let joined = cluster.member(1).wait_ready().await;
    assert_eq!(joined.header.member_id.get(), 2);
}

#[tokio::test]
async fn a_node_that_is_killed_while_it_joins_keeps_its_id() {
    let mut cluster = Cluster::start(1).await;
    cluster.join(&[1]);
    // At different moments of the join, some of them before and some after it has an id.
    for _ in 0..10 {
        let joiner = cluster.member(2);
        joiner.restart();
        let log = joiner.log().len();
        eventually(READY_WITHIN, "the node has begun", async || {
            ensure(cluster.member(2).log().len() > log, "nothing in its log")
        })
        .await;
    }
    cluster.member(2).restart();
    cluster.member(2).wait_ready().await;
    let third = cluster.join(&[1, 2]).wait_ready().await;
    let ids: Vec<u64> = third.value.members.iter().map(|member| member.id.get()).collect();
    assert_eq!(ids, [1, 2, 3], "no id was lost to a join that was broken off");
}

#[tokio::test]
async fn a_restarted_member_goes_on_where_it_was_and_ignores_how_it_came() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    client
        .register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    let before = client.status().await.unwrap().header.cluster_id;
    for member in cluster.members() {
        // With the same flags: --bootstrap for the first, --join for the others.
        member.terminate().await;
        member.start();
        let answer = member.wait_ready().await;
        assert_eq!(
            (answer.header.member_id, answer.header.cluster_id),
            (member.id(), before)
        );
        assert_eq!(answer.value.members.len(), 3);
        assert!(
            member.log().contains("ignore"),
            "the log says that the flags are ignored: {}",
            member.log()
        );
    }
    cluster.converge(READY_WITHIN).await;
    let services = client
        .with_consistency(quorate_model::Consistency::Linearizable)
        .list_services()
        .await
        .unwrap();
    assert_eq!(services.value.len(), 1);
}

#[tokio::test]
async fn a_learner_follows_without_a_vote() {
    let mut cluster = Cluster::start(1).await;
    let flags = [
        format!("--join={}", cluster.member(1).doors().peer),
        "--learner".to_owned(),
    ];
    let learner = cluster.add(&flags);
    let answer = learner
        .wait_until("follows as a learner", READY_WITHIN, |answer| {
            answer.value.ready && answer.value.role == Role::Learner
        })
        .await;
    assert!(
        answer
            .value
            .members
            .iter()
            .all(|member| member.voter == (member.id.get() == 1))
    );
    // What it is asked to do, it forwards.
    learner
        .client()
        .register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    cluster.converge(READY_WITHIN).await;
}

#[tokio::test]
async fn a_wiped_node_is_not_let_in_at_the_address_of_a_voter() {
    let mut cluster = Cluster::start(3).await;
    let wiped = cluster.member(3);
    wiped.kill();
    fs::remove_dir_all(wiped.data()).unwrap();
    wiped.start();
    eventually(READY_WITHIN, "the wiped node is refused", async || {
        let log = wiped.log();
        let peer = wiped.doors().peer.to_string();
        let refused = log
            .lines()
            .any(|line| line.contains(&peer) && line.contains("member 3"));
        ensure(refused, log)
    })
    .await;
    let members = cluster.leader().await.status().await.unwrap().value.members;
    assert_eq!(members.len(), 3, "{members:?}");
    // The other two go on, and let others in.
    cluster
        .client()
        .register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    let fourth = cluster.join(&[1]).wait_ready().await;
    assert!(fourth.header.member_id.get() > 3, "ids are not given out twice");
}

#[tokio::test]
async fn a_founder_that_lost_its_data_does_not_found_a_second_cluster() {
    let cluster = Cluster::start(2).await;
    let lost = cluster.doors(3);
    let data = cluster.files().join("lost");
    let mut arguments = vec![
        "server".to_owned(),
        format!("--data-dir={}", data.display()),
        "--bootstrap".to_owned(),
    ];
    arguments.extend(lost.flags());
    let file = cluster.files().join("lost.toml");
    fs::write(
        &file,
        format!("peers = [{:?}]\n", cluster.member(2).doors().peer.to_string()),
    )
    .unwrap();
    arguments.push(format!("--config={}", file.display()));
    let finished = run(arguments).await.exited_with(1);
    finished.said(&[&cluster.member(2).doors().peer.to_string(), "--join"]);
}

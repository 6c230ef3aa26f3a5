//! A node takes the place of a member that is gone, at its address and at another: in one change.

use quorate_tests::{Cluster, Load, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, seed};

/// Writers at a time: some are always in flight when something changes.
const WRITERS: usize = 4;

/// Acknowledged writes between two changes: each is made under load.
const WARM: usize = 50;

async fn wait_for_members(cluster: &Cluster, ids: &[u64]) {
    eventually(SETTLED_WITHIN, &format!("{ids:?} are members and vote"), async || {
        let list = cluster
            .client()
            .list_members()
            .await
            .map_err(|error| error.to_string())?;
        let members = &list.value.members;
        let found: Vec<u64> = members.iter().map(|member| member.id.get()).collect();
        let all_vote = members.iter().all(|member| member.voter);
        ensure(found == ids && all_vote && !list.value.changing, format!("{list:?}"))
    })
    .await;
}

/// A member that does not lead, dead.
async fn dead_member(cluster: &Cluster) -> u64 {
    let follower = cluster.followers().await[0];
    follower.kill();
    follower.number()
}

fn joining(cluster: &Cluster, through: u64) -> String {
    format!("--join={}", cluster.member(through).doors().peer)
}

#[tokio::test]
async fn a_node_takes_the_place_of_a_dead_member_at_its_address() {
    let mut cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(WARM, READY_WITHIN).await;
    let dead = dead_member(&cluster).await;
    let leader = cluster.leader().await.number();
    let flags = [joining(&cluster, leader), format!("--replace={dead}")];
    let doors = cluster.doors(dead);
    let joined = cluster.add_at(doors, &flags).wait_ready().await;
    assert_eq!(joined.header.member_id.get(), 4);
    cluster.forget(dead);
    let ids: Vec<u64> = (1..=4).filter(|id| *id != dead).collect();
    wait_for_members(&cluster, &ids).await;
    load.acknowledges(WARM, READY_WITHIN).await;
    // With the same flags: who has data ignores them.
    let fourth = cluster.member(4);
    fourth.terminate().await;
    fourth.start();
    fourth.wait_ready().await;
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
}

#[tokio::test]
async fn a_node_takes_the_place_of_a_dead_member_at_another_address() {
    let mut cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(WARM, READY_WITHIN).await;
    let dead = dead_member(&cluster).await;
    let leader = cluster.leader().await.number();
    let flags = [joining(&cluster, leader), format!("--replace={dead}")];
    cluster.add(&flags).wait_ready().await;
    let ids: Vec<u64> = (1..=4).filter(|id| *id != dead).collect();
    wait_for_members(&cluster, &ids).await;
    // The one that is gone comes back, and is told.
    let late = cluster.member(dead);
    late.start();
    assert_eq!(late.ended().await, Some(0), "{}", late.log());
    assert!(late.log().contains("was removed from cluster"), "{}", late.log());
    cluster.forget(dead);
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
}

#[tokio::test]
async fn a_member_that_is_heard_of_keeps_its_place() {
    let mut cluster = Cluster::start(3).await;
    let follower = cluster.followers().await[0].number();
    let leader = cluster.leader().await.number();
    let flags = [joining(&cluster, leader), format!("--replace={follower}")];
    cluster.add(&flags);
    eventually(READY_WITHIN, "the node says why it waits", async || {
        let log = cluster.member(4).log();
        let reason = format!("member {follower} has been silent for");
        ensure(log.contains(&reason) && log.contains("too short a time"), log)
    })
    .await;
    wait_for_members(&cluster, &[1, 2, 3]).await;
    // Until it is gone.
    cluster.member(follower).kill();
    cluster.member(4).wait_ready().await;
    cluster.forget(follower);
    let ids: Vec<u64> = (1..=4).filter(|id| *id != follower).collect();
    wait_for_members(&cluster, &ids).await;
}

#[tokio::test]
async fn an_operator_puts_a_member_that_has_joined_in_the_place_of_a_dead_one_and_of_the_leader() {
    let mut cluster = Cluster::start(3).await;
    let load = Load::start(&cluster, WRITERS, seed());
    load.acknowledges(WARM, READY_WITHIN).await;
    // A dead one, by a voter.
    let dead = dead_member(&cluster).await;
    let leader = cluster.leader().await.number();
    cluster.join(&[leader]).wait_ready().await;
    cluster
        .run_ok(&["member", "replace", "--wait", &dead.to_string(), "4"])
        .await;
    cluster.forget(dead);
    let ids: Vec<u64> = (1..=4).filter(|id| *id != dead).collect();
    wait_for_members(&cluster, &ids).await;
    load.acknowledges(WARM, READY_WITHIN).await;

    // The leader, by a learner.
    let leader = cluster.leader().await.number();
    let flags = [joining(&cluster, leader), "--learner".to_owned()];
    cluster.add(&flags);
    cluster
        .run_ok(&["member", "replace", "--wait", &leader.to_string(), "5"])
        .await;
    assert_eq!(cluster.member(leader).ended().await, Some(0));
    cluster.forget(leader);
    let ids: Vec<u64> = ids.into_iter().chain([5]).filter(|id| *id != leader).collect();
    wait_for_members(&cluster, &ids).await;
    load.acknowledges(WARM, READY_WITHIN).await;
    let history = load.stop().await;
    cluster.assert_kept(&history).await;
}

#[tokio::test]
async fn a_member_that_has_not_come_takes_nobodys_place() {
    let cluster = Cluster::start(3).await;
    let doors = cluster.doors(4);
    let (peer, client) = (doors.peer.to_string(), doors.client.to_string());
    let add = ["member", "add", "--peer-address", &peer, "--client-address", &client];
    cluster.run_ok(&add).await;
    let refused = cluster.run(&["member", "replace", "3", "4"]).await.exited_with(1);
    refused.said(&["member 4 has not been heard of"]);
    cluster.run(&["member", "replace", "3", "99"]).await.exited_with(3);
    cluster.run(&["member", "replace", "3", "3"]).await.exited_with(1);
}

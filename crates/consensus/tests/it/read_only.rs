//! While a voter is short of disk, nothing that makes the state grow gets in, whoever it comes from.

use quorate_consensus::{ProposeError, Retention};
use quorate_model::{JoinNonce, LeaseId, LeaseTtl, MemberId, RemoveAfter, RequestKey, Sequence};
use quorate_state::{Command, Mutation, Outcome};

use crate::{
    cluster::{Cluster, DEADLINE, eventually},
    replication::long_register,
};

fn deregister(id: &str) -> Command {
    let Command::Mutate(Mutation::Register { key, .. }) = long_register(id) else {
        panic!("a registration registers")
    };
    Command::Mutate(Mutation::Deregister { key, generation: None })
}

async fn propose(cluster: &Cluster, via: u64, leader: u64, command: &Command) -> Result<(), ProposeError> {
    let leader = leader.try_into().unwrap();
    let proposed = cluster.node(via).propose(leader, command.encode().unwrap(), DEADLINE);
    proposed.await.map(drop)
}

/// Has `id` tell its leader how its disk is, as it does with every read that it has confirmed.
async fn report(cluster: &Cluster, id: u64, reason: Option<&str>) {
    cluster.node(id).report_disk(reason.map(ToOwned::to_owned));
    cluster.read_index(id).await;
}

#[tokio::test]
async fn while_a_voter_is_short_of_disk_only_what_does_not_grow_gets_in() {
    let cluster = Cluster::patient(3).await;
    let leader = cluster.leader().await;
    let short = (1..=3).find(|id| *id != leader).unwrap();
    propose(&cluster, leader, leader, &long_register("web-1"))
        .await
        .unwrap();
    report(&cluster, short, Some("there is too little space")).await;
    for via in 1..=3 {
        let refused = propose(&cluster, via, leader, &long_register("web-2")).await;
        let Err(ProposeError::ReadOnly(reason)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(reason, format!("on member {short}, there is too little space"));
    }
    propose(&cluster, short, leader, &deregister("web-1")).await.unwrap();
    // A node may have to come in the place of the member that is short.
    let nonce = JoinNonce::new(7);
    let allocate = Command::AllocateMember { nonce };
    propose(&cluster, short, leader, &allocate).await.unwrap();
    // Everybody who asks hears of it.
    for id in 1..=3 {
        let node = cluster.node(id);
        cluster.read_index(id).await;
        assert!(node.read_only().is_some(), "member {id} does not know");
    }
    report(&cluster, short, None).await;
    propose(&cluster, short, leader, &long_register("web-2")).await.unwrap();
    for id in 1..=3 {
        let node = cluster.node(id);
        cluster.read_index(id).await;
        assert_eq!(node.read_only(), None);
    }
}

/// The registration as a write that takes effect once.
fn once(register: Command, lease: LeaseId, sequence: u64) -> Command {
    let Command::Mutate(mutation) = register else {
        panic!("a registration is one mutation")
    };
    let sequence = Sequence::try_from(sequence).unwrap();
    let key = RequestKey::new(lease, sequence, Sequence::FIRST).unwrap();
    Command::Batch {
        key: Some(key),
        items: vec![(0, mutation)],
    }
}

#[tokio::test]
async fn what_was_done_before_is_answered_again_while_a_voter_is_short_of_disk() {
    let cluster = Cluster::patient(3).await;
    let leader = cluster.leader().await;
    let short = (1..=3).find(|id| *id != leader).unwrap();
    let ask = async |command: &Command| {
        let leader = leader.try_into().unwrap();
        let proposed = cluster.node(short).propose(leader, command.encode().unwrap(), DEADLINE);
        proposed.await.map(|applied| applied.outcome)
    };
    let grant = |incarnation: u64| Command::GrantLease {
        owner: None,
        incarnation: incarnation.try_into().unwrap(),
        ttl: LeaseTtl::default(),
        remove_after: RemoveAfter::of(LeaseTtl::default()),
        granted_at_ms: 0,
    };
    let Outcome::LeaseGranted { id, .. } = ask(&grant(1)).await.unwrap() else {
        panic!("a lease is granted")
    };
    let write = once(long_register("web-1"), id, 1);
    let first = ask(&write).await.unwrap();
    report(&cluster, short, Some("there is too little space")).await;
    assert_eq!(ask(&write).await, Ok(first));
    assert!(matches!(ask(&grant(1)).await, Ok(Outcome::LeaseGranted { .. })));
    for new in [grant(2), once(long_register("web-2"), id, 2)] {
        let refused = ask(&new).await;
        assert!(matches!(refused, Err(ProposeError::ReadOnly(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_leader_that_is_short_of_disk_counts_at_once_and_so_does_its_successor() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let leader = cluster.leader().await;
    cluster
        .node(leader)
        .report_disk(Some("there is too little space".to_owned()));
    let refused = propose(&cluster, leader, leader, &long_register("web-1")).await;
    assert!(matches!(refused, Err(ProposeError::ReadOnly(_))), "{refused:?}");
    cluster.node(leader).step_down(DEADLINE).await;
    let new = cluster.leader().await;
    assert_ne!(new, leader);
    eventually("the new leader", || {
        (cluster.node(leader).leader().map(MemberId::get) == Some(new)).then_some(())
    })
    .await;
    report(&cluster, leader, Some("there is too little space")).await;
    let refused = propose(&cluster, new, new, &long_register("web-1")).await;
    assert!(matches!(refused, Err(ProposeError::ReadOnly(_))), "{refused:?}");
}

//! The identity of the cluster and the ids of its members.

use quorate_model::{ClusterId, Epoch, MemberId, Revision};
use quorate_state::{Command, Outcome, Rejection, State};

use crate::samples::{CLUSTER, Node, allocate, claim, deregister, found, held, register};

fn allocated(id: u64) -> Outcome {
    Outcome::MemberAllocated(MemberId::try_from(id).expect("not 0"))
}

#[test]
fn founding_gives_the_cluster_its_identity_and_its_first_member() {
    let node = Node::founded();
    let cluster = node.state.cluster().unwrap();
    assert_eq!(
        (cluster.id, cluster.epoch, cluster.base),
        (CLUSTER, Epoch::new(1), Revision::ZERO)
    );
    assert_eq!(node.state.last_member(), Some(MemberId::FIRST));
}

#[test]
fn founding_again_is_idempotent_only_with_the_same_values() {
    let mut node = Node::founded();
    assert_eq!(node.apply_in_vain(&found()), Outcome::Founded);
    for (id, epoch) in [(0xC2, 1), (0xC1, 2)] {
        let other = Command::Found {
            cluster_id: ClusterId::new(id),
            epoch: Epoch::new(epoch),
        };
        let rejected = Outcome::Rejected(Rejection::AlreadyFounded { cluster_id: CLUSTER });
        assert_eq!(node.apply_in_vain(&other), rejected);
    }
}

#[test]
fn nothing_is_done_before_the_cluster_is_founded() {
    let mut node = Node::default();
    for command in [allocate(1), register("a", held(80, "", 0)), deregister("a", None)] {
        let rejected = Outcome::Rejected(Rejection::NotFounded);
        assert_eq!(node.apply_in_vain(&command), rejected, "{command:?}");
    }
}

#[test]
fn member_ids_count_from_2_and_belong_to_their_nonces() {
    let mut node = Node::founded();
    assert_eq!(node.apply(&allocate(70)).0, allocated(2));
    assert_eq!(node.apply(&allocate(50)).0, allocated(3));
    assert_eq!(node.apply_in_vain(&allocate(70)), allocated(2));
    assert_eq!(node.apply_in_vain(&allocate(50)), allocated(3));
    assert_eq!(node.state.last_member(), Some(MemberId::try_from(3).unwrap()));
}

#[test]
fn the_last_1024_nonces_are_remembered() {
    let mut node = Node::founded();
    for nonce in 0..1_025 {
        node.apply(&allocate(nonce));
    }
    assert_eq!(node.apply_in_vain(&allocate(1)), allocated(3));
    assert_eq!(node.apply_in_vain(&allocate(1_024)), allocated(1_026));
    assert_eq!(node.apply(&allocate(0)).0, allocated(1_027), "the oldest made room");
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn blank_entries_move_the_revision_and_nothing_else() {
    let mut node = Node::founded();
    let before = node.state.hash();
    node.state.advance(quorate_model::LogIndex::new(9));
    assert_eq!(node.state.revision(), Revision::new(9));
    assert_eq!(node.state.hash(), before);
    assert_eq!(State::new().revision(), Revision::ZERO);
}

#[test]
fn a_reserved_id_goes_to_whoever_was_meant_to_have_it() {
    let not_reserved = Outcome::Rejected(Rejection::NotReserved);
    let mut node = Node::founded();
    node.apply(&allocate(70));
    node.apply(&allocate(50));
    // Not an id, not reserved under that nonce, or wanted by somebody who has one.
    for (id, reserved, nonce) in [(9, 70, 71), (2, 50, 71), (3, 70, 71), (2, 70, 50)] {
        assert_eq!(node.apply_in_vain(&claim(id, reserved, nonce)), not_reserved);
    }
    assert_eq!(node.apply(&claim(2, 70, 71)).0, allocated(2));
    assert_eq!(node.apply_in_vain(&claim(2, 70, 71)), allocated(2), "a repetition");
    assert_eq!(node.apply_in_vain(&claim(2, 70, 72)), not_reserved, "it is taken");
    assert_eq!(node.apply_in_vain(&allocate(71)), allocated(2));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

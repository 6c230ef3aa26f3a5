//! A state that a new cluster starts with.

use proptest::prelude::*;
use quorate_model::{Availability, ClusterId, Epoch, LogIndex, MemberId, Revision};
use quorate_state::{Event, Outcome, State};

use crate::{
    arbitrary::steps,
    naive::Naive,
    samples::{
        CLUSTER, Node, allocate, batch, disabled, grant, held, key, register, set_availability, set_override,
        through_a_snapshot,
    },
};

const OTHER: ClusterId = ClusterId::new(0xC9);

fn restored(state: &State) -> State {
    state.clone().into_restored(OTHER, Epoch::new(77))
}

fn used() -> Node {
    let mut node = Node::founded();
    node.apply(&allocate(70));
    node.apply(&register("a", held(80, "pod", 1)));
    node.apply_stamped(9, &grant("pod", 1));
    node.apply(&batch(Some((4, 1)), vec![register("b", held(80, "pod", 1))]));
    node.apply(&set_override(disabled("a"), 500));
    node
}

#[test]
fn a_restored_state_has_another_identity_and_no_member_but_the_first() {
    let old = used().state;
    let new = restored(&old);
    let cluster = new.cluster().unwrap();
    assert_eq!((cluster.id, cluster.epoch), (OTHER, Epoch::new(77)));
    assert_ne!(cluster.id, CLUSTER);
    assert_eq!(new.last_member(), Some(MemberId::FIRST));
    assert_eq!(new.member_of(quorate_model::JoinNonce::new(70)), None);
    assert_eq!(new.applied(), LogIndex::ZERO);
    assert_eq!(new.revision(), Revision::new(old.revision().get() + (1 << 32)));
}

#[test]
fn a_restored_state_keeps_everything_else() {
    let old = used().state;
    let mut new = Node { state: restored(&old) };
    assert!(new.state.all_services().eq(old.all_services()));
    assert_eq!(new.state.log_time(), old.log_time());
    assert_eq!(new.state.next_due(), old.next_due());
    // A write that was done in the old cluster is not done again in the new one.
    let again = batch(Some((4, 1)), vec![register("b", held(80, "pod", 1))]);
    assert!(matches!(new.apply_in_vain(&again), Outcome::Batch(outcomes) if outcomes[0].is_ok()));
}

#[test]
fn revisions_never_go_back_over_a_restore() {
    let mut node = used();
    for _ in 0..3 {
        let before = node.state.revision();
        node.state = restored(&node.state);
        node.state.advance(LogIndex::new(1));
        let (_, events) = node.apply(&set_availability("a", Availability::Draining, None));
        let (_, back) = node.apply(&set_availability("a", Availability::Enabled, None));
        for event in events.iter().chain(&back) {
            let Event::Put { instance, .. } = event else {
                panic!("expected a Put, found {event:?}");
            };
            assert!(instance.modify_revision() > before);
        }
        assert!(node.state.instance(&key("a")).unwrap().create_revision() <= before);
    }
}

#[test]
fn revisions_that_have_come_to_their_end_stay_there() {
    let mut node = used();
    node.state.advance(LogIndex::new(u64::MAX));
    let mut new = Node {
        state: restored(&node.state),
    };
    assert_eq!(new.state.revision(), Revision::new(u64::MAX));
    // Both would have the same id.
    assert!(matches!(new.apply(&grant("one", 1)).0, Outcome::LeaseGranted { .. }));
    assert!(matches!(new.apply_in_vain(&grant("two", 1)), Outcome::Rejected(_)));
    new.apply(&register("z", held(80, "", 0)));
    assert_eq!(new.state.hash(), new.state.recomputed_hash());
}

proptest! {
    #[test]
    fn a_restored_state_hashes_and_travels_as_any_other(steps in steps()) {
        let (mut state, mut naive) = (State::new(), Naive::default());
        for (index, step) in (1..).zip(&steps) {
            let command = step.aimed(&naive);
            naive.apply(index, step.stamp_ms(), &command);
            state.apply(step.at(index), &command);
        }
        let new = restored(&state);
        prop_assert_eq!(new.hash(), new.recomputed_hash());
        prop_assert_eq!(through_a_snapshot(&new), new.clone());
        prop_assert_eq!(new.instance_count(), state.instance_count());
        prop_assert_eq!(new.kept_outcome_count(), state.kept_outcome_count());
    }
}

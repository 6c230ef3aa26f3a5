//! Leases, and writes that take effect once.

use quorate_model::{Availability, Generation, JoinNonce, LeaseId, LeaseTtl, Lifetime, RemoveAfter, Revision, limits};
use quorate_state::{Change, Command, Effect, ItemOutcome, Limit, Mutated, Mutation, Outcome, Rejection, State};

use crate::samples::{
    Node, batch, deregister, drain, drop_guard, found, grant, held, key, lapse, of_web, raise_guard, register,
    register_living, register_with, request_key, revive, revoke, set_availability, take_over, through_a_snapshot,
};

fn granted(id: u64, effect: Effect) -> Outcome {
    Outcome::LeaseGranted {
        id: LeaseId::new(id),
        ttl: LeaseTtl::default(),
        remove_after: RemoveAfter::of(LeaseTtl::default()),
        effect,
    }
}

fn registered(revision: u64, change: Change) -> Mutated {
    Mutated::Registered {
        generation: Generation::new(revision),
        revision: Revision::new(revision),
        change,
        lease: None,
    }
}

/// A node on which lease 2 is granted: the next command is at revision 3.
fn leased() -> Node {
    let mut node = Node::founded();
    assert_eq!(node.apply(&grant("pod", 1)).0, granted(2, Effect::Changed));
    node
}

/// A write of lease 2 by itself.
fn write(sequence: u64, command: Command) -> Command {
    batch(Some((2, sequence)), vec![command])
}

/// The same where everything below `acked_below` is acknowledged.
fn acking(sequence: u64, acked_below: u64, command: Command) -> Command {
    let Command::Batch { items, .. } = write(sequence, command) else {
        panic!("not a batch");
    };
    let key = Some(request_key(2, sequence, acked_below));
    Command::Batch { key, items }
}

fn one(outcome: ItemOutcome) -> Outcome {
    Outcome::Batch(vec![outcome])
}

fn too_old(window_start: u64) -> Outcome {
    let window_start = window_start.try_into().expect("not 0");
    Outcome::Rejected(Rejection::SequenceTooOld { window_start })
}

#[test]
fn a_lease_is_granted_once_to_each_run_of_each_owner() {
    let mut node = leased();
    assert_eq!(node.apply_in_vain(&grant("pod", 1)), granted(2, Effect::Unchanged));
    assert_eq!(node.apply(&grant("pod", 2)).0, granted(4, Effect::Changed));
    assert_eq!(node.apply(&grant("", 1)).0, granted(5, Effect::Changed));
    assert_eq!(node.apply_in_vain(&grant("", 1)), granted(5, Effect::Unchanged));
    assert_eq!(node.state.lease_count(), 3);
}

#[test]
fn a_lease_that_is_granted_again_stays_as_it_was_first_granted() {
    let mut node = leased();
    let again = Command::GrantLease {
        owner: Some("pod".parse().unwrap()),
        incarnation: 1.try_into().unwrap(),
        ttl: LeaseTtl::from_ms(60_000).unwrap(),
        remove_after: RemoveAfter::from_ms(1_000).unwrap(),
        granted_at_ms: 9_000,
    };
    assert_eq!(node.apply_in_vain(&again), granted(2, Effect::Unchanged));
    let lease = node.state.lease(LeaseId::new(2)).unwrap().lease();
    assert_eq!((lease.ttl, lease.granted_at_ms), (LeaseTtl::default(), 1_000));
    assert_eq!(lease.remove_after, RemoveAfter::of(LeaseTtl::default()));
}

#[test]
fn a_lease_that_is_gone_has_no_say_and_never_comes_back() {
    let mut node = leased();
    node.apply(&write(1, register("a", held(80, "", 0))));
    assert_eq!(node.apply(&revoke(2)).0, Outcome::LeaseRevoked { existed: true });
    assert_eq!((node.state.lease_count(), node.state.kept_outcome_count()), (0, 0));
    assert_eq!(node.apply_in_vain(&revoke(2)), Outcome::LeaseRevoked { existed: false });
    let not_found = Outcome::Rejected(Rejection::LeaseNotFound);
    for sequence in [1, 2] {
        assert_eq!(node.apply_in_vain(&write(sequence, deregister("a", None))), not_found);
    }
    // The same holder gets another one.
    let at = node.state.revision().get() + 1;
    assert_eq!(node.apply(&grant("pod", 1)).0, granted(at, Effect::Changed));
}

#[test]
fn a_repetition_is_answered_with_the_first_outcome() {
    let mut node = leased();
    let first = write(1, register("a", held(80, "pod", 1)));
    assert_eq!(node.apply(&first).0, one(Ok(registered(3, Change::Created))));
    // The world goes on: somebody else has the id now.
    node.apply(&take_over("a", held(81, "other", 1)));
    assert_eq!(node.apply_in_vain(&first), one(Ok(registered(3, Change::Created))));
    let instance = node.state.instance(&key("a")).unwrap();
    assert_eq!(instance.generation(), Generation::new(4));
}

#[test]
fn a_rejection_is_an_outcome_that_is_kept_too() {
    let mut node = leased();
    let drain = write(1, set_availability("a", Availability::Draining, None));
    let not_found = one(Err(Rejection::NotFound));
    assert_eq!(node.apply(&drain).0, not_found);
    node.apply(&register("a", held(80, "", 0)));
    assert_eq!(node.apply_in_vain(&drain), not_found);
    let instance = node.state.instance(&key("a")).unwrap();
    assert_eq!(instance.availability(), Availability::Enabled);
}

#[test]
fn the_time_of_a_write_does_not_make_it_another() {
    let mut node = leased();
    let at = |registered_at_ms| {
        let mutation = Mutation::Register {
            key: key("a"),
            spec: held(80, "", 0),
            takeover: quorate_state::Takeover::Forbidden,
            lifetime: Lifetime::Persistent,
            registered_at_ms,
        };
        write(1, Command::Mutate(mutation))
    };
    node.apply(&at(5));
    assert_eq!(node.apply_in_vain(&at(9)), one(Ok(registered(3, Change::Created))));
}

#[test]
fn a_key_is_good_for_one_write() {
    let mut node = leased();
    let reused = one(Err(Rejection::KeyReused));
    node.apply(&write(1, register("a", held(80, "", 0))));
    for other in [
        register("b", held(80, "", 0)),
        register("a", held(81, "", 0)),
        take_over("a", held(80, "", 0)),
        register_with("a", 2),
        register_living("a", 10_000),
        deregister("a", None),
    ] {
        assert_eq!(node.apply_in_vain(&write(1, other)), reused);
    }
    // That it was reused is not kept: the write that the key belongs to is still answered.
    let first = write(1, register("a", held(80, "", 0)));
    assert_eq!(node.apply_in_vain(&first), one(Ok(registered(3, Change::Created))));
}

#[test]
fn each_item_is_known_by_its_place_however_it_is_packed() {
    let mut node = leased();
    let (a, b) = (register("a", held(80, "", 0)), register("b", held(80, "", 0)));
    let both = batch(Some((2, 1)), vec![a.clone(), b.clone()]);
    let Command::Batch { key: asked, items } = &both else {
        panic!("not a batch");
    };
    let half = |place: usize| Command::Batch {
        key: *asked,
        items: vec![items[place].clone()],
    };
    assert_eq!(node.apply(&half(1)).0, one(Ok(registered(3, Change::Created))));
    // The whole request comes again: only what is not done yet is done.
    let (outcome, events) = node.apply(&both);
    let expected = vec![Ok(registered(4, Change::Created)), Ok(registered(3, Change::Created))];
    assert_eq!((outcome, events.len()), (Outcome::Batch(expected), 1));
    assert_eq!(node.apply_in_vain(&half(0)), one(Ok(registered(4, Change::Created))));
}

#[test]
fn what_one_item_comes_to_is_no_matter_to_the_others() {
    let mut node = leased();
    let (outcome, events) = node.apply(&batch(
        None,
        vec![
            register("a", held(80, "", 0)),
            deregister("b", None),
            set_availability("c", Availability::Draining, None),
            register("d", held(80, "", 0)),
        ],
    ));
    let expected = vec![
        Ok(registered(3, Change::Created)),
        Ok(Mutated::Deregistered { existed: false }),
        Err(Rejection::NotFound),
        Ok(registered(3, Change::Created)),
    ];
    assert_eq!(outcome, Outcome::Batch(expected));
    let told: Vec<_> = events.iter().filter_map(|event| event.instance_key()).collect();
    assert_eq!(told, [&key("a"), &key("d")]);
}

#[test]
fn the_last_1024_sequences_are_remembered() {
    let mut node = leased();
    for sequence in 1..=1_024 {
        node.apply(&write(sequence, deregister("a", None)));
    }
    let gone = one(Ok(Mutated::Deregistered { existed: false }));
    assert_eq!(node.apply_in_vain(&write(1, deregister("a", None))), gone);
    node.apply(&write(1_025, deregister("a", None)));
    assert_eq!(node.apply_in_vain(&write(1, deregister("a", None))), too_old(2));
    assert_eq!(node.apply_in_vain(&write(2, deregister("a", None))), gone);
    assert_eq!(node.state.kept_outcome_count(), 1_024);

    // A jump forgets all that is behind.
    node.apply(&write(u64::MAX, deregister("a", None)));
    assert_eq!(node.state.kept_outcome_count(), 1);
    let start = u64::MAX - 1_023;
    assert_eq!(
        node.apply_in_vain(&write(start - 1, deregister("a", None))),
        too_old(start)
    );
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn what_is_acknowledged_is_forgotten_and_the_window_never_moves_back() {
    let mut node = leased();
    for sequence in 1..=5 {
        node.apply(&write(sequence, deregister("a", None)));
    }
    node.apply(&acking(6, 4, deregister("a", None)));
    let lease = node.state.lease(LeaseId::new(2)).unwrap();
    assert_eq!((lease.window_start().get(), lease.kept_outcome_count()), (4, 3));
    assert_eq!(node.apply_in_vain(&write(3, deregister("a", None))), too_old(4));
    node.apply(&acking(7, 2, deregister("a", None)));
    assert_eq!(node.apply_in_vain(&write(3, deregister("a", None))), too_old(4));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn outcomes_outlive_a_snapshot() {
    let mut node = leased();
    let writes = [
        write(1, register("a", held(80, "pod", 1))),
        write(2, set_availability("none", Availability::Draining, None)),
        acking(4, 2, deregister("b", None)),
    ];
    let outcomes = writes.each_ref().map(|write| node.apply(write).0);
    let mut other = Node {
        state: through_a_snapshot(&node.state),
    };
    assert_eq!(other.apply_in_vain(&writes[0]), too_old(2));
    assert_eq!(other.apply_in_vain(&writes[1]), outcomes[1]);
    assert_eq!(other.apply_in_vain(&writes[2]), outcomes[2]);
    assert_eq!(other.apply_in_vain(&grant("pod", 1)), granted(2, Effect::Unchanged));
}

#[test]
fn a_batch_has_up_to_1024_items() {
    let items = |count: usize| batch(None, vec![deregister("a", None); count]);
    let mut node = Node::founded();
    let outcome = node.apply(&items(limits::BATCH_ITEMS_MAX)).0;
    assert!(matches!(outcome, Outcome::Batch(items) if items.len() == 1_024));
    let limit = Limit::BatchItems;
    let over = Outcome::Rejected(Rejection::LimitExceeded { limit });
    assert_eq!(node.apply_in_vain(&items(limits::BATCH_ITEMS_MAX + 1)), over);
}

#[test]
fn an_item_is_no_longer_than_it_is_counted() {
    let long = "n".repeat(128);
    for command in [
        register("a", held(80, "", 0)),
        register(&long, held(65_535, &"o".repeat(64), u64::MAX)),
        deregister(&long, Some(u64::MAX)),
        register_with(&long, u64::MAX),
        register_living(&long, 86_400_000),
        drain(&long, 86_400_000),
    ] {
        let Command::Mutate(mutation) = command else {
            panic!("not a mutation");
        };
        let with = |items| {
            let key = Some(request_key(u64::MAX, u64::MAX, u64::MAX));
            Command::Batch { key, items }.encode().unwrap().len()
        };
        let counted = mutation.encoded_len();
        let len = with(vec![(u32::MAX, mutation)]) - with(vec![]);
        assert!(len <= counted && counted <= len + 4, "{len}, counted {counted}");
    }
}

#[test]
fn only_what_cannot_grow_the_state_is_taken_when_there_is_no_room() {
    for (command, grows) in [
        (register("a", held(80, "", 0)), true),
        (deregister("a", None), false),
        (set_availability("a", Availability::Draining, None), false),
        (batch(None, vec![deregister("a", None)]), false),
        (
            batch(None, vec![deregister("a", None), register("a", held(80, "", 0))]),
            true,
        ),
        (grant("", 1), true),
        (revoke(2), false),
        (register_with("a", 2), true),
        (register_living("a", 10_000), true),
        (drain("a", 1), false),
        (lapse(&[(2, 2)]), false),
        (revive(&[(2, 2)]), false),
        (Command::PassTime, false),
        (raise_guard(of_web(), 1), true),
        (drop_guard(of_web()), false),
        (Command::ExpireOverrides, false),
        (
            Command::AllocateMember {
                nonce: JoinNonce::new(7),
            },
            false,
        ),
    ] {
        assert_eq!(command.grows(), grows, "{command:?}");
    }
}

/// A node with room for so many outcomes, on which leases 2 to 4 are granted: the next command is at revision 5.
fn cramped(kept_outcomes_max: usize) -> Node {
    let state = State::with_kept_outcomes_max(kept_outcomes_max);
    let mut node = Node { state };
    node.apply(&found());
    for (id, owner) in [(2, "gone"), (3, "idle"), (4, "busy")] {
        assert_eq!(node.apply(&grant(owner, 1)).0, granted(id, Effect::Changed));
    }
    node
}

fn write_of(lease: u64, sequence: u64, id: &str) -> Command {
    batch(Some((lease, sequence)), vec![register(id, held(80, "", 0))])
}

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Batch(items) if items.iter().all(Result::is_ok))
}

#[test]
fn where_room_ends_what_was_kept_for_the_holder_that_wrote_the_longest_ago_makes_room() {
    let mut node = cramped(4);
    let of_gone = [write_of(2, 1, "a"), write_of(2, 7, "b")];
    for write in &of_gone {
        assert!(is_done(&node.apply(write).0));
    }
    assert!(is_done(&node.apply(&write_of(3, 1, "c")).0));
    assert!(is_done(&node.apply(&write_of(4, 1, "d")).0));
    assert_eq!(node.state.kept_outcome_count(), 4);

    assert!(is_done(&node.apply(&write_of(4, 2, "e")).0));
    assert_eq!(node.state.kept_outcome_count(), 3);
    // What comes late is not done again, even if it could be.
    node.apply(&deregister("a", None));
    node.apply(&deregister("b", None));
    for late in &of_gone {
        assert_eq!(node.apply_in_vain(late), too_old(8));
    }
    // The lease is still there, and good for what it has not written yet.
    let lease = node.state.lease(LeaseId::new(2)).unwrap();
    assert_eq!((lease.window_start().get(), lease.kept_outcome_count()), (8, 0));
    assert!(is_done(&node.apply(&write_of(2, 8, "f")).0));
    assert!(
        is_done(&node.apply_in_vain(&write_of(3, 1, "c"))),
        "nothing of it was forgotten"
    );
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn whoever_writes_is_idle_no_more() {
    let mut node = cramped(3);
    for (lease, sequence) in [(2, 1), (3, 1), (2, 2), (4, 1)] {
        assert!(is_done(&node.apply(&write_of(lease, sequence, "a")).0));
    }
    let kept = |node: &Node, id| node.state.lease(LeaseId::new(id)).unwrap().kept_outcome_count();
    assert_eq!([2, 3, 4].map(|id| kept(&node, id)), [2, 0, 1]);
    // A repetition is no write: it keeps nothing.
    assert!(is_done(&node.apply_in_vain(&write_of(2, 1, "a"))));
    assert!(is_done(&node.apply(&write_of(4, 2, "a")).0));
    assert_eq!([2, 3, 4].map(|id| kept(&node, id)), [0, 0, 2]);
}

#[test]
fn a_writer_that_has_all_the_room_for_itself_is_at_its_end() {
    let mut node = cramped(2);
    assert!(is_done(&node.apply(&write_of(2, 1, "a")).0));
    let limit = Limit::KeptOutcomes;
    let refused = Err(Rejection::LimitExceeded { limit });
    // The room of the other is taken for what fits; what does not fit is not done.
    let items = ["a", "b", "c"].map(|id| register(id, held(80, "", 0)));
    let Outcome::Batch(outcomes) = node.apply(&batch(Some((3, 1)), items.to_vec())).0 else {
        panic!("not a batch");
    };
    assert_eq!((outcomes[0].is_ok(), outcomes[1].is_ok()), (true, true));
    assert_eq!(outcomes[2], refused);
    assert!(node.state.instance(&key("c")).is_none());
    assert_eq!(node.apply_in_vain(&write_of(3, 2, "c")), one(refused));
    // Acknowledging makes room.
    let key = Some(request_key(3, 2, 2));
    let Command::Batch { items, .. } = write_of(3, 2, "c") else {
        panic!("not a batch");
    };
    assert!(is_done(&node.apply(&Command::Batch { key, items }).0));
}

#[test]
fn a_lease_that_has_used_its_last_number_and_keeps_something_is_in_nobodys_way() {
    let mut node = cramped(2);
    node.apply(&register_with("kept", 2));
    assert!(is_done(&node.apply(&write_of(2, u64::MAX, "a")).0));
    assert!(is_done(&node.apply(&write_of(3, 1, "b")).0));
    // It was used the longest ago, but it could only be forgotten together with what it keeps.
    assert!(is_done(&node.apply(&write_of(4, 1, "c")).0));
    let kept = |node: &Node, id| node.state.lease(LeaseId::new(id)).unwrap().kept_outcome_count();
    assert_eq!([2, 3, 4].map(|id| kept(&node, id)), [1, 0, 1]);
    assert!(is_done(&node.apply_in_vain(&write_of(2, u64::MAX, "a"))));
    assert!(node.state.instance(&key("kept")).is_some());
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn a_write_that_ends_its_own_lease_is_not_done_again() {
    let mut node = Node::founded();
    node.apply(&register_living("a", 10_000));
    let goodbye = write(1, deregister("a", Some(2)));
    assert_eq!(node.apply(&goodbye).0, one(Ok(Mutated::Deregistered { existed: true })));
    assert_eq!((node.state.lease_count(), node.state.kept_outcome_count()), (0, 0));
    assert_eq!(
        node.apply_in_vain(&goodbye),
        Outcome::Rejected(Rejection::LeaseNotFound)
    );
}

#[test]
fn a_lease_that_has_used_its_last_number_goes_with_what_is_kept_for_it() {
    let mut node = cramped(1);
    let last = write_of(2, u64::MAX, "a");
    assert!(is_done(&node.apply(&last).0));
    assert!(is_done(&node.apply(&write_of(3, 1, "b")).0));
    node.apply(&deregister("a", None));
    assert_eq!(node.apply_in_vain(&last), Outcome::Rejected(Rejection::LeaseNotFound));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

//! What leases keep: what is registered with them, or has one of its own.

use quorate_model::{Generation, Holder, LeaseId, LeaseKind, Lifetime, limits};
use quorate_state::{Change, Command, HeldLease, Limit, Outcome, Rejection};

use super::{LAPSED, REVIVED, generation_of, is_answered, lapsed, lease_of, leased, over, refused, registered};
use crate::samples::{
    Node, batch, deregister, grant, held, key, lapse, register, register_for, register_living, register_with, revive,
    revoke, take_over, through_a_snapshot, ttl,
};

#[test]
fn a_registration_with_a_ttl_has_a_lease_of_its_own_that_goes_with_it() {
    let mut node = Node::founded();
    let (outcome, _) = node.apply(&register_living("a", 10_000));
    assert_eq!(outcome, registered(2, 2, Change::Created, 2));
    let lease = node.state.lease(LeaseId::new(2)).unwrap().lease().clone();
    assert_eq!(
        (lease.kind, lease.ttl, lease.remove_after.as_ms()),
        (LeaseKind::Own, ttl(10_000), 20_000)
    );
    assert_eq!(lease.owner, None);

    node.apply(&deregister("a", None));
    assert_eq!(node.state.lease_count(), 0);
    assert_eq!(node.state.hash(), Node::founded().state.hash());
}

#[test]
fn an_own_lease_is_kept_by_a_repetition_and_replaced_with_another_ttl() {
    let mut node = Node::founded();
    let spec = held(80, "pod", 1);
    let with = |ttl_ms| register_for("a", spec.clone(), Lifetime::Ttl(ttl(ttl_ms)));
    node.apply(&with(10_000));
    assert_eq!(
        node.apply_in_vain(&with(10_000)),
        registered(2, 2, Change::Unchanged, 2)
    );
    let other_content = register_for("a", held(81, "pod", 1), Lifetime::Ttl(ttl(10_000)));
    assert_eq!(node.apply(&other_content).0, registered(2, 4, Change::Updated, 2));

    assert_eq!(node.apply(&with(20_000)).0, registered(2, 5, Change::Updated, 5));
    assert_eq!((node.state.lease(LeaseId::new(2)), node.state.lease_count()), (None, 1));
    // Another run of the owner does not live on the lease of the one before.
    let restarted = register_for("a", held(80, "pod", 2), Lifetime::Ttl(ttl(20_000)));
    assert_eq!(node.apply(&restarted).0, registered(6, 6, Change::Restarted, 6));
    assert_eq!(
        node.apply_in_vain(&lapse(&[(5, 5)])),
        Outcome::LeasesLapsed { count: 0 }
    );
    // Registered to stay, it needs none.
    assert_eq!(
        node.apply(&register("a", held(80, "pod", 2))).0,
        registered(6, 8, Change::Updated, 0)
    );
    assert_eq!(node.state.lease_count(), 0);
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn a_registration_goes_from_one_lease_to_another() {
    let mut node = leased();
    let own = register_for("a", held(80, "pod", 1), Lifetime::Ttl(ttl(10_000)));
    assert_eq!(node.apply(&own).0, registered(3, 4, Change::Updated, 4));
    let of = |node: &Node, id| node.state.lease(LeaseId::new(id)).map(HeldLease::instance_count);
    assert_eq!(
        (of(&node, 2), of(&node, 4)),
        (Some(0), Some(1)),
        "a lease that was asked for stays"
    );
    assert_eq!(
        node.apply(&register_with("a", 2)).0,
        registered(3, 5, Change::Updated, 2)
    );
    assert_eq!(
        (of(&node, 2), of(&node, 4)),
        (Some(1), None),
        "one that was made for it goes"
    );
}

#[test]
fn one_entry_makes_one_lease() {
    // Ids are revisions: whoever wants two gets the other one with the next entry.
    let mut node = Node::founded();
    let both = batch(None, vec![register_living("a", 10_000), register_living("b", 10_000)]);
    let Outcome::Batch(outcomes) = node.apply(&both).0 else {
        panic!("not a batch");
    };
    assert!(outcomes[0].is_ok());
    let limit = Limit::Leases;
    assert_eq!(outcomes[1], Err(Rejection::LimitExceeded { limit }));
    assert!(node.state.instance(&key("b")).is_none());
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn a_lease_keeps_what_its_holder_registers_with_it() {
    let mut node = leased();
    let holder = Holder {
        owner: Some("pod".parse().unwrap()),
        incarnation: 1.try_into().ok(),
    };
    let instance = node.state.instance(&key("a")).unwrap();
    assert_eq!(
        *instance.spec().holder(),
        holder,
        "whoever names a lease need not say who it is"
    );
    // The same with its holder stated, and without.
    let stated = register_for("a", held(80, "pod", 1), Lifetime::Lease(LeaseId::new(2)));
    for again in [stated, register_with("a", 2)] {
        assert_eq!(node.apply_in_vain(&again), registered(3, 3, Change::Unchanged, 2));
    }
    // With other content it is updated.
    let other = register_for("a", held(81, "", 0), Lifetime::Lease(LeaseId::new(2)));
    let revision = node.state.revision().get() + 1;
    assert_eq!(node.apply(&other).0, registered(3, revision, Change::Updated, 2));
}

#[test]
fn a_registration_in_another_name_than_that_of_its_lease_is_refused() {
    let mut node = leased();
    for (owner, incarnation) in [("other", 1), ("pod", 2), ("pod", 0), ("", 1)] {
        let wrong = register_for("b", held(80, owner, incarnation), Lifetime::Lease(LeaseId::new(2)));
        let outcome = node.apply_in_vain(&wrong);
        assert!(
            matches!(outcome, Outcome::Rejected(Rejection::Invalid { .. })),
            "{owner} {incarnation}: {outcome:?}"
        );
    }
}

#[test]
fn nothing_is_registered_with_a_lease_that_is_gone_or_has_lapsed() {
    let mut node = lapsed();
    assert_eq!(
        node.apply_in_vain(&register_with("b", 9)),
        refused(Rejection::LeaseNotFound)
    );
    assert_eq!(
        node.apply_in_vain(&register_with("b", 2)),
        refused(Rejection::LeaseLapsed)
    );
    assert_eq!(
        node.apply_in_vain(&register_with("a", 2)),
        refused(Rejection::LeaseLapsed)
    );
    node.apply(&revive(&[(2, 4)]));
    assert!(matches!(node.apply(&register_with("b", 2)).0, Outcome::Mutated(_)));
}

#[test]
fn a_lease_keeps_up_to_256_instances() {
    let mut node = Node::founded();
    node.apply(&grant("pod", 1));
    for number in 0..limits::INSTANCES_PER_LEASE_MAX {
        let (outcome, _) = node.apply(&register_with(&format!("i{number}"), 2));
        assert!(matches!(outcome, Outcome::Mutated(_)), "{number}: {outcome:?}");
    }
    let one_more = register_with("one-more", 2);
    assert_eq!(node.apply_in_vain(&one_more), over(Limit::InstancesPerLease));
    // What it keeps already can still change, and come again.
    let (repeated, changed) = (
        register_with("i7", 2),
        register_for("i7", held(81, "", 0), Lifetime::Lease(LeaseId::new(2))),
    );
    assert!(matches!(node.apply_in_vain(&repeated), Outcome::Mutated(_)));
    assert!(matches!(node.apply(&changed).0, Outcome::Mutated(_)));
    // What goes, or goes over to something else, makes room.
    node.apply(&register("i8", held(80, "pod", 1)));
    assert!(matches!(node.apply(&one_more).0, Outcome::Mutated(_)));
    assert_eq!(
        node.apply_in_vain(&register_with("i8", 2)),
        over(Limit::InstancesPerLease)
    );
    let held = node.state.lease(LeaseId::new(2)).unwrap();
    assert_eq!(held.instance_count(), 256);
    assert_eq!(node.state.lease_instances(LeaseId::new(2)).count(), 256);

    // All of it lapses in one entry.
    let (outcome, events) = node.apply(&lapse(&[(2, 2)]));
    let puts = events.iter().filter(|event| event.instance_key().is_some()).count();
    assert_eq!((outcome, puts), (LAPSED, 256));
    assert_eq!(through_a_snapshot(&node.state), node.state);
}

#[test]
fn a_lapsed_id_can_be_taken_by_anyone_with_a_new_generation() {
    let mut node = leased();
    let other = register("a", held(81, "other", 7));
    let owner = Some("pod".parse().unwrap());
    assert_eq!(
        node.apply_in_vain(&other),
        refused(Rejection::AlreadyExists { owner }),
        "it lives"
    );

    let mut node = lapsed();
    assert_eq!(node.apply(&other).0, registered(5, 5, Change::TakenOver, 0));
    assert!(is_answered(&node, "a"));
    // The lease has no more to do with it: neither its revival nor its end.
    let (outcome, events) = node.apply(&revive(&[(2, 4)]));
    assert_eq!((outcome, events), (REVIVED, vec![]));
    node.apply(&revoke(2));
    assert_eq!(generation_of(&node, "a"), 5);
}

#[test]
fn the_same_run_that_comes_back_to_a_lapsed_id_has_a_new_generation_too() {
    let mut node = lapsed();
    // Whoever saw it go must not take the new life for the old one.
    let again = register("a", held(80, "pod", 1));
    assert_eq!(node.apply(&again).0, registered(5, 5, Change::Restarted, 0));
    let stale = deregister("a", Some(3));
    let current = Generation::new(5);
    assert_eq!(
        node.apply_in_vain(&stale),
        refused(Rejection::StaleGeneration { current })
    );
}

#[test]
fn a_restart_detaches_from_the_lease_before_whose_lapse_then_touches_nothing() {
    let mut node = leased();
    node.apply(&grant("pod", 2));
    let restarted = node.apply(&register_with("a", 4)).0;
    assert_eq!(restarted, registered(5, 5, Change::Restarted, 4));
    assert_eq!(lease_of(&node, "a"), 4);

    let (outcome, events) = node.apply_stamped(20_000, &lapse(&[(2, 2)]));
    assert_eq!((outcome, events), (LAPSED, vec![]));
    assert!(is_answered(&node, "a"));
    let (_, events) = node.apply_stamped(90_000, &Command::PassTime);
    assert_eq!(events, vec![]);
    assert_eq!(
        (node.state.lease(LeaseId::new(2)), generation_of(&node, "a")),
        (None, 5)
    );
}

#[test]
fn a_takeover_detaches_from_the_lease_before() {
    let mut node = leased();
    assert_eq!(
        node.apply(&take_over("a", held(80, "other", 1))).0,
        registered(4, 4, Change::TakenOver, 0)
    );
    let (outcome, events) = node.apply(&lapse(&[(2, 2)]));
    assert_eq!((outcome, events), (LAPSED, vec![]));
    assert_eq!(
        node.apply(&revoke(2)),
        (Outcome::LeaseRevoked { existed: true }, vec![])
    );
    assert!(is_answered(&node, "a"));
}

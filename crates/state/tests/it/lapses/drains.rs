//! Drains that end, and intents that no registration undoes.

use quorate_model::{Availability, Generation, LeaseId, Lifetime, LogTime};
use quorate_state::{Command, Effect, Event, Mutated, Outcome};

use super::{is_answered, lapsed, leased, passed};
use crate::samples::{
    Node, deregister, drain, held, key, register, register_for, register_with, set_availability, take_over,
    through_a_snapshot, ttl,
};

#[test]
fn a_drain_with_an_end_ends_disabled_at_its_log_time() {
    let mut node = leased();
    let (outcome, events) = node.apply_stamped(5_000, &drain("a", 700));
    assert!(matches!(
        outcome,
        Outcome::Mutated(Mutated::AvailabilitySet {
            effect: Effect::Changed,
            ..
        })
    ));
    assert_eq!(events.len(), 1);
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(5_700)));
    assert!(!is_answered(&node, "a"));
    node.state = through_a_snapshot(&node.state);
    assert_eq!(node.apply_stamped(5_699, &Command::PassTime), (passed(0), vec![]));

    let (outcome, events) = node.apply_stamped(5_700, &Command::PassTime);
    assert_eq!(outcome, passed(1));
    let [Event::Put { instance, .. }] = events.as_slice() else {
        panic!("expected one Put, found {events:?}");
    };
    assert_eq!(
        (instance.availability(), instance.drains_until()),
        (Availability::Disabled, None)
    );
    assert_eq!(instance.generation(), Generation::new(3));
    assert_eq!(node.state.next_due(), None);
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn a_drain_that_is_set_anew_has_its_end_from_then_on_and_another_intent_has_none() {
    let mut node = leased();
    let end = |node: &Node| {
        node.state
            .instance(&key("a"))
            .unwrap()
            .drains_until()
            .map(LogTime::as_ms)
    };
    node.apply_stamped(5_000, &drain("a", 700));
    node.apply_stamped(5_100, &drain("a", 700));
    assert_eq!(
        (end(&node), node.state.next_due()),
        (Some(5_800), Some(LogTime::from_ms(5_800)))
    );
    for (intent, effect) in [
        (Availability::Draining, "without end"),
        (Availability::Enabled, "over"),
        (Availability::Disabled, "over"),
    ] {
        node.apply(&drain("a", 700));
        node.apply(&set_availability("a", intent, None));
        assert_eq!((end(&node), node.state.next_due()), (None, None), "{effect}");
    }
    // It ends with the instance.
    node.apply(&drain("a", 700));
    node.apply(&deregister("a", None));
    assert_eq!(node.apply_stamped(90_000, &Command::PassTime), (passed(0), vec![]));
}

#[test]
fn no_registration_makes_an_instance_available_again_or_ends_its_drain() {
    let registrations = [
        register_with("a", 2),
        register_for("a", held(81, "", 0), Lifetime::Lease(LeaseId::new(2))),
        register_for("a", held(80, "pod", 1), Lifetime::Ttl(ttl(5_000))),
        register("a", held(80, "pod", 1)),
        register("a", held(80, "pod", 2)),
        take_over("a", held(80, "other", 1)),
    ];
    for registration in &registrations {
        let mut node = leased();
        node.apply_stamped(5_000, &drain("a", 700));
        node.apply(registration);
        let instance = node.state.instance(&key("a")).unwrap();
        assert_eq!(instance.availability(), Availability::Draining, "{registration:?}");
        assert_eq!(
            instance.drains_until(),
            Some(LogTime::from_ms(5_700)),
            "{registration:?}"
        );
        node.apply_stamped(5_700, &Command::PassTime);
        node.apply(registration);
        let instance = node.state.instance(&key("a")).unwrap();
        assert_eq!(instance.availability(), Availability::Disabled, "{registration:?}");
    }
    // Nor does whoever takes a lapsed id.
    let mut node = lapsed();
    node.apply(&set_availability("a", Availability::Disabled, None));
    node.apply(&register("a", held(80, "other", 1)));
    assert!(!is_answered(&node, "a"));
}

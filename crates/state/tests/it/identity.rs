//! Whose registration is it: owner, incarnation, takeover, generation.

use quorate_model::{Availability, Generation, Instance, InstancePatch, Metadata, Patch, Revision, Weight};
use quorate_state::{Change, Effect, Event, Mutated, Outcome, Rejection};

use crate::samples::{Node, deregister, held, key, register, set_availability, take_over, update};

fn registered(generation: u64, revision: u64, change: Change) -> Outcome {
    Outcome::Mutated(Mutated::Registered {
        generation: Generation::new(generation),
        revision: Revision::new(revision),
        change,
        lease: None,
    })
}

fn stale(current: u64) -> Outcome {
    Outcome::Rejected(Rejection::StaleGeneration {
        current: Generation::new(current),
    })
}

fn weight(weight: u16) -> InstancePatch {
    InstancePatch {
        weight: Some(Weight::new(weight)),
        ..InstancePatch::default()
    }
}

/// The instance of the one Put event that there must be.
fn put(events: &[Event]) -> &Instance {
    match events {
        [Event::Put { instance, .. }] => instance,
        other => panic!("expected one Put, found {other:?}"),
    }
}

#[test]
fn a_free_id_is_created_with_a_generation_of_its_own() {
    let mut node = Node::founded();
    let (outcome, events) = node.apply(&register("a", held(80, "pod", 1)));
    assert_eq!(outcome, registered(2, 2, Change::Created));
    let instance = put(&events);
    assert_eq!(instance.availability(), Availability::Enabled);
    assert_eq!(instance.create_revision(), Revision::new(2));
    assert_eq!(instance.modify_revision(), Revision::new(2));
    assert_eq!(instance.registered_at_ms(), 1_000);
    assert_eq!(node.state.instance(&key("a")).as_deref(), Some(instance));
}

#[test]
fn what_a_registration_becomes_depends_on_who_has_the_id() {
    let same = Some(Change::Unchanged);
    let restarted = Some(Change::Restarted);
    for (has, comes, expected) in [
        (("pod", 1), ("pod", 1), same),
        (("pod", 0), ("pod", 0), same),
        (("", 1), ("", 1), same),
        (("", 0), ("", 0), same),
        (("pod", 1), ("pod", 2), restarted),
        (("pod", 2), ("pod", 1), restarted),
        (("pod", 0), ("pod", 1), restarted),
        (("pod", 1), ("pod", 0), restarted),
        (("", 0), ("", 1), restarted),
        (("pod", 1), ("other", 1), None),
        (("pod", 1), ("", 1), None),
        (("", 1), ("pod", 1), None),
        (("", 0), ("pod", 0), None),
    ] {
        let case = format!("{has:?} then {comes:?}");
        let mut node = Node::founded();
        node.apply(&register("a", held(80, has.0, has.1)));
        let again = register("a", held(80, comes.0, comes.1));
        match expected {
            Some(Change::Unchanged) => {
                assert_eq!(
                    node.apply_in_vain(&again),
                    registered(2, 2, Change::Unchanged),
                    "{case}"
                );
            }
            Some(change) => assert_eq!(node.apply(&again).0, registered(3, 3, change), "{case}"),
            None => {
                let owner = (!has.0.is_empty()).then(|| has.0.parse().unwrap());
                let rejected = Outcome::Rejected(Rejection::AlreadyExists { owner });
                assert_eq!(node.apply_in_vain(&again), rejected, "{case}");
            }
        }
    }
}

#[test]
fn a_takeover_is_one_only_where_the_owner_differs() {
    for (owner, incarnation, expected) in [
        ("other", 1, registered(3, 3, Change::TakenOver)),
        ("", 1, registered(3, 3, Change::TakenOver)),
        ("pod", 2, registered(3, 3, Change::Restarted)),
        ("pod", 1, registered(2, 2, Change::Unchanged)),
    ] {
        let mut node = Node::founded();
        node.apply(&register("a", held(80, "pod", 1)));
        let (outcome, _) = node.apply(&take_over("a", held(80, owner, incarnation)));
        assert_eq!(outcome, expected, "{owner} {incarnation}");
    }
}

#[test]
fn other_content_updates_the_same_generation() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    let (outcome, events) = node.apply(&register("a", held(81, "pod", 1)));
    assert_eq!(outcome, registered(2, 3, Change::Updated));
    let instance = put(&events);
    assert_eq!(instance.generation(), Generation::new(2));
    assert_eq!(instance.create_revision(), Revision::new(2));
    assert_eq!(instance.modify_revision(), Revision::new(3));
}

#[test]
fn the_time_of_a_registration_is_no_content() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    // The sample of a takeover carries another time.
    let later = take_over("a", held(80, "pod", 1));
    assert_eq!(node.apply_in_vain(&later), registered(2, 2, Change::Unchanged));
    let (_, events) = node.apply(&take_over("a", held(81, "pod", 1)));
    assert_eq!(put(&events).registered_at_ms(), 1_000);
    let (_, events) = node.apply(&take_over("a", held(81, "pod", 2)));
    assert_eq!(put(&events).registered_at_ms(), 2_000);
}

#[test]
fn a_new_generation_knows_its_predecessor_and_keeps_the_create_revision() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    let before = node.state.instance(&key("a"));
    let (_, events) = node.apply(&take_over("a", held(80, "other", 1)));
    let [Event::Put { instance, previous }] = events.as_slice() else {
        panic!("expected one Put, found {events:?}");
    };
    assert_eq!(*previous, before);
    assert_eq!(instance.create_revision(), Revision::new(2));
    assert_eq!(instance.generation(), Generation::new(3));
}

#[test]
fn no_registration_resurrects_what_was_turned_off() {
    for intent in [Availability::Draining, Availability::Disabled] {
        for again in [
            register("a", held(80, "pod", 1)),
            register("a", held(81, "pod", 1)),
            register("a", held(80, "pod", 2)),
            take_over("a", held(80, "other", 1)),
        ] {
            let mut node = Node::founded();
            node.apply(&register("a", held(80, "pod", 1)));
            node.apply(&set_availability("a", intent, None));
            node.apply(&again);
            let instance = node.state.instance(&key("a")).unwrap();
            assert_eq!(instance.availability(), intent, "{again:?}");
        }
    }
}

#[test]
fn an_intent_ends_with_the_registration() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    node.apply(&set_availability("a", Availability::Disabled, None));
    node.apply(&deregister("a", None));
    let (_, events) = node.apply(&register("a", held(80, "pod", 1)));
    assert_eq!(put(&events).availability(), Availability::Enabled);
}

#[test]
fn a_stale_generation_has_no_effect() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    node.apply(&register("a", held(80, "pod", 2)));
    for generation in [0, 2, 4, u64::MAX] {
        let generation = Some(generation);
        for command in [
            update("a", generation, weight(1)),
            deregister("a", generation),
            set_availability("a", Availability::Disabled, generation),
        ] {
            assert_eq!(node.apply_in_vain(&command), stale(3), "{command:?}");
        }
    }
}

#[test]
fn the_current_generation_and_operators_may_change_it() {
    let changed = |revision| {
        Outcome::Mutated(Mutated::Updated {
            generation: Generation::new(2),
            revision: Revision::new(revision),
            effect: Effect::Changed,
        })
    };
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    assert_eq!(node.apply(&update("a", Some(2), weight(1))).0, changed(3));
    assert_eq!(node.apply(&update("a", None, weight(2))).0, changed(4));

    let set = |revision| {
        Outcome::Mutated(Mutated::AvailabilitySet {
            generation: Generation::new(2),
            revision: Revision::new(revision),
            effect: Effect::Changed,
        })
    };
    let owner = set_availability("a", Availability::Draining, Some(2));
    assert_eq!(node.apply(&owner).0, set(5));
    let operator = set_availability("a", Availability::Enabled, None);
    assert_eq!(node.apply(&operator).0, set(6));

    let (outcome, events) = node.apply(&deregister("a", Some(2)));
    assert_eq!(outcome, Outcome::Mutated(Mutated::Deregistered { existed: true }));
    assert!(matches!(events.as_slice(), [Event::Delete { previous }] if *previous.key() == key("a")));
    assert_eq!(node.state.instance(&key("a")), None);
}

#[test]
fn what_is_as_wanted_already_has_no_event() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    let unchanged = Outcome::Mutated(Mutated::Updated {
        generation: Generation::new(2),
        revision: Revision::new(2),
        effect: Effect::Unchanged,
    });
    let same = node.state.instance(&key("a")).unwrap().spec().weight();
    for patch in [
        InstancePatch::default(),
        weight(same.get()),
        InstancePatch {
            version: Patch::Clear,
            metadata: Some(Metadata::default()),
            ..InstancePatch::default()
        },
    ] {
        assert_eq!(node.apply_in_vain(&update("a", None, patch)), unchanged);
    }
    let enable = set_availability("a", Availability::Enabled, Some(2));
    let unchanged = Outcome::Mutated(Mutated::AvailabilitySet {
        generation: Generation::new(2),
        revision: Revision::new(2),
        effect: Effect::Unchanged,
    });
    assert_eq!(node.apply_in_vain(&enable), unchanged);
}

#[test]
fn a_patch_leaves_the_holder_alone() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    node.apply(&update("a", None, weight(1)));
    let instance = node.state.instance(&key("a")).unwrap();
    assert_eq!(instance.spec().holder(), held(80, "pod", 1).holder());
}

#[test]
fn an_absent_instance_is_not_found_and_as_good_as_deregistered() {
    let not_found = Outcome::Rejected(Rejection::NotFound);
    let gone = Outcome::Mutated(Mutated::Deregistered { existed: false });
    for generation in [None, Some(2)] {
        let mut node = Node::founded();
        assert_eq!(node.apply_in_vain(&update("a", generation, weight(1))), not_found);
        let disable = set_availability("a", Availability::Disabled, generation);
        assert_eq!(node.apply_in_vain(&disable), not_found);
        assert_eq!(node.apply_in_vain(&deregister("a", generation)), gone);
    }
}

#[test]
fn a_successor_is_safe_from_the_process_before_it() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "pod", 1)));
    node.apply(&register("a", held(80, "pod", 2)));
    assert_eq!(node.apply_in_vain(&deregister("a", Some(2))), stale(3));
    assert!(node.state.instance(&key("a")).is_some());
}

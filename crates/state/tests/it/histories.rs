//! Long histories of leases: what holds after each command of them.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{prelude::*, test_runner::Config};
use quorate_model::{
    Availability, Filter, GuardCause, GuardScope, Instance, InstanceKey, Lapse, LeaseId, Liveness, Revision,
    ServiceKey, Standing, ZoneName, limits,
};
use quorate_state::{Command, Event, HeldLease, Mutated, Outcome, Service, State};

use crate::{
    arbitrary::{Step, steps_of_leases},
    canonical,
    naive::Naive,
    properties::check_views,
    samples::through_a_snapshot,
};

/// How many instances of each service are in default answers, were it for their availability and lease alone.
fn answered(state: &State) -> BTreeMap<ServiceKey, usize> {
    let services = state.all_services().map(|service| {
        let standings = state.standings(service.key());
        let is_in = |instance: &&Arc<Instance>| Filter::default().matches(instance, &standings.standing(instance));
        (service.key().clone(), service.instances().filter(is_in).count())
    });
    services.collect()
}

fn lapses(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::LeasesLapsed { count } if *count > 0)
}

/// No lapse empties an answer that had several instances, nor takes it below the protected minimum.
fn check_that_answers_do_not_collapse(before: &State, after: &State) {
    let after_it = answered(after);
    for (service, had) in answered(before) {
        let has = after_it[&service];
        let minimum = usize::from(after.settings(&service).protect_minimum.get());
        let least = if had >= 2 { minimum.max(1) } else { minimum };
        assert!(has >= least.min(had), "{service} has {has} of {had}");
    }
}

/// Where the guards of services were last dropped: what lapsed before is out for good.
type Drops = BTreeMap<ServiceKey, Revision>;

fn note_drops(drops: &mut Drops, at: Revision, events: &[Event]) {
    for event in events {
        if let Event::GuardDropped {
            scope: GuardScope::Service(service),
        } = event
        {
            drops.insert(service.clone(), at);
        }
    }
}

/// A lapse leaves no answer empty of which several instances have lapsed within one TTL, be it one by one.
fn check_that_no_answer_is_emptied_bit_by_bit(state: &State, drops: &Drops, events: &[Event]) {
    let answered = answered(state);
    let lapsed = events.iter().filter_map(Event::instance_key);
    for key in lapsed.map(InstanceKey::service_key) {
        let (service, standings) = (state.service(&key).expect("it is there"), state.standings(&key));
        let has_fallen = |instance: &&Arc<Instance>| {
            let standing = Standing {
                liveness: Liveness::Live,
                ..standings.standing(instance)
            };
            let since = drops.get(&key).copied().unwrap_or_default();
            let is_recent = |lapse: &Lapse| lapse.recent_until > state.log_time() && lapse.revision > since;
            instance.lapse().is_some_and(is_recent) && Filter::default().matches(instance, &standing)
        };
        let fallen = service.instances().filter(has_fallen).count();
        assert!(fallen < 2 || answered[&key] > 0, "{key} is empty since {fallen} lapsed");
    }
}

/// A lease and what it keeps live and lapse together, and only what has lapsed can be out for that.
fn check_liveness(state: &State) {
    for service in state.all_services() {
        let standings = state.standings(service.key());
        for instance in service.instances() {
            let lapsed = instance.lease().map(|id| {
                let held = state.lease(id).expect("no lease goes before what it keeps");
                assert!(state.lease_instances(id).any(|key| key == instance.key()));
                held.lapsed().map(|lapsed| lapsed.lapse)
            });
            assert_eq!(lapsed.flatten().as_ref(), instance.lapse());
            match (lapsed, standings.standing(instance).liveness) {
                (None, Liveness::Persistent)
                | (Some(None), Liveness::Live)
                | (Some(Some(_)), Liveness::Suspect | Liveness::Lapsed) => {}
                (lapsed, liveness) => panic!("{liveness}, and the lease: {lapsed:?}"),
            }
            if instance.drains_until().is_some() {
                assert_eq!(instance.availability(), Availability::Draining);
            }
        }
    }
}

/// What changed of leases, found by looking at all.
fn check_lease_changes(before: &State, after: &State) {
    let ids = before.leases_after(None).chain(after.leases_after(None));
    let mut ids: Vec<LeaseId> = ids.map(|held| held.lease().id).collect();
    ids.sort();
    ids.dedup();
    let both = ids.into_iter().map(|id| (before.lease(id), after.lease(id)));
    let expected: Vec<(Option<&HeldLease>, Option<&HeldLease>)> = both.filter(|(old, new)| old != new).collect();
    let mut found: Vec<_> = after.lease_changes(before).collect();
    found.sort_by_key(|(old, new)| old.or(*new).map(|held| held.lease().id));
    assert_eq!(found, expected);
}

/// No registration makes an instance available again, and what is dropped by itself is dropped for a reason.
fn check_events(before: &State, command: &Command, outcome: &Outcome, events: &[Event]) {
    assert!(events.len() <= limits::EVENTS_PER_ENTRY_MAX);
    let registers = matches!(outcome, Outcome::Mutated(Mutated::Registered { .. }));
    for event in events {
        match event {
            Event::Put {
                instance,
                previous: Some(previous),
            } if registers => assert_eq!(
                (instance.availability(), instance.drains_until()),
                (previous.availability(), previous.drains_until())
            ),
            Event::GuardDropped { scope } => {
                let raised = before.raised_guards().find(|raised| raised.scope == *scope);
                let guard = raised.expect("it was raised before").guard;
                let by_hand = matches!(command, Command::DropGuard { .. });
                let in_time = matches!(command, Command::PassTime);
                assert!(by_hand || in_time || guard.cause != GuardCause::Operator);
            }
            Event::Put { .. }
            | Event::Delete { .. }
            | Event::OverrideSet { .. }
            | Event::OverrideCleared { .. }
            | Event::GuardRaised { .. } => {}
        }
    }
}

/// Nothing whose lease lives, or has lapsed less than its time to stay ago, goes with the time.
fn check_what_expired(before: &State, after: &State, events: &[Event]) {
    let gone = events.iter().filter_map(|event| match event {
        Event::Delete { previous } => Some(previous),
        Event::Put { .. }
        | Event::OverrideSet { .. }
        | Event::OverrideCleared { .. }
        | Event::GuardRaised { .. }
        | Event::GuardDropped { .. } => None,
    });
    for instance in gone {
        let held = before.lease(instance.lease().expect("only leases expire"));
        let lapsed = held.and_then(HeldLease::lapsed).expect("only what has lapsed expires");
        let stays_ms = held.map_or(0, |held| held.lease().remove_after.as_ms());
        assert!(after.log_time().ms_since(lapsed.lapse.at) >= stays_ms);
        let service = instance.key().service_key();
        let guards = after.guards_of(&service);
        let touches = |zone: Option<&ZoneName>| instance.spec().locality().zone.as_ref() == zone;
        for raised in guards {
            let only_a_zone = match &raised.scope {
                GuardScope::Zone(zone) => !touches(Some(zone)),
                GuardScope::Service(_) | GuardScope::Namespace(_) | GuardScope::Cluster => false,
            };
            assert!(
                only_a_zone,
                "{} expired under the guard of {}",
                instance.key(),
                raised.scope
            );
        }
    }
}

fn run(steps: &[Step]) {
    let (mut state, mut naive, mut drops) = (State::new(), Naive::default(), Drops::new());
    for (index, step) in (1..).zip(steps) {
        let command = step.aimed(&naive);
        let before = state.clone();
        let expected = naive.apply(index, step.stamp_ms(), &command);
        let (outcome, events) = state.apply(step.at(index), &command);
        assert_eq!(
            (&outcome, &events),
            (&expected.0, &expected.1),
            "entry {index}, {command:?}"
        );
        assert_eq!(state.hash(), canonical::hash(&naive), "entry {index}, {command:?}");
        assert_eq!(state.recomputed_hash(), state.hash());
        // What is restored counts everything from nothing: tallies, what leases keep, what is recent, and what is due.
        assert_eq!(through_a_snapshot(&state), state, "entry {index}, {command:?}");
        check_views(&state, &naive);
        check_liveness(&state);
        check_lease_changes(&before, &state);
        check_events(&before, &command, &outcome, &events);
        if lapses(&outcome) {
            check_that_answers_do_not_collapse(&before, &state);
            check_that_no_answer_is_emptied_bit_by_bit(&state, &drops, &events);
        }
        note_drops(&mut drops, state.revision(), &events);
        if matches!(command, Command::PassTime) {
            check_what_expired(&before, &state, &events);
        }
    }
}

proptest! {
    // They are long: a quarter as many as of others.
    #![proptest_config(Config { cases: (Config::default().cases / 4).max(1), ..Config::default() })]

    #[test]
    fn every_rule_holds_after_every_command(steps in steps_of_leases()) {
        run(&steps);
    }

    #[test]
    fn a_restored_member_goes_on_as_the_others(steps in steps_of_leases(), cut in any::<prop::sample::Index>()) {
        let (mut naive, mut straight, mut restored) = (Naive::default(), State::new(), State::new());
        let cut = cut.index(steps.len() + 1);
        for (place, step) in steps.iter().enumerate() {
            let index = place as u64 + 1;
            let command = step.aimed(&naive);
            naive.apply(index, step.stamp_ms(), &command);
            if place == cut {
                restored = through_a_snapshot(&straight);
            }
            let expected = straight.apply(step.at(index), &command);
            prop_assert_eq!(restored.apply(step.at(index), &command), expected);
            prop_assert_eq!(&restored, &straight);
        }
    }
}

/// What must have come about in some of the histories: else they would prove nothing.
#[test]
fn histories_come_to_what_they_are_about() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::<&str, usize>::new();
    for _ in 0..64 {
        let steps = steps_of_leases().new_tree(&mut runner).expect("no filter").current();
        let (mut state, mut naive) = (State::new(), Naive::default());
        for (index, step) in (1..).zip(&steps) {
            let command = step.aimed(&naive);
            naive.apply(index, step.stamp_ms(), &command);
            let (outcome, events) = state.apply(step.at(index), &command);
            note(&mut seen, &command, &outcome, &events);
            let suspect = |service: &Service| {
                let standings = state.standings(service.key());
                let mut instances = service.instances();
                instances.any(|instance| standings.standing(instance).liveness == Liveness::Suspect)
            };
            if state.all_services().any(|service| suspect(service)) {
                *seen.entry("suspect").or_default() += 1;
            }
        }
    }
    for what in [
        "lapsed",
        "revived",
        "expired",
        "disabled",
        "share",
        "floor",
        "operator",
        "well",
        "by time",
        "suspect",
        "own lease",
    ] {
        let count = seen.get(what).copied().unwrap_or_default();
        assert!(count >= 5, "{what}: {count} of {seen:?}");
    }
}

fn note(seen: &mut BTreeMap<&str, usize>, command: &Command, outcome: &Outcome, events: &[Event]) {
    let (passes, by_hand) = (
        matches!(command, Command::PassTime),
        matches!(command, Command::DropGuard { .. }),
    );
    let mut saw = |what| *seen.entry(what).or_default() += 1;
    if lapses(outcome) {
        saw("lapsed");
    }
    if matches!(outcome, Outcome::LeasesRevived { count } if *count > 0) {
        saw("revived");
    }
    if let Outcome::Mutated(Mutated::Registered {
        lease: Some(id),
        revision,
        ..
    }) = outcome
        && id.get() == revision.get()
    {
        saw("own lease");
    }
    for event in events {
        match event {
            Event::GuardRaised { guard, .. } => saw(guard.cause.as_str()),
            Event::GuardDropped { .. } if passes => saw("by time"),
            Event::GuardDropped { .. } if by_hand => saw("by hand"),
            Event::GuardDropped { .. } => saw("well"),
            Event::Delete { .. } if passes => saw("expired"),
            Event::Put { .. } if passes => saw("disabled"),
            Event::Delete { .. } | Event::Put { .. } => saw("changed"),
            Event::OverrideSet { .. } | Event::OverrideCleared { .. } => saw("overridden"),
        }
    }
}

//! What holds for any log.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection, prelude::*};
use quorate_model::{
    GuardScope, Instance, InstanceKey, LeaseId, LogIndex, LogTime, NamespaceName, Override, OverrideTarget, Revision,
    ServiceName,
};
use quorate_state::{
    Change, Command, Event, Guard, HeldLease, Mutated, Mutation, Outcome, Position, RaisedGuard, Rejection, State,
};

use crate::{
    arbitrary::{Step, command, steps},
    canonical,
    naive::Naive,
    samples::{batch, held, position, register, through_a_snapshot},
};

type Entry = (Position, Command);

/// Both, after the same commands; fails where they differ on the way.
fn run(steps: &[Step]) -> (State, Naive, Vec<Entry>) {
    run_apart(steps, 1)
}

/// The same with room between the entries.
fn run_apart(steps: &[Step], distance: usize) -> (State, Naive, Vec<Entry>) {
    run_with((State::new(), Naive::default()), steps, distance)
}

/// The same where there is room for this many outcomes.
fn run_with_little_room(steps: &[Step], kept_max: usize) -> (State, Naive, Vec<Entry>) {
    let little = (State::with_kept_outcomes_max(kept_max), Naive::with_kept_max(kept_max));
    run_with(little, steps, 1)
}

fn run_with((mut state, mut naive): (State, Naive), steps: &[Step], distance: usize) -> (State, Naive, Vec<Entry>) {
    let mut log = Vec::new();
    for (index, step) in (1..).step_by(distance).zip(steps) {
        let command = step.aimed(&naive);
        let expected = naive.apply(index, step.stamp_ms(), &command);
        let found = state.apply(step.at(index), &command);
        assert_eq!(found, expected, "entry {index}, {command:?}");
        assert_eq!(state.hash(), canonical::hash(&naive), "entry {index}, {command:?}");
        log.push((step.at(index), command));
    }
    (state, naive, log)
}

fn apply_all(state: &mut State, log: &[Entry]) -> Vec<(Outcome, Vec<Event>)> {
    log.iter().map(|(at, command)| state.apply(*at, command)).collect()
}

proptest! {
    #[test]
    fn the_naive_model_agrees(steps in steps()) {
        let (state, naive, _) = run(&steps);
        prop_assert_eq!(state.recomputed_hash(), state.hash());
        prop_assert_eq!(state.instance_count(), naive.instances.len());
        for instance in &naive.instances {
            let found = state.instance(&instance.key).map(|found| (*found).clone().into_parts());
            prop_assert_eq!(found.as_ref(), Some(instance));
        }
        let mut keys: Vec<_> = naive.instances.iter().map(|instance| &instance.key).collect();
        keys.sort();
        let services = state.all_services();
        let seen: Vec<_> = services.flat_map(|service| service.instances()).map(|instance| instance.key()).collect();
        prop_assert_eq!(&seen, &keys);
        check_views(&state, &naive);
        for namespace in namespaces() {
            let services = state.services(&namespace);
            let seen: Vec<_> = services.flat_map(|service| service.instances()).map(|instance| instance.key()).collect();
            let keys: Vec<_> = keys.iter().copied().filter(|key| key.namespace == namespace).collect();
            prop_assert_eq!(seen, keys);
        }
    }

    #[test]
    fn the_naive_model_agrees_where_there_is_little_room(steps in steps(), kept_max in 1_usize..6) {
        let (state, naive, _) = run_with_little_room(&steps, kept_max);
        prop_assert_eq!(state.recomputed_hash(), state.hash());
        prop_assert!(state.kept_outcome_count() <= kept_max);
        check_views(&state, &naive);
        // No write that is not answered from what is kept is done once more: it is too old.
        let mut again = state.clone();
        let end = u64::try_from(steps.len()).unwrap();
        for known in &naive.leases {
            let lease = known.lease.id.get();
            for sequence in 1..known.window_start.min(20) {
                let write = batch(Some((lease, sequence)), vec![register("late", held(80, "", 0))]);
                let (outcome, events) = again.apply(position(end + 1), &write);
                let is_too_old = matches!(outcome, Outcome::Rejected(Rejection::SequenceTooOld { .. }));
                prop_assert!(is_too_old && events.is_empty(), "{:?}", outcome);
            }
        }
    }

    #[test]
    fn a_snapshot_and_the_rest_of_the_log_are_the_whole_log(steps in steps(), cut in any::<prop::sample::Index>()) {
        let (whole, _, log) = run(&steps);
        let (first, rest) = log.split_at(cut.index(log.len() + 1));

        let mut straight = State::new();
        apply_all(&mut straight, first);
        let mut restored = through_a_snapshot(&straight);
        prop_assert_eq!(&restored, &straight);

        let expected = apply_all(&mut straight, rest);
        let found = apply_all(&mut restored, rest);
        prop_assert_eq!(found, expected);
        prop_assert_eq!(&restored, &whole);
        prop_assert_eq!(restored.revision(), whole.revision());
    }

    #[test]
    fn encoded_commands_do_what_they_do_in_memory(steps in steps()) {
        let (whole, _, log) = run(&steps);
        let mut state = State::new();
        for (at, command) in log {
            let bytes = command.encode().unwrap();
            prop_assert_eq!(Command::decode(&bytes), Ok(command));
            let (outcome, _) = state.apply_encoded(at, &bytes).unwrap();
            prop_assert_eq!(Outcome::decode(&outcome.encode().unwrap()), Ok(outcome));
        }
        prop_assert_eq!(state, whole);
    }

    #[test]
    fn a_registration_repeated_at_once_changes_nothing(steps in steps(), again in command()) {
        let (mut state, ..) = run(&steps);
        let at = position(steps.len() as u64 + 1);
        let (first, _) = state.apply(at, &again);
        if let Outcome::Mutated(Mutated::Registered { generation, .. }) = first {
            let before = state.clone();
            let (second, events) = state.apply(at, &again);
            let is_same = matches!(
                second,
                Outcome::Mutated(Mutated::Registered { generation: same, change: Change::Unchanged, .. }) if same == generation
            );
            prop_assert!(is_same, "{:?}", second);
            prop_assert_eq!(events, vec![]);
            prop_assert_eq!(state, before);
        }
    }

    #[test]
    fn events_tell_the_whole_change(steps in steps(), next in command()) {
        let (before, ..) = run(&steps);
        let mut after = before.clone();
        let (_, events) = after.apply(position(steps.len() as u64 + 1), &next);
        let mut told = Told::of(&before);
        for event in events {
            told.follow(event, after.revision());
        }
        prop_assert_eq!(told, Told::of(&after));
    }

    #[test]
    fn a_write_with_a_key_takes_effect_once(steps in steps(), repeats in repeats()) {
        let (_, _, log) = run_apart(&steps, 100);
        let (mut once, mut often) = (State::new(), State::new());
        let mut keyed = Vec::new();
        for (place, (at, command)) in log.iter().enumerate() {
            let index = at.index.get();
            let at = |nth| Position { index: LogIndex::new(index + nth), ..*at };
            let first = once.apply(at(0), command);
            prop_assert_eq!(&often.apply(at(0), command), &first);
            if let Command::Batch { key: Some(_), .. } = command {
                keyed.push((command, first.0));
            }
            let here = repeats.iter().filter(|(after, _)| after.index(log.len()) == place);
            for (nth, (_, which)) in (1..).zip(here).filter(|_| !keyed.is_empty()) {
                let (command, before) = which.get(&keyed);
                let (outcome, events) = often.apply(at(nth), &late(command));
                prop_assert_eq!(events, vec![]);
                check_repeated(&outcome, before);
            }
            often.advance(once.applied());
            prop_assert_eq!(&often, &once);
        }
    }
}

/// After which entry which of those before comes again.
fn repeats() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index)>> {
    collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..40)
}

/// The same command, proposed at another time.
fn late(command: &Command) -> Command {
    let mut command = command.clone();
    if let Command::Batch { items, .. } = &mut command {
        for (_, mutation) in items {
            if let Mutation::Register { registered_at_ms, .. } = mutation {
                *registered_at_ms += 77;
            }
        }
    }
    command
}

/// A repetition is answered as it was before, or refused because it comes too late.
fn check_repeated(outcome: &Outcome, before: &Outcome) {
    let too_late = matches!(
        outcome,
        Outcome::Rejected(Rejection::LeaseNotFound | Rejection::SequenceTooOld { .. })
    );
    assert!(too_late || outcome == before, "{outcome:?}, before {before:?}");
}

/// What events tell of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    instances: BTreeMap<InstanceKey, Arc<Instance>>,
    overrides: BTreeMap<OverrideTarget, Arc<Override>>,
    guards: BTreeMap<GuardScope, Guard>,
}

impl Told {
    fn of(state: &State) -> Self {
        let services = state.all_services();
        let instances = services.flat_map(|service| service.instances());
        let overrides = namespaces().into_iter().flat_map(|namespace| {
            let overrides = state.overrides_in(&namespace, None).cloned();
            overrides.collect::<Vec<_>>()
        });
        Self {
            instances: instances
                .map(|instance| (instance.key().clone(), seen(instance)))
                .collect(),
            overrides: overrides.map(|known| (known.spec.target().clone(), known)).collect(),
            guards: state
                .raised_guards()
                .map(|raised| (raised.scope, raised.guard))
                .collect(),
        }
    }

    fn follow(&mut self, event: Event, revision: Revision) {
        match event {
            Event::Put { instance, previous } => {
                assert_eq!(instance.modify_revision(), revision);
                let previous = previous.as_deref().map(seen);
                assert_eq!(self.instances.insert(instance.key().clone(), seen(&instance)), previous);
            }
            Event::Delete { previous } => {
                assert_eq!(self.instances.remove(previous.key()), Some(seen(&previous)));
            }
            Event::OverrideSet { current, previous } => {
                assert_eq!(current.revision, revision);
                assert_eq!(self.overrides.insert(current.spec.target().clone(), current), previous);
            }
            Event::OverrideCleared { previous } => {
                assert_eq!(self.overrides.remove(previous.spec.target()), Some(previous));
            }
            Event::GuardRaised { scope, guard } => {
                let before = self.guards.insert(scope, guard);
                assert_ne!(before, Some(guard));
            }
            Event::GuardDropped { scope } => {
                assert!(self.guards.remove(&scope).is_some());
            }
        }
    }
}

/// What watchers see of an instance: all but who has found what of a check.
fn seen(instance: &Instance) -> Arc<Instance> {
    let mut parts = instance.clone().into_parts();
    for state in &mut parts.checks {
        state.votes.clear();
    }
    Arc::new(Instance::new(parts))
}

fn namespaces() -> [NamespaceName; 2] {
    ["default", "other"].map(|name| NamespaceName::try_from(name).expect("valid"))
}

/// What readers see of leases, overrides and settings, against the naive model.
pub(crate) fn check_views(state: &State, naive: &Naive) {
    assert_eq!(state.log_time(), LogTime::from_ms(naive.log_time_ms));
    assert_eq!(
        (state.lease_count(), state.kept_outcome_count()),
        (naive.leases.len(), naive.kept.len())
    );
    for id in &naive.granted {
        let known = naive.leases.iter().find(|known| known.lease.id.get() == *id);
        let found = state.lease(LeaseId::new(*id));
        assert_eq!(found.map(HeldLease::lease), known.map(|known| &known.lease));
        let (Some(found), Some(known)) = (found, known) else {
            continue;
        };
        let kept = naive.kept.iter().filter(|kept| kept.lease == *id).count();
        assert_eq!(
            (
                found.window_start().get(),
                found.last_used().get(),
                found.kept_outcome_count()
            ),
            (known.window_start, known.last_used, kept)
        );
    }
    assert_eq!(state.settings_count(), naive.settings.len());
    for (service, settings) in &naive.settings {
        assert_eq!(state.settings(service), *settings);
    }
    assert_eq!(state.next_due(), naive.next_due());
    for instance in &naive.instances {
        let standings = state.standings(&instance.key.service_key());
        let instance_there = state.instance(&instance.key).expect("the model has it");
        assert_eq!(standings.standing(&instance_there), naive.standing(instance));
    }
    check_override_views(state, naive);
    check_lease_views(state, naive);
    check_guard_views(state, naive);
}

/// How leases stand, and what they keep.
fn check_lease_views(state: &State, naive: &Naive) {
    let mut held: Vec<_> = naive.leases.iter().collect();
    held.sort_by_key(|held| held.lease.id);
    let seen: Vec<_> = state.leases_after(None).map(|found| found.lease().id).collect();
    assert_eq!(seen, held.iter().map(|held| held.lease.id).collect::<Vec<_>>());
    let lapsed = held.iter().filter(|held| held.lapsed.is_some());
    let lapsed: Vec<_> = lapsed.map(|held| held.lease.id).collect();
    assert_eq!(state.lapsed_lease_count(), lapsed.len());
    let some = lapsed.iter().copied().step_by(1 + lapsed.len() / 8);
    for after in std::iter::once(None).chain(some.map(Some)) {
        let behind = lapsed.iter().copied().filter(|id| Some(*id) > after);
        let found = state.lapsed_leases_after(after).map(|found| found.lease().id);
        assert_eq!(found.collect::<Vec<_>>(), behind.collect::<Vec<_>>());
    }
    for held in held {
        let id = held.lease.id;
        let found = state.lease(id).expect("the model has it");
        assert_eq!(
            (found.changed().get(), found.lapsed()),
            (held.changed, held.lapsed.as_ref())
        );
        let kept = naive.instances.iter().filter(|instance| instance.lease == Some(id));
        let mut keys: Vec<_> = kept.map(|instance| &instance.key).collect();
        keys.sort();
        assert_eq!(state.lease_instances(id).collect::<Vec<_>>(), keys);
        assert_eq!(found.instance_count(), keys.len());
    }
}

/// The guards that are raised, and what is counted of their scopes.
fn check_guard_views(state: &State, naive: &Naive) {
    let mut known: Vec<_> = naive
        .guards
        .iter()
        .filter_map(|known| {
            let counted = naive.counted(&known.scope);
            Some(RaisedGuard {
                scope: known.scope.clone(),
                guard: naive.raised(&known.scope)?,
                suspect: counted.counted,
                leased: counted.leased,
            })
        })
        .collect();
    known.sort_by_key(|known| known.scope.clone());
    assert_eq!(state.raised_guard_count(), known.len());
    assert_eq!(state.raised_guards().collect::<Vec<_>>(), known);
    for service in state.all_services() {
        let touches = |scope: &GuardScope| match scope {
            GuardScope::Service(key) => key == service.key(),
            GuardScope::Namespace(namespace) => *namespace == service.key().namespace,
            GuardScope::Cluster => true,
            GuardScope::Zone(zone) => {
                let mut zones = service.instances().map(|instance| &instance.spec().locality().zone);
                zones.any(|found| found.as_ref() == Some(zone))
            }
        };
        let known: Vec<_> = known.iter().filter(|known| touches(&known.scope)).cloned().collect();
        assert_eq!(state.guards_of(service.key()), known);
    }
}

fn check_override_views(state: &State, naive: &Naive) {
    assert_eq!(state.override_count(), naive.overrides.len());
    for namespace in namespaces() {
        for service in [None, Some("web"), Some("api"), Some("none")] {
            let service: Option<ServiceName> = service.map(|name| name.parse().expect("valid"));
            let touches = |target: &OverrideTarget| {
                let of = target.service();
                *target.namespace() == namespace && (of.is_none() || service.is_none() || of == service.as_ref())
            };
            let mut known: Vec<_> = naive
                .overrides
                .iter()
                .filter(|known| touches(known.spec.target()))
                .collect();
            known.sort_by_key(|known| known.spec.target());
            let found: Vec<_> = state
                .overrides_in(&namespace, service.as_ref())
                .map(|found| &**found)
                .collect();
            assert_eq!(found, known);
        }
    }
}

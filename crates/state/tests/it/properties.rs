//! What holds for any log.

use proptest::prelude::*;
use quorate_model::{LogIndex, NamespaceName};
use quorate_state::{
    Change, Command, Event, Outcome, State,
    snapshot::{Decoder, Encoder, RaftMeta},
};

use crate::{
    arbitrary::{Step, command, steps},
    canonical,
    naive::Naive,
};

/// Both, after the same commands; fails where they differ on the way.
fn run(steps: &[Step]) -> (State, Naive, Vec<Command>) {
    let (mut state, mut naive) = (State::new(), Naive::default());
    let mut commands = Vec::new();
    for (index, step) in (1..).zip(steps) {
        let command = step.aimed(&naive);
        let expected = naive.apply(index, &command);
        let found = state.apply(LogIndex::new(index), &command);
        assert_eq!(found, expected, "entry {index}, {command:?}");
        assert_eq!(state.hash(), canonical::hash(&naive), "entry {index}, {command:?}");
        commands.push(command);
    }
    (state, naive, commands)
}

fn apply_all<'a>(state: &mut State, log: impl Iterator<Item = (u64, &'a Command)>) -> Vec<(Outcome, Vec<Event>)> {
    log.map(|(index, command)| state.apply(LogIndex::new(index), command))
        .collect()
}

fn through_a_snapshot(state: &State) -> State {
    let mut decoder = Decoder::new();
    for chunk in Encoder::new(state, RaftMeta::default()).expect("no membership") {
        decoder.push(&chunk).expect("a chunk of the encoder");
    }
    decoder.finish().expect("all chunks").1
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
        for namespace in ["default", "other"].map(|name| NamespaceName::try_from(name).unwrap()) {
            let services = state.services(&namespace);
            let seen: Vec<_> = services.flat_map(|service| service.instances()).map(|instance| instance.key()).collect();
            let keys: Vec<_> = keys.iter().copied().filter(|key| key.namespace == namespace).collect();
            prop_assert_eq!(seen, keys);
        }
    }

    #[test]
    fn a_snapshot_and_the_rest_of_the_log_are_the_whole_log(steps in steps(), cut in any::<prop::sample::Index>()) {
        let (whole, _, commands) = run(&steps);
        let cut = cut.index(commands.len() + 1);
        let log = || (1..).zip(&commands);

        let mut straight = State::new();
        apply_all(&mut straight, log().take(cut));
        let mut restored = through_a_snapshot(&straight);
        prop_assert_eq!(&restored, &straight);

        let expected = apply_all(&mut straight, log().skip(cut));
        let found = apply_all(&mut restored, log().skip(cut));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(&restored, &whole);
        prop_assert_eq!(restored.revision(), whole.revision());
    }

    #[test]
    fn encoded_commands_do_what_they_do_in_memory(steps in steps()) {
        let (whole, _, commands) = run(&steps);
        let mut state = State::new();
        for (index, command) in (1..).zip(&commands) {
            let bytes = command.encode().unwrap();
            prop_assert_eq!(Command::decode(&bytes), Ok(command.clone()));
            let (outcome, _) = state.apply_encoded(LogIndex::new(index), &bytes).unwrap();
            prop_assert_eq!(Outcome::decode(&outcome.encode().unwrap()), Ok(outcome));
        }
        prop_assert_eq!(state, whole);
    }

    #[test]
    fn a_registration_repeated_at_once_changes_nothing(steps in steps(), again in command()) {
        let (mut state, ..) = run(&steps);
        let at = LogIndex::new(steps.len() as u64 + 1);
        let (first, _) = state.apply(at, &again);
        if let Outcome::Registered { generation, .. } = first {
            let before = state.clone();
            let (second, events) = state.apply(at, &again);
            let is_same = matches!(
                second,
                Outcome::Registered { generation: same, change: Change::Unchanged, .. } if same == generation
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
        let (_, events) = after.apply(LogIndex::new(steps.len() as u64 + 1), &next);
        for event in &events {
            let (was, is) = (before.instance(event.key()), after.instance(event.key()));
            match event {
                Event::Put { instance, previous } => {
                    prop_assert_eq!(previous, &was);
                    prop_assert_eq!(Some(instance), is.as_ref());
                    prop_assert_eq!(instance.modify_revision(), after.revision());
                }
                Event::Delete { previous } => {
                    prop_assert_eq!(Some(previous), was.as_ref());
                    prop_assert_eq!(is, None);
                }
            }
        }
        if events.is_empty() {
            prop_assert!(before.all_services().eq(after.all_services()));
        }
    }
}

//! Whether each write took effect once at most, and nothing did that nobody had asked for.

use std::collections::BTreeMap;

use super::{Stats, Violation};
use crate::record::{Asked, Change, Deed, Effect, Instance, Key, Operation, Outcome, Record, Refusal, Write};

/// A value that was shown of an instance, or acknowledged: by whom, and of which life and change of it.
#[derive(Debug, Clone, Copy)]
struct Sight<'a> {
    modified: u64,
    generation: Option<u64>,
    /// What was stated; nothing, if the instance was gone.
    value: Option<u64>,
    operation: &'a Operation,
}

/// Which write stated a value.
type Origins<'a> = BTreeMap<(Key, u64), Vec<(&'a Write, &'a Operation)>>;

/// Follows each value that was ever stated: it was asked for and not refused, it belongs to one generation, and once
/// something else has come in its place it does not come back.
///
/// # Errors
///
/// What was shown, and the write that it cannot come from.
pub fn once(record: &Record) -> Result<Stats, Violation> {
    let origins = origins(record);
    no_key_is_used_twice(record)?;
    let shown = no_effect_without_a_write(record, &origins)?;
    let mut values = 0;
    for (key, sights) in sights(record) {
        values += no_value_comes_back(key, sights, &origins)?;
    }
    let keyed = record.writes().filter(|(write, _)| write.sent.session.is_some());
    Ok(Stats::from([
        ("values followed", values),
        ("values shown", shown),
        ("writes in sessions", keyed.count() as u64),
    ]))
}

fn origins(record: &Record) -> Origins<'_> {
    let mut origins = Origins::new();
    for (write, operation) in record.writes() {
        if let Some(value) = write.deed.value() {
            origins.entry((write.key, value)).or_default().push((write, operation));
        }
    }
    origins
}

fn no_key_is_used_twice(record: &Record) -> Result<(), Violation> {
    let is_reused = |operation: &&Operation| operation.outcome == Outcome::Refused(Refusal::KeyReused);
    match record.operations.iter().find(is_reused) {
        Some(operation) => Err(Violation::of("a write was taken for another one", [operation])),
        None => Ok(()),
    }
}

/// What is shown was stated by a write that had an effect, or may have had one.
fn no_effect_without_a_write(record: &Record, origins: &Origins<'_>) -> Result<u64, Violation> {
    let mut shown_values = 0;
    for (_, shown, operation) in record.answers() {
        for instance in &shown.instances {
            let Some(content) = instance.content else { continue };
            shown_values += 1;
            for value in [content.base, content.value] {
                let Some(writes) = origins.get(&(instance.key, value)) else {
                    let what = format!("value {value} of instance {} was never stated", instance.key);
                    return Err(Violation::of(what, [operation]));
                };
                // What is shown before it was asked for has another origin.
                let may_be = |(_, write): &(&Write, &Operation)| {
                    let was_called = operation.returned.is_none_or(|returned| write.called < returned);
                    was_called && matches!(write.outcome, Outcome::Done(_) | Outcome::Unknown)
                };
                if !writes.iter().any(may_be) {
                    let what = "a write had an effect that was refused, not done, or not yet asked for";
                    let proof = writes.iter().map(|(_, write)| *write);
                    return Err(Violation::of(what, proof.chain([operation])));
                }
            }
        }
    }
    Ok(shown_values)
}

/// All that is known of the changes of each instance.
fn sights(record: &Record) -> BTreeMap<Key, Vec<Sight<'_>>> {
    let mut sights: BTreeMap<Key, Vec<Sight<'_>>> = BTreeMap::new();
    for operation in &record.operations {
        match (&operation.asked, &operation.outcome) {
            (Asked::Read(_), Outcome::Shown(shown)) => {
                for instance in &shown.instances {
                    let of_key = sights.entry(instance.key).or_default();
                    of_key.push(Sight::of_instance(instance, operation));
                }
            }
            (Asked::Write(write), _) => {
                let of_key = sights.entry(write.key).or_default();
                of_key.extend(Sight::of_write(write, operation));
            }
            (Asked::Read(_), _) => {}
        }
    }
    sights
}

/// In the order of changes, a value is not found again after another one, nor in another generation.
fn no_value_comes_back(key: Key, mut sights: Vec<Sight<'_>>, origins: &Origins<'_>) -> Result<u64, Violation> {
    sights.sort_by_key(|sight| sight.modified);
    let mut first_seen: BTreeMap<u64, Sight<'_>> = BTreeMap::new();
    let mut before: Option<Sight<'_>> = None;
    for sight in sights {
        let Some(value) = sight.value else {
            before = Some(sight);
            continue;
        };
        let known = first_seen.get(&value).copied();
        // What was stated by more than one write may come back.
        let is_repeated = origins.get(&(key, value)).is_some_and(|writes| writes.len() > 1);
        match known {
            Some(_) if is_repeated => {}
            Some(first) if first.generation != sight.generation => {
                let what = format!("value {value} took effect in two generations: its write was done twice");
                return Err(Violation::of(what, [first.operation, sight.operation]));
            }
            Some(first) if before.is_some_and(|before| before.value != Some(value)) => {
                let between = before.into_iter().map(|before| before.operation);
                let what = format!("value {value} has come back: its write was done twice");
                let proof = [first.operation].into_iter().chain(between).chain([sight.operation]);
                return Err(Violation::of(what, proof));
            }
            Some(_) => {}
            None => drop(first_seen.insert(value, sight)),
        }
        before = Some(sight);
    }
    Ok(first_seen.len() as u64)
}

// === impl Sight ===

impl<'a> Sight<'a> {
    fn of_instance(instance: &Instance, operation: &'a Operation) -> Self {
        Self {
            modified: instance.modify_revision,
            generation: Some(instance.generation),
            value: instance.content.map(|content| content.value),
            operation,
        }
    }

    /// What a write says of itself, if it says when it took effect.
    fn of_write(write: &Write, operation: &'a Operation) -> Option<Self> {
        let Outcome::Done(done) = &operation.outcome else {
            return None;
        };
        match (write.deed, done.effect) {
            (Deed::Register { value, .. }, Effect::Registered { generation, change }) => {
                let begins = matches!(change, Change::Created | Change::Replaced);
                begins.then_some(Self {
                    modified: generation,
                    generation: Some(generation),
                    value: Some(value),
                    operation,
                })
            }
            (Deed::Deregister { .. }, Effect::Deregistered { existed: true }) if write.sent.session.is_none() => {
                let told = done.header.map(|header| header.revision).or(done.revision)?;
                Some(Self {
                    modified: told,
                    generation: None,
                    value: None,
                    operation,
                })
            }
            (
                Deed::Register { .. } | Deed::Update { .. } | Deed::Deregister { .. } | Deed::SetAvailability { .. },
                _,
            ) => None,
        }
    }
}

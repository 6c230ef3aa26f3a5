//! Whether revisions order everything: they agree with time, and each names one state.

use std::collections::BTreeMap;

use super::{
    Stats, Violation,
    model::{Fact, Happening},
    search::{Entry, STEPS_MAX, find_order},
    span::Span,
    timeline::{Moment, Timeline, fact, floors, witnessed},
};
use crate::record::{About, Asked, Freshness, Key, Operation, Outcome, Record, Refusal};

/// Checks the order of revisions against that of time, and replays the writes in their order: what is shown at a
/// revision, by whomever and however fresh, is what they come to there.
///
/// # Errors
///
/// What does not fit.
pub fn revisions(record: &Record) -> Result<Stats, Violation> {
    let timeline = Timeline::new(record);
    fresh(record, &timeline)?;
    terms(record)?;
    let states = same_states(record)?;
    let mut steps = 0;
    let mut placed = 0;
    for (key, moments) in timeline.moments(record) {
        let entries = by_revision(record, &moments)?;
        placed += entries.len() as u64;
        let found = find_order(entries, STEPS_MAX);
        let what = format!("the revisions of instance {key}");
        steps += found.map_err(|stuck| stuck.into_violation(&what, record))?;
    }
    Ok(Stats::from([
        ("operations placed", placed),
        ("states", states),
        ("steps", steps),
    ]))
}

/// Each answer is as fresh as it had to be, and each write came after all that was there before it.
fn fresh(record: &Record, timeline: &Timeline) -> Result<(), Violation> {
    for (number, operation) in record.operations.iter().enumerate() {
        let floor = timeline.floors[number];
        let revision = operation.header().map(|header| header.revision);
        let least = match &operation.asked {
            Asked::Write(_) => floor.saturating_add(1),
            Asked::Read(read) => match read.freshness {
                Freshness::Linearizable => floor,
                Freshness::AtLeast(revision) => revision,
                Freshness::Stale | Freshness::Bounded(_) => 0,
            },
        };
        if revision.is_some_and(|revision| revision < least) {
            let what = format!("an answer is at revision {revision:?}, but has to be at {least} or later");
            return Err(with_witness(what, record, operation, floor));
        }
        if operation.outcome == Outcome::Refused(Refusal::RevisionAhead) {
            let what = "the cluster does not have a revision that an answer was at";
            return Err(with_witness(what.to_owned(), record, operation, least));
        }
    }
    Ok(())
}

/// The operation, and one before it that was at `revision`.
fn with_witness(what: String, record: &Record, operation: &Operation, revision: u64) -> Violation {
    let witness = record
        .operations
        .iter()
        .find(|other| witnessed(other) == Some(revision));
    Violation::of(what, witness.into_iter().chain([operation]))
}

/// There is one history, and no member goes back to a term that it has left.
fn terms(record: &Record) -> Result<(), Violation> {
    let mut members: BTreeMap<u64, u64> = BTreeMap::new();
    let mut first: Option<(u64, &Operation)> = None;
    for operation in &record.operations {
        let Some(header) = operation.header() else { continue };
        members.insert(header.member, header.term);
        let (epoch, witness) = *first.get_or_insert((header.epoch, operation));
        if epoch != header.epoch {
            return Err(Violation::of("answers are of two histories", [witness, operation]));
        }
    }
    for member in members.into_keys() {
        let of_member = |operation: &Operation| operation.header().filter(|header| header.member == member);
        let floors = floors(record, |operation| of_member(operation).map(|header| header.term));
        for (operation, floor) in record.operations.iter().zip(floors) {
            if of_member(operation).is_some_and(|header| header.term < floor) {
                let what = format!("member {member} has gone back from term {floor}");
                return Err(Violation::of(what, [operation]));
            }
        }
    }
    Ok(())
}

/// Answers of one revision show one state. Tells how many states were shown.
fn same_states(record: &Record) -> Result<u64, Violation> {
    let mut lists: BTreeMap<(Key, u64), (Fact, &Operation)> = BTreeMap::new();
    let mut known: BTreeMap<(u32, u64), (bool, &Operation)> = BTreeMap::new();
    for (read, shown, operation) in record.answers() {
        let Some(header) = shown.header else { continue };
        for instance in &shown.instances {
            let place = (instance.key, header.revision);
            let found = fact(instance.key, read.about, shown);
            let (before, witness) = *lists.entry(place).or_insert((found, operation));
            if before != found {
                return Err(Violation::of(
                    "two answers of one revision differ",
                    [witness, operation],
                ));
            }
        }
        let service = match read.about {
            About::Instance(key) => key.service,
            About::Instances(service) | About::Callable(service) => service,
        };
        let is_known = shown.service_known.unwrap_or(true);
        let (before, witness) = *known.entry((service, header.revision)).or_insert((is_known, operation));
        if before != is_known {
            return Err(Violation::of(
                "two answers of one revision differ about whether there is a service",
                [witness, operation],
            ));
        }
    }
    Ok(known.len() as u64)
}

/// What happened to an instance, along the axis of revisions: what is shown at one comes after what is written at it.
fn by_revision(record: &Record, moments: &[Moment]) -> Result<Vec<Entry>, Violation> {
    let mut entries = Vec::with_capacity(moments.len());
    let mut shown: BTreeMap<(u64, bool), (Fact, &Operation)> = BTreeMap::new();
    for moment in moments {
        let operation = &record.operations[moment.operation];
        let Some(place) = moment.place else {
            let what = "the revisions that were told do not agree with the order of time";
            return Err(Violation::of(what, [operation]));
        };
        let is_seen = matches!(moment.happening, Happening::Seen(_));
        if let (Happening::Seen(fact), Some(revision)) = (moment.happening, moment.shown_at) {
            // What is shown of one state is shown once, however often it was asked for.
            let is_vague = fact == Fact::Hidden;
            match shown.get(&(revision, is_vague)) {
                Some((before, _)) if *before == fact => continue,
                Some((_, witness)) => {
                    return Err(Violation::of(
                        "two answers of one revision differ",
                        [*witness, operation],
                    ));
                }
                None => drop(shown.insert((revision, is_vague), (fact, operation))),
            }
        }
        entries.push(entry(moment, place, is_seen));
    }
    Ok(entries)
}

fn entry(moment: &Moment, place: Span, is_seen: bool) -> Entry {
    let axis = |revision: u64| revision.saturating_mul(2).saturating_add(u64::from(is_seen));
    Entry {
        operation: moment.operation,
        from: axis(place.min),
        to: axis(place.max),
        is_doubtful: moment.is_doubtful,
        place,
        happening: moment.happening,
    }
}

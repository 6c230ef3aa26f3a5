//! What the order of calls and answers says of the revisions at which they took place.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    model::{Fact, Happening},
    span::Span,
};
use crate::record::{
    About, Asked, Change, Deed, Done, Effect, Freshness, Key, Operation, Outcome, Read, Record, Refusal, Shown, Write,
};

/// The revisions at which each operation of a record can have taken place.
pub(super) struct Timeline {
    /// The highest revision that was there before the operation was called.
    pub(super) floors: Vec<u64>,
    /// The lowest revision that something had which was called after it had returned.
    ceilings: Vec<u64>,
}

/// Something that happened to an instance.
pub(super) struct Moment {
    /// The operation, by its number in the record.
    pub(super) operation: usize,
    pub(super) happening: Happening,
    /// When, as far as it is known.
    pub(super) place: Option<Span>,
    /// Whether it may never have happened.
    pub(super) is_doubtful: bool,
    /// The revision of the state that was shown, if it was told.
    pub(super) shown_at: Option<u64>,
    /// Whether it took place between its call and its answer.
    pub(super) is_current: bool,
}

/// For each operation, the highest value of those that had returned before it was called; 0 if there is none.
pub(super) fn floors(record: &Record, value: impl Fn(&Operation) -> Option<u64>) -> Vec<u64> {
    let operations = &record.operations;
    let mut returned: Vec<(u64, u64)> = operations
        .iter()
        .filter_map(|operation| Some((operation.returned?.place, value(operation)?)))
        .collect();
    returned.sort_unstable();
    let mut called: Vec<usize> = (0..operations.len()).collect();
    called.sort_unstable_by_key(|number| operations[*number].called.place);
    let (mut floors, mut highest) = (vec![0; operations.len()], 0);
    let mut returned = returned.into_iter().peekable();
    for number in called {
        while let Some((_, value)) = returned.next_if(|(place, _)| *place < operations[number].called.place) {
            highest = highest.max(value);
        }
        floors[number] = highest;
    }
    floors
}

/// For each operation, the lowest value of those that were called after it had returned; all there is if there is none.
fn ceilings(record: &Record, value: impl Fn(&Operation) -> Option<u64>) -> Vec<u64> {
    let operations = &record.operations;
    let mut called: Vec<(u64, u64)> = operations
        .iter()
        .filter_map(|operation| Some((operation.called.place, value(operation)?)))
        .collect();
    called.sort_unstable();
    let mut lowest = u64::MAX;
    for (_, value) in called.iter_mut().rev() {
        lowest = lowest.min(*value);
        *value = lowest;
    }
    let after = |operation: &Operation| {
        let returned = operation.returned?.place;
        let first = called.partition_point(|(place, _)| *place < returned);
        called.get(first).map(|(_, lowest)| *lowest)
    };
    operations
        .iter()
        .map(|operation| after(operation).unwrap_or(u64::MAX))
        .collect()
}

/// A revision that was there when the answer came.
pub(super) fn witnessed(operation: &Operation) -> Option<u64> {
    match &operation.outcome {
        Outcome::Done(done) => done.header.map(|header| header.revision).or(done.revision),
        Outcome::Shown(shown) => shown.header.map(|header| header.revision),
        Outcome::Refused(_) | Outcome::NotDone | Outcome::Unknown => None,
    }
}

/// A revision that was not there before the operation was called, or that had all that was there then.
fn current(operation: &Operation) -> Option<u64> {
    match (&operation.asked, &operation.outcome) {
        (Asked::Write(_), Outcome::Done(done)) => match done.header {
            Some(header) => Some(header.revision),
            None => done.revision.filter(|_| tells_own_revision(done)),
        },
        (Asked::Read(read), Outcome::Shown(shown)) if read.is_linearizable() => {
            shown.header.map(|header| header.revision)
        }
        (Asked::Read(_) | Asked::Write(_), _) => None,
    }
}

/// Whether an item of a batch is told a revision at which it has taken effect, and not one of before.
fn tells_own_revision(done: &Done) -> bool {
    done.changed() || matches!(done.effect, Effect::Deregistered { .. })
}

// === impl Timeline ===

impl Timeline {
    pub(super) fn new(record: &Record) -> Self {
        Self {
            floors: floors(record, witnessed),
            ceilings: ceilings(record, current),
        }
    }

    /// All that happened to each instance, in the order of the record.
    pub(super) fn moments(&self, record: &Record) -> BTreeMap<Key, Vec<Moment>> {
        let written = record.writes().map(|(write, _)| write.key);
        let shown = record.answers().flat_map(|(_, shown, _)| &shown.instances);
        let keys: BTreeSet<Key> = written.chain(shown.map(|instance| instance.key)).collect();
        let mut moments: BTreeMap<Key, Vec<Moment>> = keys.into_iter().map(|key| (key, Vec::new())).collect();
        for (number, operation) in record.operations.iter().enumerate() {
            match (&operation.asked, &operation.outcome) {
                (Asked::Write(write), outcome) => {
                    let of_key = moments.entry(write.key).or_default();
                    of_key.extend(self.write(number, write, outcome));
                }
                (Asked::Read(read), Outcome::Shown(shown)) => {
                    let covered = moments.iter_mut().filter(|(key, _)| read.covers(**key));
                    for (key, of_key) in covered {
                        of_key.push(self.look(number, *key, read, shown));
                    }
                }
                (Asked::Read(_), _) => {}
            }
        }
        moments
    }

    /// The acknowledged writes that changed something, each with the revisions at which it may have.
    pub(super) fn changes<'r>(&self, record: &'r Record) -> impl Iterator<Item = (&'r Operation, &'r Write, Span)> {
        let operations = record.operations.iter().enumerate();
        operations.filter_map(|(number, operation)| match (&operation.asked, &operation.outcome) {
            (Asked::Write(write), Outcome::Done(done)) if done.changed() => {
                Some((operation, write, self.place_of(number, write, done)?))
            }
            (Asked::Write(_) | Asked::Read(_), _) => None,
        })
    }

    fn write(&self, number: usize, write: &Write, outcome: &Outcome) -> Option<Moment> {
        let deed = write.deed;
        let (happening, place) = match outcome {
            Outcome::Done(done) => (Happening::Done(deed, *done), self.place_of(number, write, done)),
            Outcome::Refused(Refusal::KeyReused | Refusal::RevisionAhead | Refusal::Other)
            | Outcome::NotDone
            | Outcome::Shown(_) => return None,
            Outcome::Refused(refusal) => (Happening::Refused(deed, *refusal), self.between(number)),
            Outcome::Unknown => (Happening::Perhaps(deed), Span::new(self.floors[number] + 1, u64::MAX)),
        };
        Some(Moment {
            operation: number,
            happening,
            place,
            is_doubtful: *outcome == Outcome::Unknown,
            shown_at: None,
            is_current: true,
        })
    }

    /// When a write that was done took effect. One in a session may have been answered by a later entry of the log.
    fn place_of(&self, number: usize, write: &Write, done: &Done) -> Option<Span> {
        let open = self.between(number)?;
        let told = done.header.map(|header| header.revision).or(done.revision);
        if let (Deed::Register { .. }, Effect::Registered { generation, change }) = (write.deed, done.effect)
            && matches!(change, Change::Created | Change::Replaced)
        {
            return open.at(generation)?.until(told.unwrap_or(u64::MAX));
        }
        let is_repeated = write.sent.session.is_some();
        let is_gone = matches!(done.effect, Effect::Deregistered { .. });
        match (done.header, done.revision) {
            (Some(header), _) if is_repeated => open.until(header.revision),
            (Some(header), _) => open.at(header.revision),
            (None, Some(revision)) if is_gone && is_repeated => open.until(revision),
            (None, Some(revision)) if tells_own_revision(done) => open.at(revision),
            (None, _) => Some(open),
        }
    }

    /// After all that was there before, and before all that was asked for later.
    fn between(&self, number: usize) -> Option<Span> {
        Span::new(self.floors[number].saturating_add(1), self.ceilings[number])
    }

    fn look(&self, number: usize, key: Key, read: &Read, shown: &Shown) -> Moment {
        let (floor, ceiling) = (self.floors[number], self.ceilings[number]);
        let place = match (shown.header, read.freshness) {
            (Some(header), _) => Some(Span::exact(header.revision)),
            (None, Freshness::Linearizable) => Span::new(floor, ceiling),
            (None, Freshness::AtLeast(revision)) => Span::new(revision, ceiling),
            (None, Freshness::Stale | Freshness::Bounded(_)) => Span::new(0, ceiling),
        };
        Moment {
            operation: number,
            happening: Happening::Seen(fact(key, read.about, shown)),
            place,
            is_doubtful: false,
            shown_at: shown.header.map(|header| header.revision),
            is_current: read.is_linearizable(),
        }
    }
}

/// What an answer says of an instance.
pub(super) fn fact(key: Key, about: About, shown: &Shown) -> Fact {
    let found = shown.instances.iter().find(|instance| instance.key == key);
    match (found, about) {
        (Some(instance), _) => Fact::Present(*instance),
        (None, About::Callable(_)) if shown.service_known == Some(true) => Fact::Hidden,
        (None, About::Callable(_) | About::Instance(_) | About::Instances(_)) => Fact::Absent,
    }
}

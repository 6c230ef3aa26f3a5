//! Whether every acknowledged write is there in the end, or something later in its place.

use std::collections::BTreeMap;

use super::{Stats, Violation, span::Span, timeline::Timeline};
use crate::record::{Deed, Instance, Key, Operation, Outcome, Record, Write};

/// A final answer about an instance.
#[derive(Clone, Copy)]
struct Last<'a> {
    found: Option<&'a Instance>,
    operation: &'a Operation,
}

/// Compares each acknowledged change with what the final reads show of its instance, at every member that was asked.
///
/// # Errors
///
/// Writes that were lost, or of which nobody has looked what became.
pub fn durable(record: &Record) -> Result<Stats, Violation> {
    let finals = finals(record);
    let timeline = Timeline::new(record);
    let mut ends = BTreeMap::<Key, Vec<(&Write, &Operation)>>::new();
    for (write, operation) in record.writes() {
        if matches!(write.deed, Deed::Deregister { .. }) {
            ends.entry(write.key).or_default().push((write, operation));
        }
    }
    let (mut acknowledged, mut lost) = (0_u64, Vec::new());
    for (operation, write, place) in timeline.changes(record) {
        acknowledged += 1;
        let Some(looks) = finals.get(&write.key) else {
            let what = "nobody has looked in the end what became of an acknowledged write";
            return Err(Violation::of(what, [operation]));
        };
        let ends = ends.get(&write.key).map_or(&[][..], Vec::as_slice);
        let missing = looks.iter().find(|look| !stands(write, place, look, ends));
        lost.extend(missing.map(|look| (operation, look.operation)));
    }
    if let Some((write, look)) = lost.first() {
        let what = format!("{} of {acknowledged} acknowledged writes are lost", lost.len());
        return Err(Violation::of(what, [*write, *look]));
    }
    Ok(Stats::from([
        ("acknowledged", acknowledged),
        ("lost", 0),
        ("final looks", finals.values().map(|looks| looks.len() as u64).sum()),
    ]))
}

/// What each final list shows of each instance.
fn finals(record: &Record) -> BTreeMap<Key, Vec<Last<'_>>> {
    let mut finals = BTreeMap::<Key, Vec<Last<'_>>>::new();
    let keys: std::collections::BTreeSet<Key> = record.writes().map(|(write, _)| write.key).collect();
    let lists = record.answers().filter(|(read, ..)| {
        let is_list = matches!(read.about, crate::record::About::Instances(_));
        read.is_final && is_list
    });
    for (read, shown, operation) in lists {
        for key in keys.iter().filter(|key| read.covers(**key)) {
            let found = shown.instances.iter().find(|instance| instance.key == *key);
            finals.entry(*key).or_default().push(Last { found, operation });
        }
    }
    finals
}

/// Whether what is shown is what the write has left, or something later.
fn stands(write: &Write, place: Span, look: &Last<'_>, ends: &[(&Write, &Operation)]) -> bool {
    let is_end = matches!(write.deed, Deed::Deregister { .. });
    match look.found {
        Some(found) if is_end => found.create_revision > place.min,
        Some(found) => found.modify_revision >= place.min,
        None if is_end => true,
        // It is gone: by something that may have taken it out after the write.
        None => ends.iter().any(|(_, end)| match &end.outcome {
            Outcome::Unknown => true,
            Outcome::Done(done) => {
                let told = done.header.map(|header| header.revision).or(done.revision);
                done.changed() && told.is_none_or(|latest| latest > place.min)
            }
            Outcome::Refused(_) | Outcome::NotDone | Outcome::Shown(_) => false,
        }),
    }
}

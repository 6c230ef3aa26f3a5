//! Whether answers are no staler than they say.

use std::time::Duration;

use super::{Stats, Violation, timeline::Timeline};
use crate::record::{Operation, Record};

/// Checks each answer that says how stale it is: what was acknowledged so long before it was asked for, it shows.
///
/// # Errors
///
/// An answer, and a write that it had to show.
pub fn stale(record: &Record) -> Result<Stats, Violation> {
    let acknowledged = Acknowledged::new(record);
    let (mut answers, mut longest) = (0, 0);
    for (_, shown, operation) in record.answers() {
        let Some((header, stated_ms)) = shown.header.and_then(|it| Some((it, it.staleness_ms?))) else {
            continue;
        };
        answers += 1;
        longest = longest.max(stated_ms);
        let Some(since) = operation.called.at.checked_sub(Duration::from_millis(stated_ms)) else {
            continue;
        };
        if let Some(missed) = acknowledged.beyond(header.revision, since) {
            let what = format!("an answer is staler than the {stated_ms} ms that it states");
            return Err(Violation::of(what, [missed, operation]));
        }
    }
    Ok(Stats::from([("answers", answers), ("stated at most, in ms", longest)]))
}

/// When which revisions were acknowledged.
struct Acknowledged<'a> {
    /// By the time, each with the operation of the highest revision until then.
    until: Vec<(Duration, u64, &'a Operation)>,
}

// === impl Acknowledged ===

impl<'a> Acknowledged<'a> {
    fn new(record: &'a Record) -> Self {
        let timeline = Timeline::new(record);
        let mut until: Vec<_> = timeline
            .changes(record)
            .filter_map(|(operation, _, place)| Some((operation.returned?.at, place.min, operation)))
            .collect();
        until.sort_by_key(|(at, ..)| *at);
        let mut highest: Option<(u64, &Operation)> = None;
        for (_, revision, operation) in &mut until {
            match highest {
                Some((most, by)) if most >= *revision => (*revision, *operation) = (most, by),
                Some(_) | None => highest = Some((*revision, *operation)),
            }
        }
        Self { until }
    }

    /// A write that was acknowledged before `since`, at a revision after this one.
    fn beyond(&self, revision: u64, since: Duration) -> Option<&'a Operation> {
        let count = self.until.partition_point(|(at, ..)| *at < since);
        let (_, highest, operation) = self.until[..count].last()?;
        (*highest > revision).then_some(*operation)
    }
}

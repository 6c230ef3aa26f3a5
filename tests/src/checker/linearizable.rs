//! Whether writes and linearizable reads of each instance took effect one after the other, each between its call and
//! its answer.

use super::{
    Stats, Violation,
    search::{Entry, STEPS_MAX, find_order},
    span::Span,
    timeline::Timeline,
};
use crate::record::Record;

/// Checks each instance by itself: what is linearizable in all its parts is linearizable.
///
/// # Errors
///
/// What has no order, or none that was found within the limit.
pub fn linearizable(record: &Record) -> Result<Stats, Violation> {
    linearizable_within(record, STEPS_MAX)
}

/// The same with another limit of steps for each instance.
///
/// # Errors
///
/// What has no order, or none that was found within the limit.
pub fn linearizable_within(record: &Record, steps_max: u64) -> Result<Stats, Violation> {
    let (mut operations, mut steps, mut instances) = (0, 0, 0);
    for (key, moments) in Timeline::new(record).moments(record) {
        let entries: Vec<Entry> = moments
            .into_iter()
            .filter(|moment| moment.is_current)
            .map(|moment| {
                let operation = &record.operations[moment.operation];
                let returned = operation.returned.filter(|_| !moment.is_doubtful);
                Entry {
                    operation: moment.operation,
                    from: operation.called.place,
                    to: returned.map_or(u64::MAX, |returned| returned.place),
                    is_doubtful: moment.is_doubtful,
                    // What was told of revisions that does not fit is for the check of revisions to say.
                    place: moment.place.unwrap_or(Span { min: 0, max: u64::MAX }),
                    happening: moment.happening,
                }
            })
            .collect();
        operations += entries.len() as u64;
        instances += 1;
        let found = find_order(entries, steps_max);
        steps += found.map_err(|stuck| stuck.into_violation(&format!("instance {key} is not linearizable"), record))?;
    }
    Ok(Stats::from([
        ("instances", instances),
        ("operations", operations),
        ("steps", steps),
    ]))
}

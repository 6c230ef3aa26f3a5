//! `ReportChecks`: what a member has found of the checks that it makes.

use quorate_model::{CheckState, InstanceKey, MemberId, Revision, limits};

use super::{Applied, guarding};
use crate::{CheckReport, Event, Limit, Outcome, Rejection, State, probers::Probers};

/// Takes note of each report by itself: those of an assignment that is over, of a life of an instance that is over, or
/// by somebody who was not to look have no effect.
pub(super) fn apply(state: &mut State, probers: Revision, reporter: MemberId, items: &[CheckReport]) -> Applied {
    if items.len() > limits::BATCH_ITEMS_MAX {
        let limit = Limit::BatchItems;
        return Err(Rejection::LimitExceeded { limit });
    }
    let current = state.probers().filter(|current| current.revision() == probers).cloned();
    let mut events = Vec::new();
    let mut count = 0;
    for report in items {
        let Some(place_and_state) = current.as_ref().and_then(|by| found(state, by, reporter, report)) else {
            continue;
        };
        count += 1;
        events.extend(put(state, &report.key, place_and_state));
    }
    guarding::settle(state, &mut events);
    Ok((Outcome::ChecksReported { count }, events))
}

/// The place of the check among those of its instance, and its state once the report has its effect; nothing, if it has
/// none.
fn found(state: &State, probers: &Probers, reporter: MemberId, report: &CheckReport) -> Option<(usize, CheckState)> {
    let instance = state.catalog().instance(&report.key)?;
    super::check_generation(instance, Some(report.generation)).ok()?;
    let mut checks = instance.checks().enumerate();
    let (place, (check, before)) = checks.find(|(_, (check, _))| check.name == report.check)?;
    let assigned = probers.of(&report.key, &check.name, check.vantage);
    if !check.probe.is_active() || !assigned.contains(&reporter) {
        return None;
    }
    let after = before.after_vote(
        reporter,
        report.verdict,
        report.output.clone(),
        &assigned,
        check.vantage,
    );
    (after != *before).then_some((place, after))
}

/// Puts the state of a check in its place. Who has voted for what is no matter to anybody while nothing follows from it:
/// that has no event.
fn put(state: &mut State, key: &InstanceKey, (place, after): (usize, CheckState)) -> Option<Event> {
    let current = state.instance(key)?;
    let is_seen = current.check_states()[place].health != after.health;
    if is_seen {
        return Some(super::change(state, &current, |parts| parts.checks[place] = after));
    }
    state.put_unseen(&current, |parts| parts.checks[place] = after);
    None
}

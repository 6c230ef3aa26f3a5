//! `ReportCheck`: what whoever runs an instance has found of a check that nobody else makes.

use quorate_model::{CheckName, CheckOutput, Generation, InstanceKey, Verdict};

use super::{MutationApplied, existing};
use crate::{Effect, Mutated, Rejection, State};

/// Takes note of what was found; what was found already changes nothing.
pub(super) fn apply(
    state: &mut State,
    key: &InstanceKey,
    generation: Option<Generation>,
    name: &CheckName,
    (verdict, output): (Verdict, &CheckOutput),
) -> MutationApplied {
    let current = existing(state, key, generation)?;
    let mut checks = current.checks().enumerate();
    let found = checks.find(|(_, (check, _))| check.name == *name);
    let (place, (check, before)) = found.ok_or(Rejection::CheckNotFound)?;
    if check.probe.is_active() {
        let reason = format!("the members make the check {name} themselves: only one of kind `reported` is reported");
        return Err(Rejection::Invalid { reason });
    }
    let outcome = |revision, effect| Mutated::CheckReported {
        generation: current.generation(),
        revision,
        effect,
    };
    let after = before.after_report(verdict, output.clone());
    if after == *before {
        return Ok((outcome(current.modify_revision(), Effect::Unchanged), None));
    }
    let event = super::change(state, &current, |parts| parts.checks[place] = after);
    Ok((outcome(state.revision(), Effect::Changed), Some(event)))
}

//! `ExpireOverrides`: overrides go whose time is over.

use quorate_model::{OverrideTarget, limits};

use crate::{Event, Outcome, State};

/// Removes what has expired by the log time. It stays in force until then: nothing else hides an override.
pub(super) fn apply(state: &mut State) -> (Outcome, Vec<Event>) {
    let expired = state.overrides().expired(state.log_time());
    let targets: Vec<OverrideTarget> = expired.take(limits::OVERRIDES_PER_EXPIRY_MAX).cloned().collect();
    let events: Vec<_> = targets
        .iter()
        .filter_map(|target| state.remove_override(target))
        .collect();
    let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
    (Outcome::OverridesExpired { count }, events)
}

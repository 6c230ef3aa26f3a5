//! `SetOverride`: an operator decides over the head of a registrant.

use quorate_model::{ExpiresAfter, Override, OverrideSpec};

use super::Applied;
use crate::{Effect, Outcome, State};

/// Sets the override. When it was set is no content; when it expires is.
pub(super) fn apply(
    state: &mut State,
    spec: &OverrideSpec,
    expires_after: Option<ExpiresAfter>,
    set_at_ms: u64,
) -> Applied {
    let expires_at = expires_after.map(|after| state.log_time().plus_ms(after.as_ms()));
    match state.overrides().get(spec.target()) {
        Some(current) if current.spec == *spec && current.expires_at == expires_at => {
            let (revision, effect) = (current.revision, Effect::Unchanged);
            return Ok((Outcome::OverrideSet { revision, effect }, Vec::new()));
        }
        Some(_) => {}
        None => state.overrides().check_room()?,
    }
    let revision = state.revision();
    let event = state.put_override(Override {
        spec: spec.clone(),
        revision,
        set_at_ms,
        expires_at,
    });
    let effect = Effect::Changed;
    Ok((Outcome::OverrideSet { revision, effect }, vec![event]))
}

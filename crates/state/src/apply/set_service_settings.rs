//! `SetServiceSettings`: an operator decides how a service is guarded.

use quorate_model::{ServiceKey, ServiceSettings, SettingsPatch, limits};

use super::Applied;
use crate::{Effect, Limit, Outcome, Rejection, State};

/// Changes the settings. What is as the defaults takes no room.
pub(super) fn apply(state: &mut State, service: &ServiceKey, patch: &SettingsPatch, reset: bool) -> Applied {
    let current = state.settings(service);
    let start = if reset { ServiceSettings::default() } else { current };
    let settings = start.patched(patch);
    if settings == current {
        let effect = Effect::Unchanged;
        return Ok((Outcome::SettingsSet { settings, effect }, Vec::new()));
    }
    let needs_room = settings.is_customized() && !current.is_customized();
    if needs_room && state.settings_count() >= limits::SERVICE_SETTINGS_MAX {
        let limit = Limit::ServiceSettings;
        return Err(Rejection::LimitExceeded { limit });
    }
    state.put_settings(service, settings);
    let effect = Effect::Changed;
    Ok((Outcome::SettingsSet { settings, effect }, Vec::new()))
}

//! What operators decide: overrides, and the settings of services.

use std::{sync::Arc, time::Duration};

use quorate_model::{
    Consistency, ExpiresAfter, NamespaceName, OverrideSpec, OverrideTarget, ServiceKey, ServiceName, ServiceSettings,
    SettingsPatch,
};
use quorate_state::{Command, Effect, Outcome};

use super::Registry;
use crate::{Answer, Error, OverridePage, Page, SettingsSet, route::Repeat};

impl Registry {
    /// Sets an override in place of the one with the same target, and answers whether anything changed.
    pub async fn set_override(
        &self,
        spec: OverrideSpec,
        expires_after: Option<ExpiresAfter>,
        time_left: Duration,
    ) -> Result<Answer<Effect>, Error> {
        let command = Command::SetOverride {
            spec,
            expires_after,
            set_at_ms: self.shared.clock.wall_ms(),
        };
        self.write(&command, Repeat::Harmful, &self.deadline(time_left), |outcome| {
            let Outcome::OverrideSet { effect, .. } = outcome else {
                return None;
            };
            Some(effect)
        })
        .await
    }

    /// Takes an override back, and answers whether it was there.
    pub async fn clear_override(&self, target: OverrideTarget, time_left: Duration) -> Result<Answer<bool>, Error> {
        let command = Command::ClearOverride { target };
        self.write(&command, Repeat::Harmful, &self.deadline(time_left), |outcome| {
            let Outcome::OverrideCleared { existed } = outcome else {
                return None;
            };
            Some(existed)
        })
        .await
    }

    /// Lists the overrides of a namespace: all, or those that touch `service`.
    pub async fn list_overrides(
        &self,
        namespace: &NamespaceName,
        service: Option<&ServiceName>,
        page: &Page<OverrideTarget>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<OverridePage>, Error> {
        let (size_max, consensus) = (self.shared.limits.page_size_max, &self.shared.consensus);
        self.read(consistency, time_left, |state| {
            let all = state.overrides_in(namespace, service);
            let (overrides, next) = page.cut(size_max, all, |current| current.spec.target());
            OverridePage {
                overrides: overrides.into_iter().map(Arc::clone).collect(),
                // What was applied last may be long ago; a leader knows what has passed since.
                now: consensus.log_time().max(state.log_time()),
                next,
            }
        })
        .await
    }

    /// Changes the settings of a service, after putting them back to the defaults if `reset` says so.
    pub async fn set_service_settings(
        &self,
        service: ServiceKey,
        patch: SettingsPatch,
        reset: bool,
        time_left: Duration,
    ) -> Result<Answer<SettingsSet>, Error> {
        let command = Command::SetServiceSettings { service, patch, reset };
        self.write(&command, Repeat::Harmful, &self.deadline(time_left), |outcome| {
            let Outcome::SettingsSet { settings, effect } = outcome else {
                return None;
            };
            Some(SettingsSet { settings, effect })
        })
        .await
    }

    /// Answers the settings of a service: the defaults, where nobody has set anything.
    pub async fn get_service_settings(
        &self,
        service: &ServiceKey,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<ServiceSettings>, Error> {
        self.read(consistency, time_left, |state| state.settings(service)).await
    }
}

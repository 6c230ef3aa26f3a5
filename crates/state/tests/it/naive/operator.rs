//! Overrides and settings, as simply as can be.

use std::sync::Arc;

use quorate_model::{
    Availability, ExpiresAfter, InstanceParts, LogTime, Override, OverrideKind, OverrideSpec, OverrideTarget, Revision,
    ServiceKey, ServiceSettings, SettingsPatch, Standing,
};
use quorate_state::{Effect, Event, Outcome};

use super::{Done, Naive};

impl Naive {
    pub(super) fn set_override(
        &mut self,
        revision: Revision,
        spec: &OverrideSpec,
        expires_after: Option<ExpiresAfter>,
        set_at_ms: u64,
    ) -> Done {
        let expires_at = expires_after.map(|after| LogTime::from_ms(self.log_time_ms + after.as_ms()));
        let next = Override {
            spec: spec.clone(),
            revision,
            set_at_ms,
            expires_at,
        };
        let place = self
            .overrides
            .iter()
            .position(|known| known.spec.target() == spec.target());
        let previous = place.map(|place| self.overrides[place].clone());
        if let Some(known) = &previous
            && (&known.spec, known.expires_at) == (spec, expires_at)
        {
            let (revision, effect) = (known.revision, Effect::Unchanged);
            return (Outcome::OverrideSet { revision, effect }, vec![]);
        }
        match place {
            Some(place) => self.overrides[place] = next.clone(),
            None => self.overrides.push(next.clone()),
        }
        let event = Event::OverrideSet {
            current: Arc::new(next),
            previous: previous.map(Arc::new),
        };
        let effect = Effect::Changed;
        (Outcome::OverrideSet { revision, effect }, vec![event])
    }

    pub(super) fn clear_override(&mut self, target: &OverrideTarget) -> Done {
        let events = self.take_overrides(|known| known.spec.target() == target);
        let existed = !events.is_empty();
        (Outcome::OverrideCleared { existed }, events)
    }

    pub(super) fn expire_overrides(&mut self) -> Done {
        let now = LogTime::from_ms(self.log_time_ms);
        let events = self.take_overrides(|known| known.expires_at.is_some_and(|at| at <= now));
        let count = u32::try_from(events.len()).expect("few");
        (Outcome::OverridesExpired { count }, events)
    }

    /// The oldest first.
    pub(super) fn take_overrides(&mut self, goes: impl Fn(&Override) -> bool) -> Vec<Event> {
        let (mut gone, rest): (Vec<_>, Vec<_>) = self.overrides.drain(..).partition(|known| goes(known));
        self.overrides = rest;
        gone.sort_by_key(|known| (known.expires_at, known.spec.target().clone()));
        let cleared = |previous| Event::OverrideCleared { previous };
        gone.into_iter().map(Arc::new).map(cleared).collect()
    }

    pub(super) fn set_settings(&mut self, service: &ServiceKey, patch: &SettingsPatch, reset: bool) -> Done {
        let place = self.settings.iter().position(|known| known.0 == *service);
        let before = place.map_or(ServiceSettings::default(), |place| self.settings.remove(place).1);
        let start = if reset { ServiceSettings::default() } else { before };
        let settings = start.patched(patch);
        if settings != ServiceSettings::default() {
            self.settings.push((service.clone(), settings));
        }
        let effect = if settings == before {
            Effect::Unchanged
        } else {
            Effect::Changed
        };
        (Outcome::SettingsSet { settings, effect }, vec![])
    }

    /// How an instance stands: every override is asked whether it means it.
    pub(crate) fn standing(&self, instance: &InstanceParts) -> Standing {
        let mut standing = Standing {
            availability: instance.availability,
            weight: instance.spec.weight(),
            overrides: self
                .overrides
                .iter()
                .filter(|known| means(known.spec.target(), instance))
                .map(|known| known.spec.target().kind())
                .collect(),
            liveness: self.liveness(instance),
            drain_remaining_ms: instance
                .drains_until
                .map(|at| at.as_ms().saturating_sub(self.log_time_ms)),
        };
        for known in &self.overrides {
            if !means(known.spec.target(), instance) {
                continue;
            }
            match known.spec.target().kind() {
                OverrideKind::Disable | OverrideKind::ZoneOut => standing.availability = Availability::Disabled,
                OverrideKind::Weight => standing.weight = known.spec.weight().expect("it has one"),
            }
        }
        standing
    }
}

fn means(target: &OverrideTarget, instance: &InstanceParts) -> bool {
    match target {
        OverrideTarget::Disable { key } | OverrideTarget::Weight { key } => *key == instance.key,
        OverrideTarget::ZoneOut {
            namespace,
            service,
            zone,
        } => {
            *namespace == instance.key.namespace
                && service.as_ref().is_none_or(|service| *service == instance.key.service)
                && instance.spec.locality().zone.as_ref() == Some(zone)
        }
    }
}

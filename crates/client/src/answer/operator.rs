//! What the cluster answers about what operators decide.

use std::time::Duration;

use quorate_model::{OverrideKind, OverrideSpec, Revision, ServiceSettings, Weight};
use quorate_proto::{
    cluster as pb,
    convert::{self, Field as _, InvalidField},
};

use super::{Answer, Page, parse::list};

/// An override, as the cluster holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideState {
    /// What was stated.
    pub spec: OverrideSpec,
    /// The revision at which it was last set.
    pub revision: Revision,
    /// Milliseconds since the Unix epoch when it was set, by the clock of some member; for display only.
    pub set_at_ms: u64,
    /// How long it will last from the state that was read on, in the cluster's time; absent if it lasts until it is
    /// cleared.
    pub remaining: Option<Duration>,
}

/// What setting an override came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverrideSet {
    /// Whether anything changed.
    pub changed: bool,
}

/// What taking an override back came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverrideCleared {
    /// Whether it was there.
    pub existed: bool,
}

/// The settings of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingsState {
    /// What is set, with the defaults where nothing is.
    pub settings: ServiceSettings,
    /// Whether anything differs from the defaults.
    pub customized: bool,
}

/// What changing the settings of a service came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingsSet {
    /// What is set now.
    pub settings: ServiceSettings,
    /// Whether anything changed.
    pub changed: bool,
}

impl TryFrom<pb::SetOverrideResponse> for Answer<OverrideSet> {
    type Error = InvalidField;

    fn try_from(message: pb::SetOverrideResponse) -> Result<Self, InvalidField> {
        let changed = message.changed;
        Self::new(message.header, OverrideSet { changed })
    }
}

impl TryFrom<pb::ClearOverrideResponse> for Answer<OverrideCleared> {
    type Error = InvalidField;

    fn try_from(message: pb::ClearOverrideResponse) -> Result<Self, InvalidField> {
        let existed = message.existed;
        Self::new(message.header, OverrideCleared { existed })
    }
}

impl TryFrom<pb::ListOverridesResponse> for Answer<Page<Vec<OverrideState>>> {
    type Error = InvalidField;

    fn try_from(message: pb::ListOverridesResponse) -> Result<Self, InvalidField> {
        let part = list("overrides", message.overrides)?;
        let next_page_token = message.next_page_token;
        Self::new(message.header, Page { part, next_page_token })
    }
}

impl TryFrom<pb::Override> for OverrideState {
    type Error = InvalidField;

    fn try_from(message: pb::Override) -> Result<Self, InvalidField> {
        let target = convert::target(message.target)?;
        let weight = match target.kind() {
            OverrideKind::Weight => Some(Weight::try_from(message.weight).field("weight")?),
            OverrideKind::Disable | OverrideKind::ZoneOut => None,
        };
        let reason = message.reason.parse().field("reason")?;
        Ok(Self {
            spec: OverrideSpec::new(target, weight, reason).field("weight")?,
            revision: Revision::new(message.revision),
            set_at_ms: message.set_at_ms,
            remaining: message.remaining_ms.map(Duration::from_millis),
        })
    }
}

impl TryFrom<pb::GetServiceSettingsResponse> for Answer<SettingsState> {
    type Error = InvalidField;

    fn try_from(message: pb::GetServiceSettingsResponse) -> Result<Self, InvalidField> {
        let state = SettingsState {
            settings: settings(message.settings)?,
            customized: message.customized,
        };
        Self::new(message.header, state)
    }
}

impl TryFrom<pb::SetServiceSettingsResponse> for Answer<SettingsSet> {
    type Error = InvalidField;

    fn try_from(message: pb::SetServiceSettingsResponse) -> Result<Self, InvalidField> {
        let set = SettingsSet {
            settings: settings(message.settings)?,
            changed: message.changed,
        };
        Self::new(message.header, set)
    }
}

fn settings(message: Option<pb::ServiceSettings>) -> Result<ServiceSettings, InvalidField> {
    let message = message.ok_or_else(|| InvalidField::missing("settings", "the settings"))?;
    ServiceSettings::try_from(message).map_err(|error| error.within("settings"))
}

#[cfg(test)]
mod tests {
    use quorate_model::{LogTime, Override, OverrideTarget};

    use super::*;
    use crate::testing::header;

    fn zone_out() -> OverrideSpec {
        let target = OverrideTarget::ZoneOut {
            namespace: "default".parse().unwrap(),
            service: None,
            zone: "a".parse().unwrap(),
        };
        OverrideSpec::new(target, None, "it burns".parse().unwrap()).unwrap()
    }

    fn listed(overrides: Vec<pb::Override>) -> Result<Vec<OverrideState>, InvalidField> {
        let message = pb::ListOverridesResponse {
            header: Some(header(7)),
            overrides,
            next_page_token: String::new(),
        };
        Answer::<Page<Vec<OverrideState>>>::try_from(message).map(|answer| answer.value.part)
    }

    #[test]
    fn an_override_is_read_as_it_was_written() {
        let current = Override {
            spec: zone_out(),
            revision: Revision::new(7),
            set_at_ms: 9,
            expires_at: Some(LogTime::from_ms(1_500)),
        };
        let message = convert::override_to_wire(&current, LogTime::from_ms(1_000));
        let expected = OverrideState {
            spec: zone_out(),
            revision: Revision::new(7),
            set_at_ms: 9,
            remaining: Some(Duration::from_millis(500)),
        };
        assert_eq!(listed(vec![message]), Ok(vec![expected]));
    }

    #[test]
    fn an_answer_that_says_less_than_it_has_to_is_refused_by_field() {
        let refused = listed(vec![pb::Override::default()]).unwrap_err();
        assert_eq!(refused.field(), "overrides[0].target");
        let nothing = pb::GetServiceSettingsResponse {
            header: Some(header(7)),
            ..pb::GetServiceSettingsResponse::default()
        };
        assert_eq!(
            Answer::<SettingsState>::try_from(nothing).unwrap_err().field(),
            "settings"
        );
    }
}

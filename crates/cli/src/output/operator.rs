//! What operators decide, for programs and for people.

use std::time::Duration;

use quorate_client::{Answer, OverrideCleared, OverrideSet, OverrideState, SettingsSet, SettingsState};
use quorate_model::{OverrideKind, OverrideTarget, ServiceName, ServiceSettings, Weight};
use serde::Serialize;

use super::{
    View,
    json::HeaderView,
    table::{counted, or_nothing, table},
};

/// What `override set` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverrideSetView {
    header: HeaderView,
    changed: bool,
}

/// What `override clear` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverrideClearedView {
    header: HeaderView,
    existed: bool,
}

/// What `override list` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverridesView {
    header: HeaderView,
    overrides: Vec<OverrideView>,
}

/// One override.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OverrideView {
    target: TargetView,
    weight: u16,
    reason: String,
    revision: u64,
    set_at_ms: u64,
    remaining_ms: Option<u64>,
}

/// What an override is about: one of the last three is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetView {
    namespace: String,
    service: String,
    disable: Option<InstanceTargetView>,
    weight: Option<InstanceTargetView>,
    zone_out: Option<ZoneTargetView>,
    #[serde(skip)]
    kind: OverrideKind,
    #[serde(skip)]
    subject: String,
}

/// An instance of the service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceTargetView {
    id: String,
}

/// A zone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ZoneTargetView {
    zone: String,
}

/// What `service set` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsSetView {
    header: HeaderView,
    settings: ServiceSettingsView,
    changed: bool,
}

/// What `service show` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsView {
    header: HeaderView,
    settings: ServiceSettingsView,
    customized: bool,
}

/// The settings of a service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceSettingsView {
    guard_share_percent: u8,
    default_ttl_ms: u64,
    protect_minimum: u16,
}

impl View for OverrideSetView {
    fn table(&self) -> String {
        let done = if self.changed { "set" } else { "it was set already" };
        format!("{done}; {}", self.header.line())
    }
}

impl View for OverrideClearedView {
    fn table(&self) -> String {
        let done = if self.existed { "cleared" } else { "it was not there" };
        format!("{done}; {}", self.header.line())
    }
}

impl View for OverridesView {
    fn table(&self) -> String {
        let names = ["OVERRIDE", "SERVICE", "INSTANCE OR ZONE", "WEIGHT", "GOES IN", "REASON"];
        let overrides = table(names, self.overrides.iter().map(OverrideView::row));
        let count = counted(self.overrides.len() as u64, "override");
        format!("{overrides}\n\n{count}; {}", self.header.line())
    }
}

impl View for SettingsSetView {
    fn table(&self) -> String {
        let done = if self.changed { "set" } else { "it was set already" };
        format!("{}\n\n{done}; {}", self.settings.lines(), self.header.line())
    }
}

impl View for SettingsView {
    fn table(&self) -> String {
        let kind = if self.customized { "set" } else { "the defaults" };
        format!("{}\n\n{kind}; {}", self.settings.lines(), self.header.line())
    }
}

// === impl OverrideView ===

impl OverrideView {
    fn row(&self) -> [String; 6] {
        let target = &self.target;
        let weight = match target.kind {
            OverrideKind::Weight => self.weight.to_string(),
            OverrideKind::Disable | OverrideKind::ZoneOut => String::new(),
        };
        let goes_in = self.remaining_ms.map(|ms| about(Duration::from_millis(ms)));
        [
            target.kind.to_string(),
            // Those of a whole namespace are about all of its services.
            if target.service.is_empty() {
                "*".to_owned()
            } else {
                target.service.clone()
            },
            target.subject.clone(),
            or_nothing(&weight),
            or_nothing(&goes_in.unwrap_or_default()),
            self.reason.clone(),
        ]
    }
}

// === impl ServiceSettingsView ===

impl ServiceSettingsView {
    fn lines(&self) -> String {
        let Self {
            guard_share_percent,
            default_ttl_ms,
            protect_minimum,
        } = self;
        let rows = [
            ["guard share".to_owned(), format!("{guard_share_percent} %")],
            ["default TTL".to_owned(), format!("{default_ttl_ms} ms")],
            ["protected minimum".to_owned(), protect_minimum.to_string()],
        ];
        table(["SETTING", "VALUE"], rows)
    }
}

/// A time in the largest unit of which there is one.
pub(super) fn about(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

impl From<&Answer<OverrideSet>> for OverrideSetView {
    fn from(answer: &Answer<OverrideSet>) -> Self {
        Self {
            header: (&answer.header).into(),
            changed: answer.value.changed,
        }
    }
}

impl From<&Answer<OverrideCleared>> for OverrideClearedView {
    fn from(answer: &Answer<OverrideCleared>) -> Self {
        Self {
            header: (&answer.header).into(),
            existed: answer.value.existed,
        }
    }
}

impl From<&Answer<Vec<OverrideState>>> for OverridesView {
    fn from(answer: &Answer<Vec<OverrideState>>) -> Self {
        Self {
            header: (&answer.header).into(),
            overrides: answer.value.iter().map(OverrideView::from).collect(),
        }
    }
}

impl From<&OverrideState> for OverrideView {
    fn from(current: &OverrideState) -> Self {
        let spec = &current.spec;
        let remaining_ms = current
            .remaining
            .map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        Self {
            target: spec.target().into(),
            weight: spec.weight().map_or(0, Weight::get),
            reason: spec.reason().to_string(),
            revision: current.revision.get(),
            set_at_ms: current.set_at_ms,
            remaining_ms,
        }
    }
}

impl From<&OverrideTarget> for TargetView {
    fn from(target: &OverrideTarget) -> Self {
        let kind = target.kind();
        let subject = || target.subject().to_owned();
        let instance = |wanted| (kind == wanted).then(|| InstanceTargetView { id: subject() });
        Self {
            namespace: target.namespace().to_string(),
            service: target.service().map(ServiceName::to_string).unwrap_or_default(),
            disable: instance(OverrideKind::Disable),
            weight: instance(OverrideKind::Weight),
            zone_out: (kind == OverrideKind::ZoneOut).then(|| ZoneTargetView { zone: subject() }),
            kind,
            subject: subject(),
        }
    }
}

impl From<&Answer<SettingsSet>> for SettingsSetView {
    fn from(answer: &Answer<SettingsSet>) -> Self {
        Self {
            header: (&answer.header).into(),
            settings: answer.value.settings.into(),
            changed: answer.value.changed,
        }
    }
}

impl From<&Answer<SettingsState>> for SettingsView {
    fn from(answer: &Answer<SettingsState>) -> Self {
        Self {
            header: (&answer.header).into(),
            settings: answer.value.settings.into(),
            customized: answer.value.customized,
        }
    }
}

impl From<ServiceSettings> for ServiceSettingsView {
    fn from(settings: ServiceSettings) -> Self {
        Self {
            guard_share_percent: settings.guard_share.as_percent(),
            default_ttl_ms: settings.default_ttl.as_ms(),
            protect_minimum: settings.protect_minimum.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::{InstanceKey, OverrideSpec, Revision};

    use super::{super::tests::*, *};

    fn current(target: OverrideTarget, weight: Option<u16>, remaining: Option<Duration>) -> OverrideState {
        let reason = "its disk is slow".parse().unwrap();
        OverrideState {
            spec: OverrideSpec::new(target, weight.map(Weight::new), reason).unwrap(),
            revision: Revision::new(40),
            set_at_ms: 1_760_000_000_000,
            remaining,
        }
    }

    #[test]
    fn override_list_prints_each_with_its_kind_and_reason() {
        let key = || InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "payments".parse().unwrap(),
            id: "a".parse().unwrap(),
        };
        let zone_out = OverrideTarget::ZoneOut {
            namespace: "default".parse().unwrap(),
            service: None,
            zone: "eu-1".parse().unwrap(),
        };
        let list = vec![
            current(zone_out, None, Some(Duration::from_millis(5_400_001))),
            current(OverrideTarget::Disable { key: key() }, None, None),
            current(OverrideTarget::Weight { key: key() }, Some(0), Some(Duration::ZERO)),
        ];
        check("override-list", &OverridesView::from(&answer(list)));
    }

    #[test]
    fn override_set_and_clear_print_what_came_of_it() {
        check(
            "override-set",
            &OverrideSetView::from(&answer(OverrideSet { changed: true })),
        );
        let cleared = OverrideCleared { existed: true };
        check("override-clear", &OverrideClearedView::from(&answer(cleared)));
    }

    #[test]
    fn service_set_and_show_print_the_settings() {
        let settings = ServiceSettings::default();
        let (changed, customized) = (true, false);
        check(
            "service-set",
            &SettingsSetView::from(&answer(SettingsSet { settings, changed })),
        );
        check(
            "service-show",
            &SettingsView::from(&answer(SettingsState { settings, customized })),
        );
    }

    #[test]
    fn a_time_is_told_in_a_unit_that_people_use() {
        for (ms, told) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_999, "1 s"),
            (119_999, "119 s"),
            (120_000, "2 min"),
            (7_200_000, "2 h"),
            (31_536_000_000, "365 d"),
        ] {
            assert_eq!(about(Duration::from_millis(ms)), told);
        }
    }
}

//! Overrides and settings.

use proptest::option;
use quorate_model::{
    ExpiresAfter, GuardShare, LeaseTtl, LogTime, Override, OverrideSpec, OverrideTarget, ProtectMinimum, Revision,
    ServiceSettings, SettingsPatch, Weight,
};

use super::*;
use crate::{cluster, convert};

pub(super) fn target() -> impl Strategy<Value = OverrideTarget> {
    (strategies::key(), "[a-z0-9-]{1,20}", 0..4_usize).prop_map(|(key, zone, kind)| match kind {
        0 => OverrideTarget::Disable { key },
        1 => OverrideTarget::Weight { key },
        _ => OverrideTarget::ZoneOut {
            namespace: key.namespace,
            service: (kind == 2).then_some(key.service),
            zone: zone.parse().unwrap(),
        },
    })
}

pub(super) fn spec() -> impl Strategy<Value = OverrideSpec> {
    (target(), any::<u16>(), "[!-~]{1,256}").prop_map(|(target, weight, reason)| {
        let weight = matches!(target, OverrideTarget::Weight { .. }).then(|| Weight::new(weight));
        OverrideSpec::new(target, weight, reason.parse().unwrap()).unwrap()
    })
}

pub(super) fn patch() -> impl Strategy<Value = SettingsPatch> {
    (
        option::of(1..=100_u32),
        option::of(2_000..=86_400_000_u64),
        option::of(0..=10_000_u32),
    )
        .prop_map(|(share, ttl_ms, minimum)| SettingsPatch {
            guard_share: share.map(|percent| GuardShare::from_percent(percent).unwrap()),
            default_ttl: ttl_ms.map(|ms| LeaseTtl::from_ms(ms).unwrap()),
            protect_minimum: minimum.map(|count| ProtectMinimum::try_from(count).unwrap()),
        })
}

proptest! {
    #[test]
    fn set_and_clear_override_come_back(spec in spec(), expires_after_ms in option::of(1..=31_536_000_000_u64)) {
        let clear = ClearOverride { target: spec.target().clone() };
        prop_assert_eq!(sent::<_, cluster::ClearOverrideRequest>(clear.clone()), clear);
        let expires_after = expires_after_ms.map(|ms| ExpiresAfter::from_ms(ms).unwrap());
        let set = SetOverride { spec, expires_after };
        prop_assert_eq!(sent::<_, cluster::SetOverrideRequest>(set.clone()), set);
    }

    #[test]
    fn list_overrides_comes_back(
        key in strategies::key(),
        touching: bool,
        after in option::of(target()),
        size: usize,
        consistency in strategies::consistency(),
    ) {
        // A page goes on within its namespace.
        let namespace = after.as_ref().map_or(key.namespace, |target| target.namespace().clone());
        let request = ListOverrides {
            namespace,
            service: touching.then_some(key.service),
            consistency,
            page: Page::new(size, after),
        };
        prop_assert_eq!(sent::<_, cluster::ListOverridesRequest>(request.clone()), request);
    }

    #[test]
    fn settings_come_back(
        key in strategies::key(),
        patch in patch(),
        reset: bool,
        consistency in strategies::consistency(),
    ) {
        let service = key.service_key();
        let get = GetServiceSettings { service: service.clone(), consistency };
        prop_assert_eq!(sent::<_, cluster::GetServiceSettingsRequest>(get.clone()), get);
        let set = SetServiceSettings { service, patch, reset };
        prop_assert_eq!(sent::<_, cluster::SetServiceSettingsRequest>(set.clone()), set);
        let settings = ServiceSettings::default().patched(&patch);
        prop_assert_eq!(cluster::ServiceSettings::from(settings).try_into(), Ok(settings));
    }
}

#[test]
fn every_bad_field_of_an_override_is_named() {
    use cluster::override_target::{Disable, Target, Weight as WeightOf, ZoneOut};
    type Spoil = fn(&mut cluster::SetOverrideRequest);
    fn target(message: &mut cluster::SetOverrideRequest) -> &mut cluster::OverrideTarget {
        message.target.as_mut().unwrap()
    }
    let cases: [(&str, Spoil); 11] = [
        ("target", |message| message.target = None),
        ("target.target", |message| target(message).target = None),
        ("target.namespace", |message| target(message).namespace = "a b".into()),
        ("target.service", |message| target(message).service.clear()),
        ("target.id", |message| {
            target(message).target = Some(Target::Disable(Disable::default()));
        }),
        ("target.zone", |message| {
            target(message).target = Some(Target::ZoneOut(ZoneOut::default()));
        }),
        ("weight", |message| message.weight = Some(1)),
        ("weight", |message| {
            let id = "a".into();
            target(message).target = Some(Target::Weight(WeightOf { id }));
        }),
        ("reason", |message| message.reason.clear()),
        ("reason", |message| message.reason = "x".repeat(257)),
        ("expires_after_ms", |message| message.expires_after_ms = 31_536_000_001),
    ];
    for (field, spoil) in cases {
        let mut message = cluster::SetOverrideRequest {
            target: Some(cluster::OverrideTarget {
                namespace: String::new(),
                service: "payments".into(),
                target: Some(Target::Disable(Disable { id: "a".into() })),
            }),
            reason: "it is broken".into(),
            ..cluster::SetOverrideRequest::default()
        };
        spoil(&mut message);
        assert_eq!(SetOverride::try_from(message).unwrap_err().field(), field);
    }
}

#[test]
fn settings_out_of_their_ranges_are_named() {
    let message = || cluster::SetServiceSettingsRequest {
        service: "payments".into(),
        ..cluster::SetServiceSettingsRequest::default()
    };
    let refused = |message: cluster::SetServiceSettingsRequest| {
        SetServiceSettings::try_from(message).unwrap_err().field().to_owned()
    };
    let share = cluster::SetServiceSettingsRequest {
        guard_share_percent: Some(101),
        ..message()
    };
    assert_eq!(refused(share), "guard_share_percent");
    let ttl = cluster::SetServiceSettingsRequest {
        default_ttl_ms: Some(1_999),
        ..message()
    };
    assert_eq!(refused(ttl), "default_ttl_ms");
    let minimum = cluster::SetServiceSettingsRequest {
        protect_minimum: Some(10_001),
        ..message()
    };
    assert_eq!(refused(minimum), "protect_minimum");
}

#[test]
fn a_page_token_that_no_list_gave_is_refused() {
    for token in [
        "a",
        "a/b",
        "payments/move/a",
        "/disable/a",
        "payments/disable/",
        "p q/disable/a",
    ] {
        let message = cluster::ListOverridesRequest {
            page_token: token.into(),
            ..cluster::ListOverridesRequest::default()
        };
        assert_eq!(
            ListOverrides::try_from(message).unwrap_err().field(),
            "page_token",
            "{token}"
        );
    }
}

#[test]
fn what_remains_of_an_override_is_counted_in_the_time_of_the_cluster() {
    let target = OverrideTarget::ZoneOut {
        namespace: "default".parse().unwrap(),
        service: None,
        zone: "a".parse().unwrap(),
    };
    let remaining_ms = |expires_at: Option<u64>| {
        let current = Override {
            spec: OverrideSpec::new(target.clone(), None, "why".parse().unwrap()).unwrap(),
            revision: Revision::new(7),
            set_at_ms: 0,
            expires_at: expires_at.map(LogTime::from_ms),
        };
        convert::override_to_wire(&current, LogTime::from_ms(100)).remaining_ms
    };
    assert_eq!(remaining_ms(None), None);
    assert_eq!(remaining_ms(Some(130)), Some(30));
    // Its time is over, and nobody has taken it back yet.
    assert_eq!(remaining_ms(Some(70)), Some(0));
}

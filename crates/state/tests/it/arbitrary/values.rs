//! Arbitrary values that commands are made of.

use proptest::{collection, option, prelude::*};
use quorate_model::{
    Availability, Check, CheckName, CheckOutput, Checks, DrainTime, Endpoint, Endpoints, ExpiresAfter, GuardScope,
    GuardShare, GuardTime, Holder, Incarnation, InstanceKey, InstancePatch, InstanceSpec, LeaseId, LeaseTtl, Lifetime,
    Locality, Metadata, OverrideSpec, OverrideTarget, Patch, Probe, RemoveAfter, RequestKey, Sequence, SettingsPatch,
    SpecParts, Tags, Vantage, Verdict, Weight,
};

pub(super) fn key() -> impl Strategy<Value = InstanceKey> {
    let pick = prop::sample::select;
    (
        pick(vec!["default", "other"]),
        pick(vec!["web", "api"]),
        pick(vec!["a", "b"]),
    )
        .prop_map(|(namespace, service, id)| InstanceKey {
            namespace: namespace.parse().expect("valid"),
            service: service.parse().expect("valid"),
            id: id.parse().expect("valid"),
        })
}

/// Enough of them in one service that a share of it counts.
pub(super) fn key_of_few_services() -> impl Strategy<Value = InstanceKey> {
    let ids = "[a-i]".prop_map(|id| crate::samples::key(&id));
    prop_oneof![4 => ids, 1 => key()]
}

/// A drain has an end as often as not.
pub(super) fn intent() -> impl Strategy<Value = (Availability, Option<DrainTime>)> {
    let time = (1_u64..30).prop_map(|ms| DrainTime::from_ms(ms).expect("valid"));
    prop_oneof![
        Just((Availability::Enabled, None)),
        option::of(time).prop_map(|time| (Availability::Draining, time)),
        Just((Availability::Disabled, None)),
    ]
}

pub(super) fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        2 => Just(Lifetime::Persistent),
        2 => ttl().prop_map(Lifetime::Ttl),
        3 => (0_u64..200).prop_map(|choice| Lifetime::Lease(LeaseId::new(choice))),
    ]
}

pub(super) fn without_holder(spec: InstanceSpec) -> InstanceSpec {
    let mut parts = spec.into_parts();
    parts.holder = Holder::default();
    crate::samples::spec(parts)
}

/// Twice the TTL, if absent.
pub(super) fn remove_after() -> impl Strategy<Value = Option<RemoveAfter>> {
    let ms = prop::sample::select(vec![1_000, 5_000, 172_800_000]);
    option::of(ms.prop_map(|ms| RemoveAfter::from_ms(ms).expect("valid")))
}

pub(super) fn guard_scope() -> impl Strategy<Value = GuardScope> {
    prop_oneof![
        key().prop_map(|key| GuardScope::Service(key.service_key())),
        Just(crate::samples::of_zone("eu-1")),
        key().prop_map(|key| GuardScope::Namespace(key.namespace)),
        Just(GuardScope::Cluster),
    ]
}

pub(super) fn guard_time() -> impl Strategy<Value = GuardTime> {
    let ms = prop_oneof![1_u64..40, Just(600_000), Just(86_400_000)];
    ms.prop_map(|ms| GuardTime::from_ms(ms).expect("valid"))
}

fn endpoints() -> impl Strategy<Value = Endpoints> {
    let address = prop::sample::select(vec!["10.0.0.1", "2001:db8::1", "web.example"]);
    let port = prop::sample::select(vec![80_u16, 250, 251, 65_535]);
    let endpoint = (address, port, any::<bool>()).prop_map(|(address, port, grpc)| Endpoint {
        address: address.parse().expect("valid"),
        port: port.try_into().expect("valid"),
        protocol: grpc.then(|| "grpc".parse().expect("valid")),
    });
    collection::vec(endpoint, 1..3).prop_map(|endpoints| endpoints.try_into().expect("one or two"))
}

fn locality() -> impl Strategy<Value = Locality> {
    (any::<bool>(), any::<bool>()).prop_map(|(region, zone)| Locality {
        region: region.then(|| "eu".parse().expect("valid")),
        zone: zone.then(|| "eu-1".parse().expect("valid")),
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    collection::btree_map("[ab]", "[xyü]{0,2}", 0..3).prop_map(|pairs| Metadata::parse(pairs).expect("few and short"))
}

fn tags() -> impl Strategy<Value = Tags> {
    collection::btree_set("[tu]", 0..3).prop_map(|tags| Tags::parse(tags).expect("few and short"))
}

pub(super) fn check_name() -> impl Strategy<Value = CheckName> {
    "[abc]".prop_map(|name| name.as_str().parse().expect("valid"))
}

pub(super) fn verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Passing,
        Verdict::Passing,
        Verdict::Warning,
        Verdict::Critical,
        Verdict::Critical,
    ])
}

pub(super) fn output() -> impl Strategy<Value = CheckOutput> {
    "[xy]{0,1}".prop_map(|output| CheckOutput::cut(&output))
}

/// Mostly none; of members or reported, of the last endpoint as often as of the first.
fn checks() -> impl Strategy<Value = Vec<Check>> {
    let vantage = prop_oneof![
        Just(Vantage::default()),
        (2_u32..4).prop_map(|points| Vantage::new(points, None).expect("valid"))
    ];
    let probe = prop_oneof![3 => Just(Probe::Tcp), 2 => Just(Probe::Reported)];
    let check = (any::<bool>(), probe, vantage).prop_map(|(last, probe, vantage)| Check {
        endpoint: u32::from(last).try_into().expect("valid"),
        vantage,
        ..Check::new("a".parse().expect("valid"), probe)
    });
    let some = collection::vec(check, 1..4).prop_map(|mut checks| {
        for (check, name) in checks.iter_mut().zip(["a", "b", "c"]) {
            check.name = name.parse().expect("valid");
        }
        checks
    });
    prop_oneof![2 => Just(vec![]), 1 => some]
}

/// The parts with those of the checks that fit.
fn with_checks((mut parts, mut checks): (SpecParts, Vec<Check>)) -> SpecParts {
    checks.retain(|check| usize::from(check.endpoint.get()) < parts.endpoints.as_slice().len());
    parts.checks = checks.try_into().expect("few");
    parts
}

pub(super) fn spec() -> impl Strategy<Value = InstanceSpec> {
    let holder = (option::of("[op]"), option::of(1_u64..3)).prop_map(|(owner, incarnation)| Holder {
        owner: owner.map(|owner| owner.as_str().parse().expect("valid")),
        incarnation: incarnation.map(|number| Incarnation::try_from(number).expect("not 0")),
    });
    let version = option::of("[12]");
    // Often plain, so that a repetition is often unchanged.
    prop_oneof![
        holder.clone().prop_map(|holder| SpecParts {
            holder,
            ..crate::samples::parts(80)
        }),
        (
            endpoints(),
            version,
            99_u16..101,
            locality(),
            metadata(),
            tags(),
            holder
        )
            .prop_map(
                |(endpoints, version, weight, locality, metadata, tags, holder)| SpecParts {
                    endpoints,
                    version: version.map(|version| version.as_str().parse().expect("valid")),
                    weight: Weight::new(weight),
                    locality,
                    metadata,
                    tags,
                    holder,
                    checks: Checks::default(),
                }
            ),
    ]
    .prop_map(crate::samples::spec)
}

/// A spec that has checks as often as not.
pub(super) fn checked_spec() -> impl Strategy<Value = InstanceSpec> {
    let parts = spec().prop_map(InstanceSpec::into_parts);
    (parts, checks()).prop_map(with_checks).prop_map(crate::samples::spec)
}

pub(super) fn patch() -> impl Strategy<Value = InstancePatch> {
    let version = prop_oneof![
        Just(Patch::Keep),
        Just(Patch::Clear),
        "[12]".prop_map(|version| Patch::Set(version.as_str().parse().expect("valid"))),
    ];
    (
        option::weighted(0.2, endpoints()),
        version,
        option::weighted(0.2, (99_u16..101).prop_map(Weight::new)),
        option::weighted(0.2, locality()),
        option::weighted(0.2, metadata()),
        option::weighted(0.2, tags()),
    )
        .prop_map(|(endpoints, version, weight, locality, metadata, tags)| InstancePatch {
            endpoints,
            version,
            weight,
            locality,
            metadata,
            tags,
        })
}

/// A key of the lease that [`crate::naive::Naive::chosen`] chooses by the number that stands in for its id.
pub(super) fn request_key() -> impl Strategy<Value = RequestKey> {
    // Mostly such that they meet; sometimes so far away that the window moves.
    let sequence = prop_oneof![60 => 1_u64..6, 6 => 1_020_u64..1_030, 1 => Just(u64::MAX)];
    let acked = prop_oneof![8 => Just(1_u64), 1 => 1_u64..6];
    (0_u64..4, sequence, acked).prop_map(|(lease, sequence, acked)| {
        let number = |number| Sequence::try_from(number).expect("not 0");
        let acked_below = number(acked.min(sequence));
        RequestKey::new(LeaseId::new(lease), number(sequence), acked_below).expect("not above")
    })
}

pub(super) fn ttl() -> impl Strategy<Value = LeaseTtl> {
    prop_oneof![
        Just(LeaseTtl::default()),
        Just(LeaseTtl::from_ms(2_000).expect("valid"))
    ]
}

pub(super) fn target() -> impl Strategy<Value = OverrideTarget> {
    let zone_out = (key(), any::<bool>(), prop::sample::select(vec!["eu-1", "eu-2"]));
    prop_oneof![
        key().prop_map(|key| OverrideTarget::Disable { key }),
        key().prop_map(|key| OverrideTarget::Weight { key }),
        zone_out.prop_map(|(key, of_service, zone)| OverrideTarget::ZoneOut {
            namespace: key.namespace,
            service: of_service.then_some(key.service),
            zone: zone.parse().expect("valid"),
        }),
    ]
}

pub(super) fn override_spec() -> impl Strategy<Value = OverrideSpec> {
    (target(), 0_u16..2, "[rs]").prop_map(|(target, weight, reason)| {
        let wants_one = matches!(target, OverrideTarget::Weight { .. });
        let weight = wants_one.then(|| Weight::new(weight));
        OverrideSpec::new(target, weight, reason.as_str().parse().expect("valid")).expect("a weight where one belongs")
    })
}

pub(super) fn expires_after() -> impl Strategy<Value = Option<ExpiresAfter>> {
    option::of((1_u64..30).prop_map(|ms| ExpiresAfter::from_ms(ms).expect("valid")))
}

pub(super) fn settings_patch() -> impl Strategy<Value = SettingsPatch> {
    // The default is among them.
    let share =
        prop::sample::select(vec![14_u32, 15]).prop_map(|percent| GuardShare::from_percent(percent).expect("valid"));
    let minimum = (0_u32..3).prop_map(|count| count.try_into().expect("valid"));
    (option::of(share), option::of(ttl()), option::of(minimum)).prop_map(
        |(guard_share, default_ttl, protect_minimum)| SettingsPatch {
            guard_share,
            default_ttl,
            protect_minimum,
        },
    )
}

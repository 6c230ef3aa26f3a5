//! Random values of the model, for the round trips.

use std::{collections::BTreeMap, num::NonZeroU64};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};
use quorate_model::{
    Address, Availability, Check, CheckOutput, CheckState, Checks, Consistency, Endpoint, Endpoints, Epoch, Filter,
    Found, Generation, GrpcProbe, Health, Holder, HttpMethod, HttpProbe, HttpProbeParts, Incarnation, Include,
    Instance, InstanceKey, InstanceParts, InstancePatch, InstanceSpec, InvalidValue, LeaseId, Liveness, Locality,
    MaxStaleness, Metadata, OverrideKind, Pace, PaceParts, Patch, Policy, Port, Probe, ProbeHeaders, Revision,
    Selectors, SpecParts, StatusRange, Tags, Tls, Vantage, Verdict, Weight, limits,
};

use crate::request::{Choice, ResolvePage};

/// A text of the model, drawn by a pattern.
fn text<T>(pattern: &'static str) -> impl Strategy<Value = T>
where
    T: TryFrom<String, Error = InvalidValue> + std::fmt::Debug + Clone,
{
    proptest::string::string_regex(pattern)
        .unwrap()
        .prop_map(|text| T::try_from(text).unwrap())
}

fn name<T>() -> impl Strategy<Value = T>
where
    T: TryFrom<String, Error = InvalidValue> + std::fmt::Debug + Clone,
{
    text("[A-Za-z0-9._-]{1,40}")
}

pub(crate) fn key() -> impl Strategy<Value = InstanceKey> {
    (name(), name(), name()).prop_map(|(namespace, service, id)| InstanceKey { namespace, service, id })
}

fn address() -> impl Strategy<Value = Address> {
    let host = "[a-z][a-z0-9]{0,10}(\\.[a-z][a-z0-9]{0,10}){0,3}";
    prop_oneof![any::<std::net::IpAddr>().prop_map(Address::from), text::<Address>(host)]
}

fn port() -> impl Strategy<Value = Port> {
    (1..=u16::MAX).prop_map(|port| Port::try_from(port).unwrap())
}

pub(crate) fn endpoints() -> impl Strategy<Value = Endpoints> {
    let endpoint = (address(), port(), option::of(name()));
    let endpoint = endpoint.prop_map(|(address, port, protocol)| Endpoint {
        address,
        port,
        protocol,
    });
    vec(endpoint, 1..=16).prop_map(|list| Endpoints::try_from(list).unwrap())
}

fn locality() -> impl Strategy<Value = Locality> {
    (option::of(name()), option::of(name())).prop_map(|(region, zone)| Locality { region, zone })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    btree_map(text("[A-Za-z0-9._/:-]{1,30}"), text("[^\\p{Cc}]{0,20}"), 0..8)
        .prop_map(|entries: BTreeMap<_, _>| Metadata::try_from(entries).unwrap())
}

fn tags() -> impl Strategy<Value = Tags> {
    vec("[^\\p{Cc}]{1,20}", 0..8).prop_map(|tags| Tags::parse(tags).unwrap())
}

fn holder() -> impl Strategy<Value = Holder> {
    let incarnation = any::<NonZeroU64>().prop_map(Incarnation::new);
    (option::of(text("[^\\p{Cc}]{1,10}")), option::of(incarnation))
        .prop_map(|(owner, incarnation)| Holder { owner, incarnation })
}

pub(crate) fn spec() -> impl Strategy<Value = InstanceSpec> {
    let version = option::of(text("[!-~]{1,20}"));
    let parts = (
        endpoints(),
        version,
        any::<u16>(),
        locality(),
        metadata(),
        tags(),
        holder(),
        prop_oneof![3 => Just(Checks::default()), 1 => few_checks()],
    );
    parts.prop_map(
        |(endpoints, version, weight, locality, metadata, tags, holder, checks)| {
            let weight = Weight::new(weight);
            let checks = fitting(&checks, &endpoints);
            InstanceSpec::new(SpecParts {
                endpoints,
                version,
                weight,
                locality,
                metadata,
                tags,
                holder,
                checks,
            })
            .unwrap()
        },
    )
}

/// The checks, at endpoints that are there.
fn fitting(checks: &Checks, endpoints: &Endpoints) -> Checks {
    let count = u32::try_from(endpoints.as_slice().len()).unwrap();
    let fitting = checks.iter().map(|check| Check {
        endpoint: (u32::from(check.endpoint.get()) % count).try_into().unwrap(),
        ..check.clone()
    });
    fitting.collect::<Vec<_>>().try_into().unwrap()
}

fn few_checks() -> impl Strategy<Value = Checks> {
    checks().prop_map(|checks| checks.iter().take(3).cloned().collect::<Vec<_>>().try_into().unwrap())
}

fn tls() -> impl Strategy<Value = Tls> {
    let pem = text("-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/]{1,60}\n-----END CERTIFICATE-----\n");
    (any::<bool>(), option::of(address()), option::of(pem)).prop_map(|(skip_verify, server_name, ca_pem)| Tls {
        skip_verify,
        server_name,
        ca_pem,
    })
}

fn http_probe() -> impl Strategy<Value = HttpProbe> {
    let headers = btree_map("[a-z]{1,9}", text("[ -~]{0,20}"), 0..5).prop_map(|headers: BTreeMap<String, _>| {
        let named = headers
            .into_iter()
            .map(|(name, value)| (format!("x-{name}").try_into().unwrap(), value));
        ProbeHeaders::try_from(named.collect::<Vec<_>>()).unwrap()
    });
    let status = (100..=599_u32, 0..=499_u32).prop_map(|(min, more)| StatusRange::new(min, (min + more).min(599)));
    let body = prop_oneof![
        Just((HttpMethod::Head, None)),
        option::of(text("[^\\x00]{1,20}")).prop_map(|contains| (HttpMethod::Get, contains)),
    ];
    let parts = (text("/[!-\"$-~]{0,20}"), body, headers, status, option::of(tls()));
    parts.prop_map(|(path, (method, body_contains), headers, status, tls)| {
        HttpProbe::new(HttpProbeParts {
            path,
            method,
            headers,
            status: status.unwrap(),
            body_contains,
            tls,
        })
        .unwrap()
    })
}

fn probe() -> impl Strategy<Value = Probe> {
    let grpc = (option::of(text("[!-~]{1,20}")), option::of(tls()));
    prop_oneof![
        http_probe().prop_map(|http| Probe::Http(Box::new(http))),
        Just(Probe::Tcp),
        grpc.prop_map(|(service, tls)| Probe::Grpc(GrpcProbe { service, tls })),
        Just(Probe::Reported)
    ]
}

fn pace() -> impl Strategy<Value = Pace> {
    let parts = (
        1_000..=3_600_000_u64,
        any::<prop::sample::Index>(),
        1..=10_u32,
        1..=10_u32,
    );
    parts.prop_map(|(interval_ms, timeout, rise, fall)| {
        let timeout_ms = 100 + u64::try_from(timeout.index(900)).unwrap();
        Pace::new(PaceParts {
            interval_ms,
            timeout_ms,
            rise,
            fall,
        })
        .unwrap()
    })
}

pub(crate) fn check() -> impl Strategy<Value = Check> {
    let vantage = (1..=7_u32, any::<prop::sample::Index>()).prop_map(|(points, quorum)| {
        let quorum = u32::try_from(quorum.index(usize::try_from(points).unwrap())).unwrap() + 1;
        Vantage::new(points, Some(quorum)).unwrap()
    });
    let endpoint = (0..16_u32).prop_map(|place| place.try_into().unwrap());
    (name(), endpoint, probe(), pace(), vantage).prop_map(|(name, endpoint, probe, pace, vantage)| Check {
        name,
        endpoint,
        probe,
        pace,
        vantage,
    })
}

pub(crate) fn checks() -> impl Strategy<Value = Checks> {
    vec(check(), 0..=8).prop_map(|mut checks| {
        for (place, check) in checks.iter_mut().enumerate() {
            check.name = format!("c{place}").try_into().unwrap();
        }
        checks.try_into().unwrap()
    })
}

pub(crate) fn verdict() -> impl Strategy<Value = Verdict> {
    proptest::sample::select(&[Verdict::Passing, Verdict::Warning, Verdict::Critical][..])
}

pub(crate) fn output() -> impl Strategy<Value = CheckOutput> {
    text("[^\\p{Cc}]{0,60}")
}

/// The state of a check as a message can tell of it: without the votes.
pub(crate) fn check_state() -> impl Strategy<Value = (Check, CheckState)> {
    (check(), health(), output()).prop_map(|(check, health, output)| {
        let state = CheckState {
            health,
            output,
            ..CheckState::unknown()
        };
        (check, state)
    })
}

pub(crate) fn availability() -> impl Strategy<Value = Availability> {
    prop_oneof![
        Just(Availability::Enabled),
        Just(Availability::Draining),
        Just(Availability::Disabled)
    ]
}

pub(crate) fn generation() -> impl Strategy<Value = Option<Generation>> {
    option::of(any::<u64>().prop_map(Generation::new))
}

pub(crate) fn consistency() -> impl Strategy<Value = Consistency> {
    let max_staleness = (1..=u64::MAX).prop_map(|ms| MaxStaleness::from_ms(ms).unwrap());
    let bounded = max_staleness.prop_map(|max_staleness| Consistency::Bounded { max_staleness });
    let epoch = option::of((1..=u64::MAX).prop_map(Epoch::new));
    let at_least = (epoch, any::<u64>().prop_map(Revision::new));
    let at_least = at_least.prop_map(|(epoch, revision)| Consistency::AtLeast { epoch, revision });
    prop_oneof![
        Just(Consistency::Stale),
        bounded,
        at_least,
        Just(Consistency::Linearizable)
    ]
}

/// An instance as a message can tell of it: how it stands, and nothing of what lies below an override.
pub(crate) fn found() -> impl Strategy<Value = Found> {
    let kinds = vec(proptest::sample::select(OverrideKind::ALL.as_slice()), 0..3);
    let liveness = [
        Liveness::Persistent,
        Liveness::Live,
        Liveness::Suspect,
        Liveness::Lapsed,
    ];
    let standing = (
        kinds,
        proptest::sample::select(liveness.to_vec()),
        option::of(any::<u64>()),
    );
    (instance(), standing).prop_map(|(instance, (kinds, liveness, drain_remaining_ms))| {
        let mut found = Found::undisturbed(instance);
        found.standing.overrides = kinds.into_iter().collect();
        found.standing.liveness = liveness;
        found.standing.drain_remaining_ms = drain_remaining_ms;
        found
    })
}

/// What a message tells of an instance: not when its lease has lapsed, until when it drains, and who has found what.
fn instance() -> impl Strategy<Value = Instance> {
    let lease = option::of((1..=u64::MAX).prop_map(LeaseId::new));
    let found = vec((health(), output()), 8);
    let parts = (key(), spec(), availability(), any::<[u64; 4]>(), lease, found);
    parts.prop_map(|(key, spec, availability, numbers, lease, found)| {
        let states = found.into_iter().take(spec.checks().len());
        let states = states.map(|(health, output)| CheckState {
            health,
            output,
            ..CheckState::unknown()
        });
        Instance::new(InstanceParts {
            key,
            checks: states.collect(),
            spec,
            availability,
            create_revision: Revision::new(numbers[0]),
            modify_revision: Revision::new(numbers[1]),
            generation: Generation::new(numbers[2]),
            registered_at_ms: numbers[3],
            lease,
            lapse: None,
            drains_until: None,
        })
    })
}

fn health() -> impl Strategy<Value = Health> {
    proptest::sample::select(&[Health::Passing, Health::Warning, Health::Critical, Health::Unknown][..])
}

pub(crate) fn patch() -> impl Strategy<Value = InstancePatch> {
    let version = prop_oneof![
        Just(Patch::Keep),
        Just(Patch::Clear),
        text("[!-~]{1,20}").prop_map(Patch::Set)
    ];
    let weight = option::of(any::<u16>().prop_map(Weight::new));
    let (endpoints, locality) = (option::of(endpoints()), option::of(locality()));
    let parts = (
        endpoints,
        version,
        weight,
        locality,
        option::of(metadata()),
        option::of(tags()),
    );
    parts.prop_map(|(endpoints, version, weight, locality, metadata, tags)| InstancePatch {
        endpoints,
        version,
        weight,
        locality,
        metadata,
        tags,
    })
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let version = option::of(prop_oneof![
        Just(">=1.2.3, <2.0.0".to_owned()),
        Just("^1".to_owned()),
        "[0-9a-z]{1,8}"
    ]);
    let selectors = vec("(!?[a-z]{1,5}|[a-z]{1,5}!?=[a-z=!]{0,5})", 0..4);
    let endpoint = (option::of(address()), option::of(port()), option::of(name()));
    let include = prop_oneof![Just(Include::Available), Just(Include::All)];
    let health = vec(
        proptest::sample::select(&[Health::Passing, Health::Warning, Health::Critical, Health::Unknown][..]),
        0..3,
    );
    let states = (include, health, vec(availability(), 0..3));
    (version, endpoint, tags(), selectors, option::of(name()), states).prop_map(
        |(version, (address, port, protocol), tags, selectors, zone, (include, health, availability))| Filter {
            version: version.map(|text| text.parse().unwrap()),
            address,
            port,
            protocol,
            tags,
            metadata: Selectors::parse(selectors).unwrap(),
            zone,
            include,
            health: health.into_iter().collect(),
            availability: availability.into_iter().collect(),
        },
    )
}

pub(crate) fn resolve_page() -> impl Strategy<Value = ResolvePage> {
    (0..20_000_usize, option::of(name())).prop_map(|(size, after)| ResolvePage::new(size, after))
}

pub(crate) fn choice() -> impl Strategy<Value = Choice> {
    let hash = vec(any::<u8>(), 1..=limits::HASH_KEY_LEN_MAX);
    let hash = hash.prop_map(|bytes| Policy::ConsistentHash(bytes.try_into().unwrap()));
    let zone_first = (name(), option::of(name()));
    let zone_first = zone_first.prop_map(|(zone, region)| Policy::ZoneFirst { zone, region });
    let policy = prop_oneof![
        Just(Policy::Random),
        Just(Policy::RoundRobin),
        Just(Policy::Weighted),
        hash,
        zone_first
    ];
    prop_oneof![5 => policy.prop_map(Choice::By), 1 => Just(Choice::LeastLoad)]
}

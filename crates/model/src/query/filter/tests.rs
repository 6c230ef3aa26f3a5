//! What each part of a filter asks for, and all of them together against a naive reading of the rules.

use super::*;
use crate::{
    Endpoints, Generation, InstanceKey, InstanceParts, InstanceSpec, Lapse, LeaseId, LogTime, Metadata, Revision,
    SpecParts,
};

fn endpoint(address: &str, port: u16, protocol: Option<&str>) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        port: port.try_into().unwrap(),
        protocol: protocol.map(|protocol| protocol.parse().unwrap()),
    }
}

/// Speaks gRPC at 10.0.0.1:80 and nothing stated at b.example:443.
fn parts() -> SpecParts {
    let endpoints = vec![endpoint("10.0.0.1", 80, Some("grpc")), endpoint("b.example", 443, None)];
    let mut parts = SpecParts::new(Endpoints::try_from(endpoints).unwrap());
    parts.version = Some("1.2.3".parse().unwrap());
    parts.tags = Tags::parse(["blue", "fast"]).unwrap();
    parts.metadata = Metadata::parse([("env", "prod")]).unwrap();
    parts.locality.zone = Some("z1".parse().unwrap());
    parts
}

fn instance(spec: SpecParts, availability: Availability) -> Instance {
    Instance::new(InstanceParts {
        key: InstanceKey {
            namespace: crate::NamespaceName::default(),
            service: "web".parse().unwrap(),
            id: "a".parse().unwrap(),
        },
        spec: InstanceSpec::new(spec).unwrap(),
        availability,
        create_revision: Revision::new(1),
        modify_revision: Revision::new(1),
        generation: Generation::new(1),
        registered_at_ms: 0,
        lease: None,
        lapse: None,
        drains_until: None,
        checks: Box::default(),
    })
}

/// Whether `filter` asks for `instance` as it stands by itself.
fn is_met(filter: &Filter, instance: &Instance) -> bool {
    filter.matches(instance, &Standing::of(instance))
}

fn matches(change: impl FnOnce(&mut Filter)) -> bool {
    let mut filter = Filter::default();
    change(&mut filter);
    is_met(&filter, &instance(parts(), Availability::Enabled))
}

#[test]
fn only_available_instances_are_in_a_default_answer() {
    for (availability, available) in [
        (Availability::Enabled, true),
        (Availability::Draining, false),
        (Availability::Disabled, false),
    ] {
        let instance = instance(parts(), availability);
        assert_eq!(is_met(&Filter::default(), &instance), available, "{availability}");
        let all = Filter {
            include: Include::All,
            ..Filter::default()
        };
        assert!(is_met(&all, &instance), "{availability}");
    }
}

#[test]
fn an_instance_whose_lease_has_lapsed_is_in_a_default_answer_only_while_it_is_suspect() {
    let lapse = Lapse {
        revision: Revision::new(2),
        at: LogTime::ZERO,
        recent_until: LogTime::ZERO,
    };
    let all = Filter {
        include: Include::All,
        ..Filter::default()
    };
    for (lease, lapse, liveness, available) in [
        (None, None, Liveness::Persistent, true),
        (Some(1), None, Liveness::Live, true),
        (Some(1), Some(lapse), Liveness::Lapsed, false),
    ] {
        let mut parts = instance(parts(), Availability::Enabled).into_parts();
        (parts.lease, parts.lapse) = (lease.map(LeaseId::new), lapse);
        let instance = Instance::new(parts);
        let standing = Standing::of(&instance);
        assert_eq!(standing.liveness, liveness);
        assert_eq!(is_met(&Filter::default(), &instance), available, "{liveness}");
        assert!(is_met(&all, &instance), "{liveness}");
        // A guard cannot bring back what is not to be used for another reason.
        for (availability, available) in [(Availability::Enabled, true), (Availability::Draining, false)] {
            let suspect = Standing {
                liveness: Liveness::Suspect,
                availability,
                ..standing
            };
            assert_eq!(Filter::default().matches(&instance, &suspect), available);
        }
    }
}

#[test]
fn address_port_and_protocol_are_those_of_one_endpoint() {
    assert!(matches(|filter| filter.address = Some("B.example".parse().unwrap())));
    assert!(matches(|filter| {
        filter.address = Some("10.0.0.1".parse().unwrap());
        filter.port = Some("80".parse().unwrap());
        filter.protocol = Some("grpc".parse().unwrap());
    }));
    assert!(!matches(|filter| {
        filter.address = Some("10.0.0.1".parse().unwrap());
        filter.port = Some("443".parse().unwrap());
    }));
    assert!(!matches(|filter| filter.protocol = Some("http".parse().unwrap())));
}

#[test]
fn all_tags_and_selectors_must_match() {
    assert!(matches(|filter| filter.tags = Tags::parse(["blue", "fast"]).unwrap()));
    assert!(!matches(|filter| filter.tags = Tags::parse(["blue", "slow"]).unwrap()));
    assert!(matches(
        |filter| filter.metadata = Selectors::parse(["env=prod", "!canary"]).unwrap()
    ));
    assert!(!matches(
        |filter| filter.metadata = Selectors::parse(["env=prod", "canary"]).unwrap()
    ));
}

#[test]
fn version_and_zone_must_match() {
    assert!(matches(|filter| filter.version = Some("^1.0".parse().unwrap())));
    assert!(!matches(|filter| filter.version = Some("1.2".parse().unwrap())));
    assert!(matches(|filter| filter.zone = Some("z1".parse().unwrap())));
    assert!(!matches(|filter| filter.zone = Some("z2".parse().unwrap())));
}

#[test]
fn an_instance_without_a_version_meets_no_requirement() {
    let unversioned = SpecParts {
        version: None,
        ..parts()
    };
    let filter = Filter {
        version: Some("*".parse().unwrap()),
        ..Filter::default()
    };
    assert!(!is_met(&filter, &instance(unversioned, Availability::Enabled)));
}

/// The rules once more, written down from the contract and not from the code: slowly, with texts.
mod naive {
    use super::*;

    pub(super) fn matches(filter: &Filter, instance: &Instance, standing: Standing) -> bool {
        let spec = instance.spec();
        let mut met = Vec::new();
        met.push(match filter.health.iter().count() {
            0 => {
                filter.include == Include::All
                    || ["passing", "warning"].contains(&instance.health().to_string().as_str())
            }
            _ => filter.health.iter().any(|health| health == instance.health()),
        });
        met.push(match filter.availability.iter().count() {
            0 => filter.include == Include::All || standing.availability.to_string() == "enabled",
            _ => filter.availability.iter().any(|wanted| wanted == standing.availability),
        });
        met.push(filter.include == Include::All || standing.liveness.to_string() != "lapsed");
        met.push(filter.version.as_ref().is_none_or(|required| {
            let (required, version) = (required.to_string(), spec.version().map(ToString::to_string));
            version.is_some_and(|version| version_matches(&required, &version))
        }));
        met.push(spec.endpoints().iter().any(|endpoint| {
            filter
                .address
                .as_ref()
                .is_none_or(|it| it.to_string() == endpoint.address.to_string())
                && filter.port.is_none_or(|it| it.get() == endpoint.port.get())
                && filter.protocol.as_ref().is_none_or(|it| {
                    endpoint
                        .protocol
                        .as_ref()
                        .is_some_and(|protocol| it.as_str() == protocol.as_str())
                })
        }));
        let tags: Vec<String> = spec.tags().iter().map(ToString::to_string).collect();
        met.push(filter.tags.iter().all(|tag| tags.contains(&tag.to_string())));
        let metadata: Vec<(String, String)> = spec
            .metadata()
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        met.push(
            filter
                .metadata
                .as_slice()
                .iter()
                .all(|it| selector_matches(&it.to_string(), &metadata)),
        );
        met.push(filter.zone.as_ref().is_none_or(|zone| {
            spec.locality()
                .zone
                .as_ref()
                .is_some_and(|found| found.as_str() == zone.as_str())
        }));
        met.into_iter().all(|met| met)
    }

    /// Of `k=v`, `k!=v`, `k` and `!k`.
    fn selector_matches(selector: &str, metadata: &[(String, String)]) -> bool {
        let value_of = |wanted: &str| {
            metadata
                .iter()
                .find(|(key, _)| key == wanted)
                .map(|(_, value)| value.as_str())
        };
        match selector.split_once('=') {
            Some((key, value)) if key.ends_with('!') => value_of(key.trim_end_matches('!')) != Some(value),
            Some((key, value)) => value_of(key) == Some(value),
            None if selector.starts_with('!') => value_of(&selector[1..]).is_none(),
            None => value_of(selector).is_some(),
        }
    }

    /// Of the ranges that the strategy draws: `^1`, `<2.0.0` and `*` over versions of three numbers.
    fn version_matches(required: &str, version: &str) -> bool {
        let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
        let is_semantic = numbers.len() == 3 && version.split('.').count() == 3;
        match required {
            "^1" => is_semantic && numbers[0] == 1,
            "<2.0.0" => is_semantic && numbers[0] < 2,
            "*" => is_semantic,
            exact => exact == version,
        }
    }
}

/// Small alphabets, so that what is asked for is often there.
mod strategies {
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;
    use crate::{InvalidValue, OverrideKind, OverrideKinds, Weight};

    fn word<T: std::str::FromStr<Err = InvalidValue> + std::fmt::Debug + Clone>(
        words: &'static [&'static str],
    ) -> impl Strategy<Value = T> {
        select(words).prop_map(|word| word.parse().unwrap())
    }

    fn availability() -> impl Strategy<Value = Availability> {
        select(&[Availability::Enabled, Availability::Draining, Availability::Disabled][..])
    }

    fn spec() -> impl Strategy<Value = SpecParts> {
        let endpoint = (
            word(&["10.0.0.1", "::1", "a.example"]),
            select(&[80_u16, 81][..]),
            option::of(word(&["grpc", "http"])),
        );
        let endpoint = endpoint.prop_map(|(address, port, protocol)| Endpoint {
            address,
            port: port.try_into().unwrap(),
            protocol,
        });
        let metadata = vec((select(&["a", "b"][..]), select(&["", "x", "x=y"][..])), 0..3);
        (
            vec(endpoint, 1..3),
            option::of(word(&["1.2.3", "1.10.0", "2.0.0", "1.2", "nightly"])),
            vec(select(&["red", "blue", "green"][..]), 0..3),
            metadata,
            option::of(word(&["z1", "z2"])),
        )
            .prop_map(|(endpoints, version, tags, metadata, zone)| {
                let mut parts = SpecParts::new(Endpoints::try_from(endpoints).unwrap());
                parts.version = version;
                parts.tags = Tags::parse(tags).unwrap();
                let metadata: std::collections::BTreeMap<_, _> = metadata.into_iter().collect();
                parts.metadata = Metadata::parse(metadata).unwrap();
                parts.locality.zone = zone;
                parts
            })
    }

    /// An instance, and how it stands under overrides that may have a say, and with whatever lease.
    pub(super) fn standing() -> impl Strategy<Value = (Instance, Standing)> {
        let kinds = vec(select(OverrideKind::ALL.as_slice()), 0..3);
        let livenesses = [
            Liveness::Persistent,
            Liveness::Live,
            Liveness::Suspect,
            Liveness::Lapsed,
        ];
        let liveness = select(livenesses.to_vec());
        (spec(), availability(), kinds, liveness).prop_map(|(spec, availability, kinds, liveness)| {
            let instance = instance(spec, availability);
            let kinds: OverrideKinds = kinds.into_iter().collect();
            let standing = kinds.iter().fold(Standing::of(&instance), |standing, kind| match kind {
                OverrideKind::Weight => standing.weighing(Weight::new(7)),
                OverrideKind::Disable | OverrideKind::ZoneOut => standing.taken_out(kind),
            });
            let standing = Standing { liveness, ..standing };
            (instance, standing)
        })
    }

    pub(super) fn filter() -> impl Strategy<Value = Filter> {
        let selectors = ["a", "!a", "a=x", "a!=x", "b=", "b!=", "b=x=y", "!b", "b"];
        let endpoint = (
            option::weighted(0.2, word(&["10.0.0.1", "::1", "A.example"])),
            option::weighted(0.2, select(&[80_u16, 81][..])),
            option::weighted(0.2, word(&["grpc", "http"])),
        );
        let health = select(&[Health::Passing, Health::Warning, Health::Critical, Health::Unknown][..]);
        let states = (
            select(&[Include::Available, Include::All][..]),
            vec(health, 0..3),
            vec(availability(), 0..3),
        );
        (
            option::weighted(0.4, word(&["1.2.3", "nightly", "1.2", "^1", "<2.0.0", "*"])),
            endpoint,
            vec(select(&["red", "blue"][..]), 0..2),
            vec(select(selectors.to_vec()), 0..3),
            option::weighted(0.3, word(&["z1", "z2"])),
            states,
        )
            .prop_map(|(version, (address, port, protocol), tags, selectors, zone, states)| {
                let (include, health, availability) = states;
                Filter {
                    version,
                    address,
                    port: port.map(|port| port.try_into().unwrap()),
                    protocol,
                    tags: Tags::parse(tags).unwrap(),
                    metadata: Selectors::parse(selectors).unwrap(),
                    zone,
                    include,
                    health: health.into_iter().collect(),
                    availability: availability.into_iter().collect(),
                }
            })
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(2_000))]

    #[test]
    fn a_filter_asks_for_what_a_naive_reading_of_the_rules_asks_for(
        found in proptest::collection::vec(strategies::standing(), 1..20),
        filter in strategies::filter(),
    ) {
        for (instance, standing) in &found {
            proptest::prop_assert_eq!(
                filter.matches(instance, standing),
                naive::matches(&filter, instance, *standing),
                "{:?} {:?}", instance, standing
            );
        }
    }
}

#[test]
fn states_that_are_asked_for_take_the_place_of_what_is_included() {
    let draining = instance(parts(), Availability::Draining);
    let with = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        is_met(&filter, &draining)
    };
    let only = |availability| AvailabilitySet::default().with(availability);
    assert!(with(&|filter| filter.availability = only(Availability::Draining)));
    assert!(!with(&|filter| filter.availability = only(Availability::Disabled)));
    assert!(!with(&|filter| {
        filter.include = Include::All;
        filter.health = HealthSet::default().with(Health::Critical);
    }));
    assert!(
        !with(&|filter| filter.health = HealthSet::default().with(Health::Passing)),
        "the availability is still left to what is included"
    );
}

#[test]
fn an_override_has_its_say_in_what_is_asked_for() {
    let enabled = instance(parts(), Availability::Enabled);
    let standing = Standing::of(&enabled).taken_out(crate::OverrideKind::ZoneOut);
    assert!(!Filter::default().matches(&enabled, &standing));
    let disabled = Filter {
        availability: AvailabilitySet::default().with(Availability::Disabled),
        ..Filter::default()
    };
    assert!(disabled.matches(&enabled, &standing));
}

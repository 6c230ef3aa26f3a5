//! What each part of a filter asks for, and all of them together against a naive reading of the rules.

use super::*;
use crate::{Endpoints, Generation, InstanceKey, InstanceParts, InstanceSpec, Metadata, Revision, SpecParts};

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

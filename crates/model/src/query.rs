//! Questions to the catalog: which instances, and how fresh.

use crate::{Address, Endpoint, Instance, Port, ProtocolName, Selectors, Tags, VersionRequirement, ZoneName};

/// How fresh an answer has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// What the asked member knows, at once.
    #[default]
    Stale,
    /// Everything that was acknowledged before the question was asked.
    Linearizable,
}

/// Whether an answer holds only what can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Include {
    /// Enabled instances whose health is passing or warning.
    #[default]
    Available,
    /// Draining, disabled and unhealthy ones too.
    All,
}

/// Which instances of a service are asked for: those that meet every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Their version; an instance without one meets no requirement.
    pub version: Option<VersionRequirement>,
    /// The address of an endpoint.
    pub address: Option<Address>,
    /// The port of the same endpoint.
    pub port: Option<Port>,
    /// The protocol of the same endpoint.
    pub protocol: Option<ProtocolName>,
    /// Tags that they all have.
    pub tags: Tags,
    /// Conditions on their metadata.
    pub metadata: Selectors,
    /// Where they run.
    pub zone: Option<ZoneName>,
    /// Whether they have to be available.
    pub include: Include,
}

// === impl Filter ===

impl Filter {
    /// Whether `instance` is asked for.
    pub fn matches(&self, instance: &Instance) -> bool {
        let spec = instance.spec();
        let included = match self.include {
            Include::Available => instance.is_available(),
            Include::All => true,
        };
        included
            && self.matches_version(instance)
            && spec.endpoints().iter().any(|endpoint| self.matches_endpoint(endpoint))
            && self.tags.is_subset(spec.tags())
            && self.metadata.matches(spec.metadata())
            && is_wanted(self.zone.as_ref(), spec.locality().zone.as_ref())
    }

    fn matches_version(&self, instance: &Instance) -> bool {
        self.version.as_ref().is_none_or(|required| {
            instance
                .spec()
                .version()
                .is_some_and(|version| required.matches(version))
        })
    }

    fn matches_endpoint(&self, endpoint: &Endpoint) -> bool {
        is_wanted(self.address.as_ref(), Some(&endpoint.address))
            && is_wanted(self.port.as_ref(), Some(&endpoint.port))
            && is_wanted(self.protocol.as_ref(), endpoint.protocol.as_ref())
    }
}

fn is_wanted<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Availability, Endpoints, Generation, InstanceKey, InstanceParts, InstanceSpec, Metadata, Revision, SpecParts,
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
        })
    }

    fn matches(change: impl FnOnce(&mut Filter)) -> bool {
        let mut filter = Filter::default();
        change(&mut filter);
        filter.matches(&instance(parts(), Availability::Enabled))
    }

    #[test]
    fn only_available_instances_are_in_a_default_answer() {
        for (availability, available) in [
            (Availability::Enabled, true),
            (Availability::Draining, false),
            (Availability::Disabled, false),
        ] {
            let instance = instance(parts(), availability);
            assert_eq!(Filter::default().matches(&instance), available, "{availability}");
            let all = Filter {
                include: Include::All,
                ..Filter::default()
            };
            assert!(all.matches(&instance), "{availability}");
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
        assert!(!filter.matches(&instance(unversioned, Availability::Enabled)));
    }
}

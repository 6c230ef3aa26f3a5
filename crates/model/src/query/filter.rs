//! Which instances are asked for.

use crate::{
    Address, Availability, AvailabilitySet, Endpoint, Health, HealthSet, Instance, Liveness, Port, ProtocolName,
    Selectors, Standing, Tags, VersionRequirement, ZoneName,
};

/// Whether an answer holds only what can be used, where a question does not say which states it wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Include {
    /// Enabled instances whose health is passing or warning, and whose lease has not lapsed, or is suspect only.
    #[default]
    Available,
    /// Draining, disabled, unhealthy and lapsed ones too.
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
    /// The health that they may have; empty leaves it to `include`.
    pub health: HealthSet,
    /// The availability that they may have; empty leaves it to `include`.
    pub availability: AvailabilitySet,
}

// === impl Filter ===

impl Filter {
    /// Whether `instance`, which stands like this, is asked for.
    pub fn matches(&self, instance: &Instance, standing: &Standing) -> bool {
        let spec = instance.spec();
        self.matches_health(instance.health())
            && self.matches_availability(standing.availability)
            && self.matches_liveness(standing.liveness)
            && self.matches_version(instance)
            && spec.endpoints().iter().any(|endpoint| self.matches_endpoint(endpoint))
            && self.tags.is_subset(spec.tags())
            && self.metadata.matches(spec.metadata())
            && is_wanted(self.zone.as_ref(), spec.locality().zone.as_ref())
    }

    fn matches_health(&self, found: Health) -> bool {
        if !self.health.is_empty() {
            return self.health.contains(found);
        }
        match (self.include, found) {
            (Include::All, _) | (Include::Available, Health::Passing | Health::Warning) => true,
            (Include::Available, Health::Critical | Health::Unknown) => false,
        }
    }

    fn matches_availability(&self, found: Availability) -> bool {
        if !self.availability.is_empty() {
            return self.availability.contains(found);
        }
        match (self.include, found) {
            (Include::All, _) | (Include::Available, Availability::Enabled) => true,
            (Include::Available, Availability::Draining | Availability::Disabled) => false,
        }
    }

    fn matches_liveness(&self, found: Liveness) -> bool {
        match (self.include, found) {
            (Include::All, _) | (Include::Available, Liveness::Persistent | Liveness::Live | Liveness::Suspect) => true,
            (Include::Available, Liveness::Lapsed) => false,
        }
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
mod tests;

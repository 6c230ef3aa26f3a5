//! Questions to the catalog: which instances, and how fresh.

use crate::{Address, Endpoint, Instance, Port, ProtocolName, Selectors, Tags, VersionRequirement, ZoneName};

/// How fresh an answer has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    Usable,
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
    /// Whether they have to be usable.
    pub include: Include,
}

// === impl Filter ===

impl Filter {
    /// Whether `instance` is asked for.
    pub fn matches(&self, instance: &Instance) -> bool {
        let spec = instance.spec();
        let included = match self.include {
            Include::Usable => instance.is_usable(),
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

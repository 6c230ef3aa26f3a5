//! What a registrant states about an instance, and how it changes its mind.

use crate::{
    Check, Checks, Endpoints, Incarnation, InvalidValue, Metadata, Owner, RegionName, Tags, Version, Weight, ZoneName,
    limits, names::share,
};

/// Who stands behind a registration. What is absent equals what is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Stable over restarts.
    pub owner: Option<Owner>,
    /// Another one after each restart.
    pub incarnation: Option<Incarnation>,
}

/// Where an instance runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Locality {
    /// The group of zones.
    pub region: Option<RegionName>,
    /// The failure domain.
    pub zone: Option<ZoneName>,
}

/// The parts of an [`InstanceSpec`], each valid by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpecParts {
    /// How it is reached.
    pub endpoints: Endpoints,
    /// The version of its software, if told.
    pub version: Option<Version>,
    /// Its share of the load.
    pub weight: Weight,
    /// Where it runs.
    pub locality: Locality,
    /// Keys and values of the registrant's own.
    pub metadata: Metadata,
    /// Words of the registrant's own.
    pub tags: Tags,
    /// Who stands behind it.
    pub holder: Holder,
    /// How it is checked: at endpoints that it has.
    pub checks: Checks,
}

/// What a registrant states about an instance: at most [`limits::INSTANCE_LEN_MAX`] bytes of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceSpec(SpecParts);

/// Whether a registration may push aside one of another owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Takeover {
    /// It is refused if the id belongs to another owner.
    #[default]
    Forbidden,
    /// It takes the id from whoever has it.
    Allowed,
}

/// A change of a part that may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Patch<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It is replaced.
    Set(T),
}

/// A change of a registration: the given parts replace their predecessors, the others stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct InstancePatch {
    /// New endpoints.
    pub endpoints: Option<Endpoints>,
    /// A new version, or none any more.
    pub version: Patch<Version>,
    /// A new weight.
    pub weight: Option<Weight>,
    /// A new region and zone.
    pub locality: Option<Locality>,
    /// New metadata: all of it.
    pub metadata: Option<Metadata>,
    /// New tags: all of them.
    pub tags: Option<Tags>,
}

// === impl SpecParts ===

impl SpecParts {
    /// An instance at `endpoints` of which nothing else is told.
    #[must_use]
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            version: None,
            weight: Weight::default(),
            locality: Locality::default(),
            metadata: Metadata::default(),
            tags: Tags::default(),
            holder: Holder::default(),
            checks: Checks::default(),
        }
    }
}

// === impl InstanceSpec ===

impl InstanceSpec {
    /// Puts the parts together, unless they are too much together, or a check is of an endpoint that is not there.
    pub fn new(parts: SpecParts) -> Result<Self, InvalidValue> {
        parts.checks.fit(&parts.endpoints)?;
        let spec = Self(parts);
        let (len, max) = (spec.encoded_len(), limits::INSTANCE_LEN_MAX);
        if len > max {
            let problem = format!("{len} bytes are over the limit of {max}; shorten metadata or tags");
            return Err(InvalidValue::new("instance", problem));
        }
        Ok(spec)
    }

    /// The parts.
    #[must_use]
    pub fn into_parts(self) -> SpecParts {
        self.0
    }

    /// How it is reached.
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// The version of its software, if told.
    pub fn version(&self) -> Option<&Version> {
        self.0.version.as_ref()
    }

    /// Its share of the load.
    pub fn weight(&self) -> Weight {
        self.0.weight
    }

    /// Where it runs.
    pub fn locality(&self) -> &Locality {
        &self.0.locality
    }

    /// Keys and values of the registrant's own.
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// Words of the registrant's own.
    pub fn tags(&self) -> &Tags {
        &self.0.tags
    }

    /// Who stands behind it.
    pub fn holder(&self) -> &Holder {
        &self.0.holder
    }

    /// How it is checked.
    pub fn checks(&self) -> &Checks {
        &self.0.checks
    }

    /// Bytes that it takes when encoded, rounded up: fixed for ever, unlike the encoding, so that every version
    /// of a member draws the line at the same place.
    pub fn encoded_len(&self) -> usize {
        let parts = &self.0;
        let endpoints = parts.endpoints.iter().map(|endpoint| {
            let host = endpoint.address.host().map_or(16, text_len);
            NUMBER_LEN + host + optional_len(endpoint.protocol.as_ref())
        });
        let metadata = parts
            .metadata
            .iter()
            .map(|(key, value)| text_len(key.as_str()) + text_len(value.as_str()));
        let tags = parts.tags.iter().map(|tag| text_len(tag.as_str()));
        FIXED_LEN
            + optional_len(parts.version.as_ref())
            + optional_len(parts.locality.region.as_ref())
            + optional_len(parts.locality.zone.as_ref())
            + optional_len(parts.holder.owner.as_ref())
            + endpoints.chain(metadata).chain(tags).sum::<usize>()
            + parts.checks.iter().map(Check::encoded_len).sum::<usize>()
    }

    /// Takes the texts of `like` in place of equal ones of its own.
    pub(crate) fn share_texts(&mut self, like: &Self) {
        let (own, other) = (&mut self.0, &like.0);
        own.endpoints.share_texts(&other.endpoints);
        share(&mut own.version, &other.version);
        share(&mut own.locality.region, &other.locality.region);
        share(&mut own.locality.zone, &other.locality.zone);
        own.metadata.share_texts(&other.metadata);
        own.tags.share_texts(&other.tags);
        share(&mut own.holder.owner, &other.holder.owner);
        share(&mut own.checks, &other.checks);
    }

    /// The same with `patch` applied; refused if it would be too much together.
    pub fn patched(&self, patch: &InstancePatch) -> Result<Self, InvalidValue> {
        let old = &self.0;
        Self::new(SpecParts {
            endpoints: patch.endpoints.as_ref().unwrap_or(&old.endpoints).clone(),
            version: patch.version.applied_to(old.version.as_ref()),
            weight: patch.weight.unwrap_or(old.weight),
            locality: patch.locality.as_ref().unwrap_or(&old.locality).clone(),
            metadata: patch.metadata.as_ref().unwrap_or(&old.metadata).clone(),
            tags: patch.tags.as_ref().unwrap_or(&old.tags).clone(),
            holder: old.holder.clone(),
            checks: old.checks.clone(),
        })
    }
}

/// Weight, incarnation, the counts of the collections.
const FIXED_LEN: usize = 32;

/// A number or a length before a text.
const NUMBER_LEN: usize = 4;

fn text_len(text: &str) -> usize {
    NUMBER_LEN + text.len()
}

fn optional_len<T: AsRef<str>>(text: Option<&T>) -> usize {
    1 + text.map_or(0, |text| text_len(text.as_ref()))
}

// === impl Patch ===

impl<T: Clone> Patch<T> {
    /// What becomes of `old`.
    #[must_use]
    pub fn applied_to(&self, old: Option<&T>) -> Option<T> {
        match self {
            Self::Keep => old.cloned(),
            Self::Clear => None,
            Self::Set(new) => Some(new.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Probe};

    fn parts() -> SpecParts {
        SpecParts::new(Endpoints::from(Endpoint {
            address: "10.0.0.1".parse().unwrap(),
            port: "80".parse().unwrap(),
            protocol: None,
        }))
    }

    /// Tags that make a spec exactly `len` bytes long.
    fn parts_of_len(len: usize) -> SpecParts {
        let mut tags = Vec::new();
        let mut rest = len - InstanceSpec::new(parts()).unwrap().encoded_len();
        while rest > 0 {
            // Never leave less than the shortest tag takes.
            let take = if rest <= 260 {
                rest
            } else {
                rest.min(260).min(rest - 10)
            };
            tags.push(format!("{:0width$}", tags.len(), width = take - NUMBER_LEN));
            rest -= take;
        }
        SpecParts {
            tags: Tags::parse(tags).unwrap(),
            ..parts()
        }
    }

    #[test]
    fn a_spec_has_up_to_16_kib() {
        let full = InstanceSpec::new(parts_of_len(limits::INSTANCE_LEN_MAX)).unwrap();
        assert_eq!(full.encoded_len(), limits::INSTANCE_LEN_MAX);
        assert!(InstanceSpec::new(parts_of_len(limits::INSTANCE_LEN_MAX + 1)).is_err());
    }

    #[test]
    fn checks_count_and_are_of_endpoints_that_are_there() {
        let check = |endpoint: u32| Check {
            endpoint: endpoint.try_into().unwrap(),
            ..Check::new("a".parse().unwrap(), Probe::Tcp)
        };
        let checked = |endpoint| {
            InstanceSpec::new(SpecParts {
                checks: vec![check(endpoint)].try_into().unwrap(),
                ..parts()
            })
        };
        let plain = InstanceSpec::new(parts()).unwrap();
        assert_eq!(
            checked(0).unwrap().encoded_len(),
            plain.encoded_len() + check(0).encoded_len()
        );
        assert_eq!(checked(1).unwrap_err().what(), "checks");
    }

    #[test]
    fn a_patch_cannot_make_a_spec_too_long() {
        let full = InstanceSpec::new(parts_of_len(limits::INSTANCE_LEN_MAX)).unwrap();
        let longer = InstancePatch {
            metadata: Some(Metadata::parse([("k", "v")]).unwrap()),
            ..InstancePatch::default()
        };
        assert!(full.patched(&longer).is_err());
    }

    #[test]
    fn a_patch_replaces_what_it_gives_and_keeps_the_rest() {
        let mut old = parts();
        old.version = Some("1".parse().unwrap());
        old.holder.owner = Some("a".parse().unwrap());
        let spec = InstanceSpec::new(old.clone()).unwrap();

        assert_eq!(spec.patched(&InstancePatch::default()), Ok(spec.clone()));

        let patch = InstancePatch {
            version: Patch::Set("2".parse().unwrap()),
            weight: Some(Weight::new(7)),
            ..InstancePatch::default()
        };
        let expected = SpecParts {
            version: Some("2".parse().unwrap()),
            weight: Weight::new(7),
            ..old
        };
        assert_eq!(spec.patched(&patch).unwrap().into_parts(), expected);

        let patch = InstancePatch {
            version: Patch::Clear,
            ..InstancePatch::default()
        };
        assert_eq!(spec.patched(&patch).unwrap().version(), None);
    }
}

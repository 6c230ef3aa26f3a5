//! Requests that change the catalog.

use quorate_model::{
    Availability, DrainTime, Generation, Incarnation, InstanceKey, InstancePatch, InvalidValue, LeaseId, LeaseTtl,
    Locality, Patch, SpecParts, Takeover, Version, Weight,
};

use crate::{
    convert::{
        self, InvalidField,
        field::{self, Field as _, optional, optional_to_wire, text},
        holder, spec,
    },
    registry::{self as pb, update_request as parts},
    request::{Deregister, Lifetime, Register, SetAvailability, Update, key as request_key},
};

// === impl Register ===

impl TryFrom<pb::RegisterRequest> for Register {
    type Error = InvalidField;

    fn try_from(message: pb::RegisterRequest) -> Result<Self, InvalidField> {
        request_key::refuse(message.key.as_ref())?;
        Ok(Self {
            key: key(message.namespace, message.service, message.id)?,
            takeover: if message.takeover {
                Takeover::Allowed
            } else {
                Takeover::Forbidden
            },
            lifetime: lifetime(message.ttl_ms, message.lease_id)?,
            spec: spec(SpecParts {
                endpoints: field::endpoints(message.endpoints)?,
                version: optional("version", message.version)?,
                weight: convert::weight(message.weight)?.unwrap_or_default(),
                locality: field::locality(message.region, message.zone)?,
                metadata: field::metadata(message.metadata)?,
                tags: field::tags(message.tags)?,
                holder: holder(message.owner, message.incarnation)?,
                checks: convert::checks(message.checks)?,
            })?,
        })
    }
}

impl From<Register> for pb::RegisterRequest {
    fn from(request: Register) -> Self {
        let spec = &request.spec;
        let (ttl_ms, lease_id) = match request.lifetime {
            Lifetime::Persistent => (0, 0),
            Lifetime::Ttl(ttl) => (ttl.as_ms(), 0),
            Lifetime::Lease(lease) => (0, lease.get()),
        };
        Self {
            namespace: request.key.namespace.into(),
            service: request.key.service.into(),
            id: request.key.id.into(),
            version: optional_to_wire(spec.version()),
            endpoints: field::endpoints_to_wire(spec.endpoints()),
            weight: Some(spec.weight().get().into()),
            region: optional_to_wire(spec.locality().region.as_ref()),
            zone: optional_to_wire(spec.locality().zone.as_ref()),
            metadata: field::metadata_to_wire(spec.metadata()),
            tags: field::tags_to_wire(spec.tags()),
            owner: optional_to_wire(spec.holder().owner.as_ref()),
            incarnation: spec.holder().incarnation.map_or(0, Incarnation::get),
            takeover: request.takeover == Takeover::Allowed,
            ttl_ms,
            lease_id,
            key: None,
            checks: convert::checks_to_wire(spec.checks()),
        }
    }
}

fn lifetime(ttl_ms: u64, lease_id: u64) -> Result<Lifetime, InvalidField> {
    match (ttl_ms, lease_id) {
        (0, 0) => Ok(Lifetime::Persistent),
        (ms, 0) => LeaseTtl::from_ms(ms).map(Lifetime::Ttl).field("ttl_ms"),
        (0, id) => Ok(Lifetime::Lease(LeaseId::new(id))),
        (_, _) => {
            let problem = "a TTL and a lease are given; a registration is kept by one of them";
            Err(InvalidValue::new("lifetime", problem)).field("lease_id")
        }
    }
}

// === impl Update ===

impl TryFrom<pb::UpdateRequest> for Update {
    type Error = InvalidField;

    fn try_from(message: pb::UpdateRequest) -> Result<Self, InvalidField> {
        request_key::refuse(message.key.as_ref())?;
        Ok(Self {
            key: key(message.namespace, message.service, message.id)?,
            generation: message.generation.map(Generation::new),
            patch: InstancePatch {
                endpoints: message
                    .endpoints
                    .map(|list| field::endpoints(list.endpoints))
                    .transpose()
                    .map_err(|error| error.within("endpoints"))?,
                version: version_patch(message.version)?,
                weight: convert::weight(message.weight)?,
                locality: message
                    .locality
                    .map(|place| field::locality(place.region, place.zone))
                    .transpose()
                    .map_err(|error| error.within("locality"))?,
                metadata: message.metadata.map(|map| field::metadata(map.entries)).transpose()?,
                tags: message.tags.map(|set| field::tags(set.tags)).transpose()?,
            },
        })
    }
}

impl From<Update> for pb::UpdateRequest {
    fn from(request: Update) -> Self {
        let patch = &request.patch;
        Self {
            namespace: request.key.namespace.into(),
            service: request.key.service.into(),
            id: request.key.id.into(),
            generation: request.generation.map(Generation::get),
            version: match &patch.version {
                Patch::Keep => None,
                Patch::Clear => Some(String::new()),
                Patch::Set(version) => Some(version.to_string()),
            },
            endpoints: patch.endpoints.as_ref().map(|endpoints| parts::EndpointList {
                endpoints: field::endpoints_to_wire(endpoints),
            }),
            weight: patch.weight.map(Weight::get).map(Into::into),
            locality: patch.locality.as_ref().map(locality_to_wire),
            metadata: patch.metadata.as_ref().map(|metadata| parts::MetadataMap {
                entries: field::metadata_to_wire(metadata),
            }),
            tags: patch.tags.as_ref().map(|tags| parts::TagSet {
                tags: field::tags_to_wire(tags),
            }),
            key: None,
        }
    }
}

fn version_patch(stated: Option<String>) -> Result<Patch<Version>, InvalidField> {
    let Some(stated) = stated else {
        return Ok(Patch::Keep);
    };
    Ok(optional("version", stated)?.map_or(Patch::Clear, Patch::Set))
}

fn locality_to_wire(locality: &Locality) -> parts::Locality {
    parts::Locality {
        region: optional_to_wire(locality.region.as_ref()),
        zone: optional_to_wire(locality.zone.as_ref()),
    }
}

// === impl Deregister ===

impl TryFrom<pb::DeregisterRequest> for Deregister {
    type Error = InvalidField;

    fn try_from(message: pb::DeregisterRequest) -> Result<Self, InvalidField> {
        request_key::refuse(message.key.as_ref())?;
        Ok(Self {
            key: key(message.namespace, message.service, message.id)?,
            generation: message.generation.map(Generation::new),
        })
    }
}

impl From<Deregister> for pb::DeregisterRequest {
    fn from(request: Deregister) -> Self {
        Self {
            namespace: request.key.namespace.into(),
            service: request.key.service.into(),
            id: request.key.id.into(),
            generation: request.generation.map(Generation::get),
            key: None,
        }
    }
}

// === impl SetAvailability ===

impl TryFrom<pb::SetAvailabilityRequest> for SetAvailability {
    type Error = InvalidField;

    fn try_from(message: pb::SetAvailabilityRequest) -> Result<Self, InvalidField> {
        request_key::refuse(message.key.as_ref())?;
        let availability = convert::availability(message.availability)?;
        Ok(Self {
            key: key(message.namespace, message.service, message.id)?,
            generation: message.generation.map(Generation::new),
            availability,
            drain: drain(availability, message.drain_ms)?,
        })
    }
}

impl From<SetAvailability> for pb::SetAvailabilityRequest {
    fn from(request: SetAvailability) -> Self {
        Self {
            namespace: request.key.namespace.into(),
            service: request.key.service.into(),
            id: request.key.id.into(),
            generation: request.generation.map(Generation::get),
            availability: convert::availability_to_wire(request.availability).into(),
            key: None,
            drain_ms: request.drain.map_or(0, DrainTime::as_ms),
        }
    }
}

fn drain(availability: Availability, drain_ms: u64) -> Result<Option<DrainTime>, InvalidField> {
    match (availability, drain_ms) {
        (_, 0) => Ok(None),
        (Availability::Draining, ms) => DrainTime::from_ms(ms).map(Some).field("drain_ms"),
        (Availability::Enabled | Availability::Disabled, _) => {
            let problem = format!("only what is to drain has one, and this is to be {availability}");
            Err(InvalidValue::new("time of a drain", problem)).field("drain_ms")
        }
    }
}

/// The key that three fields of every request about one instance make up.
pub(super) fn key(namespace: String, service: String, id: String) -> Result<InstanceKey, InvalidField> {
    Ok(InstanceKey {
        namespace: field::namespace(namespace)?,
        service: text("service", service)?,
        id: text("id", id)?,
    })
}

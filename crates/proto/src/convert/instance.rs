//! An instance of the catalog, to and from its message.

use quorate_model::{
    Found, Generation, Health, Holder, Incarnation, Instance, InstanceKey, InstanceParts, InstanceSpec, InvalidValue,
    Revision, SpecParts,
};

use crate::{
    convert::{
        self, InvalidField,
        field::{self, Field as _, optional, optional_to_wire, text},
    },
    registry as pb,
};

impl From<&Found> for pb::Instance {
    fn from(found: &Found) -> Self {
        let Found { instance, standing } = found;
        let (key, spec) = (instance.key(), instance.spec());
        Self {
            namespace: key.namespace.to_string(),
            service: key.service.to_string(),
            id: key.id.to_string(),
            version: optional_to_wire(spec.version()),
            endpoints: field::endpoints_to_wire(spec.endpoints()),
            weight: standing.weight.get().into(),
            region: optional_to_wire(spec.locality().region.as_ref()),
            zone: optional_to_wire(spec.locality().zone.as_ref()),
            metadata: field::metadata_to_wire(spec.metadata()),
            tags: field::tags_to_wire(spec.tags()),
            health: convert::health_to_wire(instance.health()).into(),
            availability: convert::availability_to_wire(standing.availability).into(),
            owner: optional_to_wire(spec.holder().owner.as_ref()),
            generation: instance.generation().get(),
            create_revision: instance.create_revision().get(),
            modify_revision: instance.modify_revision().get(),
            registered_at_ms: instance.registered_at_ms(),
            incarnation: spec.holder().incarnation.map_or(0, Incarnation::get),
            overrides: standing
                .overrides
                .iter()
                .map(|kind| convert::override_kind_to_wire(kind).into())
                .collect(),
            lease_id: 0,
            liveness: pb::Liveness::Persistent.into(),
            checks: Vec::new(),
            drain_remaining_ms: None,
        }
    }
}

/// What a message tells of an instance is how it stands: what lies below an override, it does not tell.
impl TryFrom<pb::Instance> for Found {
    type Error = InvalidField;

    fn try_from(message: pb::Instance) -> Result<Self, InvalidField> {
        let overrides = convert::override_kinds(&message.overrides)?;
        let mut found = Self::undisturbed(instance(message)?);
        found.standing.overrides = overrides;
        Ok(found)
    }
}

fn instance(message: pb::Instance) -> Result<Instance, InvalidField> {
    check_health(message.health)?;
    Ok(Instance::new(InstanceParts {
        key: InstanceKey {
            namespace: field::namespace(message.namespace)?,
            service: text("service", message.service)?,
            id: text("id", message.id)?,
        },
        availability: convert::availability(message.availability)?,
        create_revision: Revision::new(message.create_revision),
        modify_revision: Revision::new(message.modify_revision),
        generation: Generation::new(message.generation),
        registered_at_ms: message.registered_at_ms,
        spec: spec(SpecParts {
            endpoints: field::endpoints(message.endpoints)?,
            version: optional("version", message.version)?,
            weight: message.weight.try_into().field("weight")?,
            locality: field::locality(message.region, message.zone)?,
            metadata: field::metadata(message.metadata)?,
            tags: field::tags(message.tags)?,
            holder: holder(message.owner, message.incarnation)?,
        })?,
    }))
}

/// Puts a spec together; what it refuses is no single field's fault.
pub(crate) fn spec(parts: SpecParts) -> Result<InstanceSpec, InvalidField> {
    InstanceSpec::new(parts).field("instance")
}

pub(crate) fn holder(owner: String, incarnation: u64) -> Result<Holder, InvalidField> {
    Ok(Holder {
        owner: optional("owner", owner)?,
        incarnation: field::nonzero("incarnation", incarnation)?,
    })
}

/// The model knows no other health than passing yet. To show an instance that a newer member found to be
/// critical as a passing one would be a lie.
fn check_health(number: i32) -> Result<(), InvalidField> {
    match convert::health(number)? {
        Health::Passing => Ok(()),
        found @ (Health::Warning | Health::Critical | Health::Unknown) => {
            let problem = format!("this version does not know what to do with {found}; upgrade it");
            Err(InvalidValue::new("health", problem)).field("health")
        }
    }
}

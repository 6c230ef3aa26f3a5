//! An instance of the catalog, to and from its message.

use quorate_model::{
    Found, Generation, Holder, Incarnation, Instance, InstanceKey, InstanceParts, InstanceSpec, InvalidValue, LeaseId,
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
            lease_id: instance.lease().map_or(0, LeaseId::get),
            liveness: convert::liveness_to_wire(standing.liveness).into(),
            checks: instance.checks().map(pb::CheckState::from).collect(),
            drain_remaining_ms: standing.drain_remaining_ms,
        }
    }
}

/// What a message tells of an instance is how it stands: what lies below an override, it does not tell.
impl TryFrom<pb::Instance> for Found {
    type Error = InvalidField;

    fn try_from(message: pb::Instance) -> Result<Self, InvalidField> {
        let overrides = convert::override_kinds(&message.overrides)?;
        let liveness = convert::liveness(message.liveness)?;
        let drain_remaining_ms = message.drain_remaining_ms;
        let mut found = Self::undisturbed(instance(message)?);
        found.standing.overrides = overrides;
        found.standing.liveness = liveness;
        found.standing.drain_remaining_ms = drain_remaining_ms;
        Ok(found)
    }
}

fn instance(message: pb::Instance) -> Result<Instance, InvalidField> {
    let (checks, states) = convert::check_states(message.checks)?;
    let instance = Instance::new(InstanceParts {
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
        lease: (message.lease_id != 0).then(|| LeaseId::new(message.lease_id)),
        lapse: None,
        drains_until: None,
        spec: spec(SpecParts {
            endpoints: field::endpoints(message.endpoints)?,
            version: optional("version", message.version)?,
            weight: message.weight.try_into().field("weight")?,
            locality: field::locality(message.region, message.zone)?,
            metadata: field::metadata(message.metadata)?,
            tags: field::tags(message.tags)?,
            holder: holder(message.owner, message.incarnation)?,
            checks,
        })?,
        checks: states,
    });
    check_health(&instance, message.health)?;
    Ok(instance)
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

/// The health follows from the checks. To show an instance that a newer member found to be critical, for a reason that
/// this version does not know, as a passing one would be a lie.
fn check_health(instance: &Instance, number: i32) -> Result<(), InvalidField> {
    let (told, follows) = (convert::health(number)?, instance.health());
    if told == follows {
        return Ok(());
    }
    let problem = format!("it is {told}, and {follows} by all that this version knows; upgrade it");
    Err(InvalidValue::new("health", problem)).field("health")
}

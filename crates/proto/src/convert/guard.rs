//! Guards, to and from their messages.

use quorate_model::{GuardCause, GuardScope, InvalidValue, ServiceKey};

use crate::{
    convert::{
        InvalidField,
        field::{self, Field as _, text},
    },
    registry::{self as pb, guard_scope as parts},
};

/// What a guard is raised for. A message has to say it.
pub fn guard_scope(message: Option<pb::GuardScope>) -> Result<GuardScope, InvalidField> {
    let message = message.ok_or_else(|| InvalidField::missing("scope", "what is guarded"))?;
    scope_from_wire(message).map_err(|error| error.within("scope"))
}

fn scope_from_wire(message: pb::GuardScope) -> Result<GuardScope, InvalidField> {
    match message.scope {
        Some(parts::Scope::Service(parts::Service { namespace, service })) => Ok(GuardScope::Service(ServiceKey {
            namespace: field::namespace(namespace)?,
            service: text("service", service)?,
        })),
        Some(parts::Scope::Zone(zone)) => Ok(GuardScope::Zone(text("zone", zone)?)),
        Some(parts::Scope::Namespace(namespace)) => Ok(GuardScope::Namespace(field::namespace(namespace)?)),
        Some(parts::Scope::Cluster(parts::Cluster {})) => Ok(GuardScope::Cluster),
        // A kind of a newer contract arrives as none at all.
        None => Err(InvalidField::missing(
            "scope",
            "a kind that this version knows, service, zone, namespace or cluster",
        )),
    }
}

/// The message for what a guard is raised for.
pub fn guard_scope_to_wire(scope: &GuardScope) -> pb::GuardScope {
    let scope = match scope {
        GuardScope::Service(ServiceKey { namespace, service }) => parts::Scope::Service(parts::Service {
            namespace: namespace.to_string(),
            service: service.to_string(),
        }),
        GuardScope::Zone(zone) => parts::Scope::Zone(zone.to_string()),
        GuardScope::Namespace(namespace) => parts::Scope::Namespace(namespace.to_string()),
        GuardScope::Cluster => parts::Scope::Cluster(parts::Cluster {}),
    };
    pb::GuardScope { scope: Some(scope) }
}

/// Why a guard was raised, as a message states it. It has to state it.
pub fn guard_cause(number: i32) -> Result<GuardCause, InvalidField> {
    match pb::GuardCause::try_from(number) {
        Ok(pb::GuardCause::Share) => Ok(GuardCause::Share),
        Ok(pb::GuardCause::Floor) => Ok(GuardCause::Floor),
        Ok(pb::GuardCause::Operator) => Ok(GuardCause::Operator),
        Ok(pb::GuardCause::Unspecified) | Err(_) => {
            Err(InvalidValue::new("cause of a guard", format!("{number} is not known")))
        }
    }
    .field("cause")
}

/// The message's word for why a guard was raised.
pub const fn guard_cause_to_wire(cause: GuardCause) -> pb::GuardCause {
    match cause {
        GuardCause::Share => pb::GuardCause::Share,
        GuardCause::Floor => pb::GuardCause::Floor,
        GuardCause::Operator => pb::GuardCause::Operator,
    }
}

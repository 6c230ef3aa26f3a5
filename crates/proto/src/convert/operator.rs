//! What operators decide, to and from its messages.

use quorate_model::{
    GuardShare, InstanceKey, InvalidValue, LeaseTtl, LogTime, NamespaceName, Override, OverrideKind, OverrideTarget,
    ProtectMinimum, ServiceName, ServiceSettings,
};

use crate::{
    cluster::{self as pb, override_target as parts},
    convert::{
        InvalidField,
        field::{self, Field as _, optional, optional_to_wire, text},
    },
};

/// What stands between the parts of a page token: no name has it.
const TOKEN_SEPARATOR: char = '/';

/// What an override is about. A message has to say it.
pub fn target(message: Option<pb::OverrideTarget>) -> Result<OverrideTarget, InvalidField> {
    let message = message.ok_or_else(|| InvalidField::missing("target", "what is to be overridden"))?;
    target_from_wire(message).map_err(|error| error.within("target"))
}

fn target_from_wire(message: pb::OverrideTarget) -> Result<OverrideTarget, InvalidField> {
    let namespace = field::namespace(message.namespace)?;
    let service: Option<ServiceName> = optional("service", message.service)?;
    match message.target {
        Some(parts::Target::Disable(parts::Disable { id })) => Ok(OverrideTarget::Disable {
            key: instance_key(namespace, service, id)?,
        }),
        Some(parts::Target::Weight(parts::Weight { id })) => Ok(OverrideTarget::Weight {
            key: instance_key(namespace, service, id)?,
        }),
        Some(parts::Target::ZoneOut(parts::ZoneOut { zone })) => Ok(OverrideTarget::ZoneOut {
            namespace,
            service,
            zone: text("zone", zone)?,
        }),
        // A kind of a newer contract arrives as none at all.
        None => Err(InvalidField::missing(
            "target",
            "a kind that this version knows, disable, weight or zone_out",
        )),
    }
}

fn instance_key(
    namespace: NamespaceName,
    service: Option<ServiceName>,
    id: String,
) -> Result<InstanceKey, InvalidField> {
    Ok(InstanceKey {
        namespace,
        service: service.ok_or_else(|| InvalidField::missing("service", "the service of the instance"))?,
        id: text("id", id)?,
    })
}

/// The message for what an override is about.
pub fn target_to_wire(target: &OverrideTarget) -> pb::OverrideTarget {
    pb::OverrideTarget {
        namespace: target.namespace().to_string(),
        service: optional_to_wire(target.service()),
        target: Some(about(target.kind(), target.subject().to_owned())),
    }
}

/// What is overridden within its service: an instance by its id, or a zone.
fn about(kind: OverrideKind, subject: String) -> parts::Target {
    match kind {
        OverrideKind::Disable => parts::Target::Disable(parts::Disable { id: subject }),
        OverrideKind::Weight => parts::Target::Weight(parts::Weight { id: subject }),
        OverrideKind::ZoneOut => parts::Target::ZoneOut(parts::ZoneOut { zone: subject }),
    }
}

/// The page token that names a target within its namespace.
pub fn token_of_target(target: &OverrideTarget) -> String {
    let service = optional_to_wire(target.service());
    let (kind, subject) = (target.kind(), target.subject());
    format!("{service}{TOKEN_SEPARATOR}{kind}{TOKEN_SEPARATOR}{subject}")
}

/// The target in a namespace that a page token names; none, if it is empty.
pub(crate) fn target_of_token(namespace: &NamespaceName, token: &str) -> Result<Option<OverrideTarget>, InvalidField> {
    if token.is_empty() {
        return Ok(None);
    }
    let refused = || {
        InvalidField::new(
            "page_token",
            InvalidValue::new("page token", "no list of overrides gave it"),
        )
    };
    let mut parts = token.splitn(3, TOKEN_SEPARATOR);
    let (Some(service), Some(kind), Some(subject)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refused());
    };
    let kind = OverrideKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let message = pb::OverrideTarget {
        namespace: namespace.to_string(),
        service: service.to_owned(),
        target: Some(about(kind.ok_or_else(refused)?, subject.to_owned())),
    };
    target_from_wire(message).map(Some).map_err(|_| refused())
}

/// The message for an override, as of a log time of `now`.
pub fn override_to_wire(current: &Override, now: LogTime) -> pb::Override {
    let spec = &current.spec;
    pb::Override {
        target: Some(target_to_wire(spec.target())),
        weight: spec.weight().map_or(0, |weight| weight.get().into()),
        reason: spec.reason().to_string(),
        revision: current.revision.get(),
        set_at_ms: current.set_at_ms,
        remaining_ms: current.expires_at.map(|at| at.ms_since(now)),
    }
}

// === impl ServiceSettings ===

impl From<ServiceSettings> for pb::ServiceSettings {
    fn from(settings: ServiceSettings) -> Self {
        Self {
            guard_share_percent: settings.guard_share.as_percent().into(),
            default_ttl_ms: settings.default_ttl.as_ms(),
            protect_minimum: settings.protect_minimum.get().into(),
        }
    }
}

impl TryFrom<pb::ServiceSettings> for ServiceSettings {
    type Error = InvalidField;

    fn try_from(message: pb::ServiceSettings) -> Result<Self, InvalidField> {
        Ok(Self {
            guard_share: GuardShare::from_percent(message.guard_share_percent).field("guard_share_percent")?,
            default_ttl: LeaseTtl::from_ms(message.default_ttl_ms).field("default_ttl_ms")?,
            protect_minimum: ProtectMinimum::try_from(message.protect_minimum).field("protect_minimum")?,
        })
    }
}

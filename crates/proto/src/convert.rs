//! Conversions between messages and the model: whoever holds a value of the model holds a valid one.
//!
//! An empty text of a message means that nothing is stated. An enum number or mode that this version does
//! not know is an error: guessing what a newer peer means would be worse than refusing it.

use quorate_model::{
    Availability, AvailabilitySet, Consistency, Epoch, Health, HealthSet, Include, InvalidValue, Liveness,
    MaxStaleness, OverrideKind, OverrideKinds, Renewal, Revision, Weight,
};
use tonic::Status;

use crate::{
    registry::{self as pb, consistency::Mode},
    status::Reason,
};

mod check;
pub(crate) mod field;
mod guard;
mod instance;
mod operator;
#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
pub(crate) mod tests;

pub use check::{checks, checks_to_wire};
pub use field::Field;
pub use guard::{guard_cause, guard_cause_to_wire, guard_scope, guard_scope_to_wire};
pub use operator::{override_to_wire, target, target_to_wire, token_of_target};
pub(crate) use {
    check::{check_states, verdict},
    instance::{holder, spec},
    operator::target_of_token,
};

/// A field of a message is not what it has to be; the message says which one and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidField {
    field: String,
    problem: InvalidValue,
}

// === impl InvalidField ===

impl InvalidField {
    /// `field`, as its path within the message (`endpoints[1].port`), has this `problem`.
    pub fn new(field: impl Into<String>, problem: InvalidValue) -> Self {
        let field = field.into();
        Self { field, problem }
    }

    /// A `field` that has to be there is not: `what` says what belongs there.
    pub fn missing(field: &'static str, what: &str) -> Self {
        Self::new(field, InvalidValue::new(field, format!("it is missing; give {what}")))
    }

    /// The path of the field within its message.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with its value.
    pub fn problem(&self) -> &InvalidValue {
        &self.problem
    }

    /// The same, seen from the message whose field `outer` holds the one with the field.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self::new(format!("{outer}.{}", self.field), self.problem)
    }
}

impl From<InvalidField> for Status {
    fn from(error: InvalidField) -> Self {
        Reason::InvalidArgument.status(error.to_string())
    }
}

/// The availability that a message states. It has to state one.
pub fn availability(number: i32) -> Result<Availability, InvalidField> {
    let refused =
        |found: &str| InvalidValue::new("availability", format!("{found}; use ENABLED, DRAINING or DISABLED"));
    match pb::Availability::try_from(number) {
        Ok(pb::Availability::Enabled) => Ok(Availability::Enabled),
        Ok(pb::Availability::Draining) => Ok(Availability::Draining),
        Ok(pb::Availability::Disabled) => Ok(Availability::Disabled),
        Ok(pb::Availability::Unspecified) => Err(refused("none is stated")),
        Err(_) => Err(refused(&format!("{number} is not known"))),
    }
    .field("availability")
}

/// The message's word for an availability.
pub const fn availability_to_wire(availability: Availability) -> pb::Availability {
    match availability {
        Availability::Enabled => pb::Availability::Enabled,
        Availability::Draining => pb::Availability::Draining,
        Availability::Disabled => pb::Availability::Disabled,
    }
}

/// The health that a message states.
pub fn health(number: i32) -> Result<Health, InvalidField> {
    match pb::Health::try_from(number) {
        Ok(pb::Health::Unknown) => Ok(Health::Unknown),
        Ok(pb::Health::Passing) => Ok(Health::Passing),
        Ok(pb::Health::Warning) => Ok(Health::Warning),
        Ok(pb::Health::Critical) => Ok(Health::Critical),
        Err(_) => Err(InvalidValue::new("health", format!("{number} is not known"))),
    }
    .field("health")
}

/// The message's word for a health.
pub const fn health_to_wire(health: Health) -> pb::Health {
    match health {
        Health::Passing => pb::Health::Passing,
        Health::Warning => pb::Health::Warning,
        Health::Critical => pb::Health::Critical,
        Health::Unknown => pb::Health::Unknown,
    }
}

/// The liveness that a message states.
pub fn liveness(number: i32) -> Result<Liveness, InvalidField> {
    match pb::Liveness::try_from(number) {
        Ok(pb::Liveness::Persistent) => Ok(Liveness::Persistent),
        Ok(pb::Liveness::Live) => Ok(Liveness::Live),
        Ok(pb::Liveness::Suspect) => Ok(Liveness::Suspect),
        Ok(pb::Liveness::Lapsed) => Ok(Liveness::Lapsed),
        Err(_) => Err(InvalidValue::new("liveness", format!("{number} is not known"))),
    }
    .field("liveness")
}

/// The message's word for a liveness.
pub const fn liveness_to_wire(liveness: Liveness) -> pb::Liveness {
    match liveness {
        Liveness::Persistent => pb::Liveness::Persistent,
        Liveness::Live => pb::Liveness::Live,
        Liveness::Suspect => pb::Liveness::Suspect,
        Liveness::Lapsed => pb::Liveness::Lapsed,
    }
}

/// What a renewal came to, as a message states it. It has to state it.
pub fn renewal(number: i32) -> Result<Renewal, InvalidField> {
    match pb::RenewalState::try_from(number) {
        Ok(pb::RenewalState::Live) => Ok(Renewal::Live),
        Ok(pb::RenewalState::Revived) => Ok(Renewal::Revived),
        Ok(pb::RenewalState::Unknown) => Ok(Renewal::Unknown),
        Ok(pb::RenewalState::Unspecified) | Err(_) => Err(InvalidValue::new(
            "state of a renewal",
            format!("{number} is not known"),
        )),
    }
    .field("state")
}

/// The message's word for what a renewal came to.
pub const fn renewal_to_wire(renewal: Renewal) -> pb::RenewalState {
    match renewal {
        Renewal::Live => pb::RenewalState::Live,
        Renewal::Revived => pb::RenewalState::Revived,
        Renewal::Unknown => pb::RenewalState::Unknown,
    }
}

/// How fresh a read is asked to be: stale if nothing is said.
pub fn consistency(message: Option<pb::Consistency>) -> Result<Consistency, InvalidField> {
    let Some(message) = message else {
        return Ok(Consistency::Stale);
    };
    match message.mode {
        Some(Mode::Stale(_)) => Ok(Consistency::Stale),
        Some(Mode::Linearizable(_)) => Ok(Consistency::Linearizable),
        Some(Mode::Bounded(bounded)) => {
            let max_staleness = MaxStaleness::from_ms(bounded.max_staleness_ms);
            let max_staleness = max_staleness.field("consistency.bounded.max_staleness_ms")?;
            Ok(Consistency::Bounded { max_staleness })
        }
        Some(Mode::AtLeast(seen)) => Ok(Consistency::AtLeast {
            epoch: (seen.epoch != 0).then(|| Epoch::new(seen.epoch)),
            revision: Revision::new(seen.revision),
        }),
        // A mode of a newer contract arrives as none at all.
        None => Err(InvalidField::missing(
            "consistency",
            "a mode that this version knows: stale, bounded, at_least or linearizable",
        )),
    }
}

/// The message for how fresh a read has to be.
pub fn consistency_to_wire(consistency: Consistency) -> pb::Consistency {
    let mode = match consistency {
        Consistency::Stale => Mode::Stale(pb::consistency::Stale {}),
        Consistency::Bounded { max_staleness } => Mode::Bounded(pb::consistency::Bounded {
            max_staleness_ms: max_staleness.as_ms(),
        }),
        Consistency::AtLeast { epoch, revision } => Mode::AtLeast(pb::consistency::AtLeast {
            epoch: epoch.map_or(0, Epoch::get),
            revision: revision.get(),
        }),
        Consistency::Linearizable => Mode::Linearizable(pb::consistency::Linearizable {}),
    };
    pb::Consistency { mode: Some(mode) }
}

/// Which instances a message asks for: the available ones if it does not say.
pub fn include(number: i32) -> Result<Include, InvalidField> {
    match pb::Include::try_from(number) {
        Ok(pb::Include::Unspecified | pb::Include::Available) => Ok(Include::Available),
        Ok(pb::Include::All) => Ok(Include::All),
        Err(_) => Err(InvalidValue::new(
            "include",
            format!("{number} is not known; use AVAILABLE or ALL"),
        )),
    }
    .field("include")
}

/// The message's word for which instances are asked for.
pub const fn include_to_wire(include: Include) -> pb::Include {
    match include {
        Include::Available => pb::Include::Available,
        Include::All => pb::Include::All,
    }
}

/// The health that a message asks for; empty leaves it open.
pub(crate) fn health_set(numbers: &[i32]) -> Result<HealthSet, InvalidField> {
    numbers.iter().map(|number| health(*number)).collect()
}

/// The availability that a message asks for; empty leaves it open.
pub(crate) fn availability_set(numbers: &[i32]) -> Result<AvailabilitySet, InvalidField> {
    numbers.iter().map(|number| availability(*number)).collect()
}

/// The kinds of overrides that a message names.
pub(crate) fn override_kinds(numbers: &[i32]) -> Result<OverrideKinds, InvalidField> {
    numbers.iter().map(|number| override_kind(*number)).collect()
}

fn override_kind(number: i32) -> Result<OverrideKind, InvalidField> {
    match pb::OverrideKind::try_from(number) {
        Ok(pb::OverrideKind::Disable) => Ok(OverrideKind::Disable),
        Ok(pb::OverrideKind::Weight) => Ok(OverrideKind::Weight),
        Ok(pb::OverrideKind::ZoneOut) => Ok(OverrideKind::ZoneOut),
        Ok(pb::OverrideKind::Unspecified) | Err(_) => {
            Err(InvalidValue::new("kind of override", format!("{number} is not known")))
        }
    }
    .field("overrides")
}

/// The message's word for a kind of override.
pub(crate) const fn override_kind_to_wire(kind: OverrideKind) -> pb::OverrideKind {
    match kind {
        OverrideKind::Disable => pb::OverrideKind::Disable,
        OverrideKind::Weight => pb::OverrideKind::Weight,
        OverrideKind::ZoneOut => pb::OverrideKind::ZoneOut,
    }
}

pub(crate) fn weight(stated: Option<u32>) -> Result<Option<Weight>, InvalidField> {
    stated.map(Weight::try_from).transpose().field("weight")
}

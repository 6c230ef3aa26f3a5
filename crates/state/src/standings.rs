//! How the instances of a service stand: under overrides, with their leases, and under guards.

use quorate_model::{Instance, Liveness, Standing};

use crate::{guards::ServiceGuards, overrides::ServiceOverrides};

/// What the instances of one service stand under: never changing, cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    overrides: ServiceOverrides,
    guards: ServiceGuards,
}

// === impl Standings ===

impl Standings {
    pub(crate) fn new(overrides: ServiceOverrides, guards: ServiceGuards) -> Self {
        Self { overrides, guards }
    }

    /// How an instance of the service stands.
    pub fn standing(&self, instance: &Instance) -> Standing {
        let zone = instance.spec().locality().zone.as_ref();
        let standing = self.overrides.standing(instance);
        match instance.lapse() {
            Some(lapse) if self.guards.cover(zone, lapse) => Standing {
                liveness: Liveness::Suspect,
                ..standing
            },
            Some(_) | None => standing,
        }
    }
}

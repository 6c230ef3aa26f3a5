//! How the instances of a service stand: under overrides, with their leases, and under guards.

use quorate_model::{Instance, Liveness, LogTime, Standing};

use crate::{guards::ServiceGuards, overrides::ServiceOverrides};

/// What the instances of one service stand under: never changing, cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    overrides: ServiceOverrides,
    guards: ServiceGuards,
    now: LogTime,
}

// === impl Standings ===

impl Standings {
    /// What they stand under at `now`.
    pub(crate) fn new(overrides: ServiceOverrides, guards: ServiceGuards, now: LogTime) -> Self {
        Self { overrides, guards, now }
    }

    /// How an instance of the service stands.
    pub fn standing(&self, instance: &Instance) -> Standing {
        let zone = instance.spec().locality().zone.as_ref();
        let mut standing = self.overrides.standing(instance);
        standing.drain_remaining_ms = instance.drains_until().map(|at| at.ms_since(self.now));
        match instance.lapse() {
            Some(lapse) if self.guards.cover(zone, lapse) => Standing {
                liveness: Liveness::Suspect,
                ..standing
            },
            Some(_) | None => standing,
        }
    }
}

//! The prober: makes the checks that this member is assigned, and tells of what has changed.
//!
//! It is given an immutable list of what to look at, which is swapped when the state changes, and looks at each at its
//! own pace. A check changes its mind after so many results in a row, and only then is anything told: the log grows
//! with what happens to instances and not with how often somebody looks.
//!
//! # Invariants
//!
//! - A result counts only if a quorum confirmed the leader of this member when the probe began and when it ended: whoever
//!   is cut off cannot tell its own trouble from that of others.
//! - A result for what is not on the list any more counts for nothing.
//! - Nothing is probed but the endpoints of an instance, and of these none in a network that the policy refuses,
//!   whatever name it has. Redirections are not followed.
//! - So many probes are under way at a time and no more, and what does not answer cannot take all of the places.

mod dial;
mod engine;
mod places;
mod policy;
mod probe;
mod schedule;
mod streak;
mod targets;
#[cfg(test)]
mod tests;
mod trust;

use std::{collections::BTreeMap, sync::Arc};

use quorate_model::{Check, CheckName, CheckOutput, Clock, Endpoint, Generation, Health, InstanceKey, Revision};
use quorate_model::{ServiceKey, Verdict};
use tokio::sync::watch;

use crate::{Policy, Tasks};
use engine::Engine;

pub use dial::Dial;
pub use policy::{Network, ProbePolicy};
pub use trust::{InvalidCertificates, Trust};

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The instance.
    pub(crate) key: InstanceKey,
    /// The life of its registration.
    pub(crate) generation: Generation,
    /// How it is looked at.
    pub(crate) check: Check,
    /// Where.
    pub(crate) endpoint: Endpoint,
    /// What follows so far from what was told of it.
    pub(crate) health: Health,
    /// What this member has told of it last, if it has.
    pub(crate) vote: Option<Verdict>,
}

/// What this member is to look at: of each service that has anything, the list. What has not changed is the same
/// allocation as before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assigned {
    /// The revision at which the members were named that share the work: results are told under it.
    pub(crate) revision: Revision,
    pub(crate) services: BTreeMap<ServiceKey, Arc<[Target]>>,
}

/// A change of what this member finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) key: InstanceKey,
    pub(crate) generation: Generation,
    pub(crate) check: CheckName,
    /// See [`Assigned::revision`].
    pub(crate) assignment: Revision,
    pub(crate) verdict: Verdict,
    /// What the last result was told with.
    pub(crate) output: CheckOutput,
}

/// What the prober needs of its member.
pub(crate) trait Host: Send + 'static {
    /// Whether a quorum has confirmed the leader of this member just now.
    fn confirmed(&self) -> bool;

    /// Takes a change to the cluster. It may be lost: whatever is still so when the next result is there is told again.
    fn report(&self, edge: Edge);
}

/// How probes reach what they look at.
#[derive(Debug, Clone)]
pub struct Probing {
    /// Opens connections.
    pub dial: Arc<dyn Dial>,
    /// What must not be reached.
    pub policy: ProbePolicy,
    /// Whose certificates are trusted where a check names none.
    pub trust: Trust,
}

/// What a prober is built from.
pub(crate) struct Parts<H> {
    pub(crate) assigned: watch::Receiver<Arc<Assigned>>,
    pub(crate) host: H,
    pub(crate) probing: Probing,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where its random numbers begin.
    pub(crate) seed: u64,
}

/// Starts the prober of this member.
pub(crate) fn start(parts: Parts<impl Host>, tasks: &Tasks) {
    tasks.spawn("prober", Policy::Essential, Engine::new(parts).run());
}

// === impl Target ===

impl Target {
    /// What is taken for so as far as this member has a say: what it has told last; what all together have found, if
    /// it has told nothing.
    fn known(&self) -> Health {
        self.vote.map_or(self.health, Health::from)
    }

    /// Whether this is the same work as the `other`, whatever was found.
    fn is_same_work(&self, other: &Self) -> bool {
        self.generation == other.generation && self.check == other.check && self.endpoint == other.endpoint
    }
}

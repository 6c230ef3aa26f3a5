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

mod desk;
mod dial;
mod engine;
mod feed;
mod places;
mod policy;
mod probe;
mod rota;
mod schedule;
mod streak;
mod targets;
#[cfg(test)]
mod tests;
mod trust;

use std::{collections::BTreeMap, sync::Arc};

use quorate_consensus::Consensus;
use quorate_model::{
    Check, CheckName, CheckOutput, Clock, Endpoint, Generation, Health, Instance, InstanceKey, Revision, ServiceKey,
    Verdict,
};
use tokio::sync::watch;

use crate::{Policy, Tasks, read::Reader};
use engine::Engine;
use probe::Prober;

pub use dial::Dial;
pub use policy::{Network, ProbePolicy};
pub use trust::{InvalidCertificates, Trust};

/// Something to look at: a check of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    instance: Arc<Instance>,
    /// The place of the check among those of the instance.
    place: usize,
    /// What this member has told of it last, if it has.
    vote: Option<Verdict>,
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

/// What a member makes its checks with.
pub(crate) struct Parts {
    pub(crate) consensus: Consensus,
    pub(crate) reader: Reader<Consensus>,
    pub(crate) probing: Probing,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where its random numbers begin.
    pub(crate) seed: u64,
}

/// Starts all that it takes for this member to make its share of the checks.
pub(crate) fn start(parts: Parts, tasks: &Tasks) {
    let Parts {
        consensus,
        reader,
        probing,
        clock,
        seed,
    } = parts;
    let own = consensus.identity().member_id;
    let (lists, assigned) = watch::channel(Arc::default());
    let desk = desk::open(own, consensus.clone(), reader, Arc::clone(&clock), tasks);
    let engine = Engine::new(
        assigned,
        desk,
        Prober::new(probing, Arc::clone(&clock)),
        Arc::clone(&clock),
        seed,
    );
    tasks.spawn("prober", Policy::Essential, engine.run());
    tasks.spawn(
        "check-feed",
        Policy::Essential,
        feed::run(own, consensus.clone(), lists),
    );
    rota::start(own, consensus, clock, tasks);
}

// === impl Target ===

impl Target {
    /// The check.
    fn check(&self) -> &Check {
        &self.instance.spec().checks().as_slice()[self.place]
    }

    /// Where it is made.
    fn endpoint(&self) -> &Endpoint {
        let place = usize::from(self.check().endpoint.get());
        &self.instance.spec().endpoints().as_slice()[place]
    }

    /// What is taken for so as far as this member has a say: what it has told last; what all together have found, if
    /// it has told nothing.
    fn known(&self) -> Health {
        let found = self.instance.check_states()[self.place].health;
        self.vote.map_or(found, Health::from)
    }

    /// Whether this is the same work as the `other`, whatever was found.
    fn is_same_work(&self, other: &Self) -> bool {
        self.instance.generation() == other.instance.generation()
            && self.check() == other.check()
            && self.endpoint() == other.endpoint()
    }
}

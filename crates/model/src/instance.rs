//! An instance as the catalog knows it.

use crate::{
    Availability, Check, CheckState, Generation, Health, InstanceKey, InstanceSpec, Lapse, LeaseId, Liveness, LogTime,
    Revision, names::share, worst_of,
};

/// The parts of an [`Instance`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceParts {
    /// What it is found by.
    pub key: InstanceKey,
    /// What its registrant states.
    pub spec: InstanceSpec,
    /// What is intended for it.
    pub availability: Availability,
    /// The revision since which its id has been there without a break.
    pub create_revision: Revision,
    /// The revision of its last change.
    pub modify_revision: Revision,
    /// The present life of the registration.
    pub generation: Generation,
    /// Wall-clock milliseconds since the Unix epoch at which this generation began; for display only.
    pub registered_at_ms: u64,
    /// The lease that keeps it; none, if it stays until it is taken out.
    pub lease: Option<LeaseId>,
    /// That its lease has lapsed, if it has.
    pub lapse: Option<Lapse>,
    /// When it has drained: then it is disabled. Only while it is draining.
    pub drains_until: Option<LogTime>,
    /// What its checks have found: one for each, in their order. Where one is missing, nothing is known.
    pub checks: Box<[CheckState]>,
}

/// A registered instance: what its registrant states, and what the cluster adds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Instance(InstanceParts);

// === impl Instance ===

impl Instance {
    /// Puts the parts together.
    pub fn new(mut parts: InstanceParts) -> Self {
        let count = parts.spec.checks().len();
        if parts.checks.len() != count {
            let mut states = parts.checks.into_vec();
            states.resize_with(count, CheckState::unknown);
            parts.checks = states.into();
        }
        Self(parts)
    }

    /// The parts.
    #[must_use]
    pub fn into_parts(self) -> InstanceParts {
        self.0
    }

    /// Takes the texts of `like`, an instance of the same service, in place of equal ones of its own: they resemble
    /// each other, and what a million of them have in common need not be kept a million times. Changes nothing
    /// that can be seen.
    #[must_use]
    pub fn sharing_texts(mut self, like: &Self) -> Self {
        let (own, other) = (&mut self.0, &like.0);
        share(&mut own.key.namespace, &other.key.namespace);
        share(&mut own.key.service, &other.key.service);
        own.spec.share_texts(&other.spec);
        self
    }

    /// What it is found by.
    pub fn key(&self) -> &InstanceKey {
        &self.0.key
    }

    /// What its registrant states.
    pub fn spec(&self) -> &InstanceSpec {
        &self.0.spec
    }

    /// What is intended for it.
    pub fn availability(&self) -> Availability {
        self.0.availability
    }

    /// The revision since which its id has been there without a break.
    pub fn create_revision(&self) -> Revision {
        self.0.create_revision
    }

    /// The revision of its last change.
    pub fn modify_revision(&self) -> Revision {
        self.0.modify_revision
    }

    /// The present life of the registration.
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// Wall-clock milliseconds since the Unix epoch at which this generation began; for display only.
    pub fn registered_at_ms(&self) -> u64 {
        self.0.registered_at_ms
    }

    /// The lease that keeps it; none, if it stays until it is taken out.
    pub fn lease(&self) -> Option<LeaseId> {
        self.0.lease
    }

    /// That its lease has lapsed, if it has.
    pub fn lapse(&self) -> Option<&Lapse> {
        self.0.lapse.as_ref()
    }

    /// When it has drained, if it is draining with an end.
    pub fn drains_until(&self) -> Option<LogTime> {
        self.0.drains_until
    }

    /// Whether the process behind it is known to live, as far as no guard has a say in it.
    pub fn liveness(&self) -> Liveness {
        match (self.0.lease, &self.0.lapse) {
            (None, _) => Liveness::Persistent,
            (Some(_), None) => Liveness::Live,
            (Some(_), Some(_)) => Liveness::Lapsed,
        }
    }

    /// Its checks, and what each has found.
    pub fn checks(&self) -> impl ExactSizeIterator<Item = (&Check, &CheckState)> {
        self.0.spec.checks().iter().zip(&self.0.checks)
    }

    /// What its checks have found: one for each, in their order.
    pub fn check_states(&self) -> &[CheckState] {
        &self.0.checks
    }

    /// What is observed of it: the worst that a check has found, and passing if it has none.
    pub fn health(&self) -> Health {
        worst_of(self.0.checks.iter().map(|state| state.health))
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::{Endpoint, Endpoints, Generation, Metadata, SpecParts, Tags};

    fn instance(id: &str, version: &str, metadata: [(&str, &str); 2]) -> Instance {
        let endpoint = Endpoint {
            address: "web.example".parse().unwrap(),
            port: "80".parse().unwrap(),
            protocol: Some("grpc".parse().unwrap()),
        };
        let spec = InstanceSpec::new(SpecParts {
            version: Some(version.parse().unwrap()),
            metadata: Metadata::parse(metadata).unwrap(),
            tags: Tags::parse(["t"]).unwrap(),
            ..SpecParts::new(Endpoints::from(endpoint))
        });
        Instance::new(InstanceParts {
            key: InstanceKey {
                namespace: "default".parse().unwrap(),
                service: "web".parse().unwrap(),
                id: id.parse().unwrap(),
            },
            spec: spec.unwrap(),
            availability: Availability::Enabled,
            create_revision: Revision::new(1),
            modify_revision: Revision::new(1),
            generation: Generation::new(1),
            registered_at_ms: 0,
            lease: None,
            lapse: None,
            drains_until: None,
            checks: Box::default(),
        })
    }

    #[test]
    fn equal_texts_are_kept_once_and_nothing_else_changes() {
        let like = instance("a", "1", [("env", "prod"), ("team", "a")]);
        let alone = instance("b", "2", [("env", "prod"), ("team", "b")]);
        let shared = alone.clone().sharing_texts(&like);
        assert_eq!(shared, alone);

        let same = |one: &str, other: &str| ptr::eq(one.as_ptr(), other.as_ptr());
        assert!(same(shared.key().service.as_str(), like.key().service.as_str()));
        let entries: Vec<_> = shared.spec().metadata().iter().zip(like.spec().metadata()).collect();
        let (env, team) = (entries[0], entries[1]);
        assert!(same(env.0.0.as_str(), env.1.0.as_str()) && same(env.0.1.as_str(), env.1.1.as_str()));
        assert!(same(team.0.0.as_str(), team.1.0.as_str()) && !same(team.0.1.as_str(), team.1.1.as_str()));
    }
}

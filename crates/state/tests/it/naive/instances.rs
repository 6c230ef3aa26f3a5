//! Instances, as simply as can be.

use std::sync::Arc;

use quorate_model::{Availability, Generation, Instance, InstanceKey, InstanceParts, InstanceSpec, Revision};
use quorate_state::{Change, Effect, Event, Mutated, Mutation, Rejection, Takeover};

use super::Naive;

type Done = Result<(Mutated, Vec<Event>), Rejection>;

fn shared(parts: &InstanceParts) -> Arc<Instance> {
    Arc::new(Instance::new(parts.clone()))
}

impl Naive {
    pub(super) fn mutate(&mut self, now: Revision, mutation: &Mutation) -> Done {
        match mutation {
            Mutation::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            } => self.register(now, key, spec, *takeover, *registered_at_ms),
            Mutation::Update { key, generation, patch } => self.change(now, key, *generation, |instance| {
                let spec = instance.spec.patched(patch).expect("samples are small");
                (instance.spec != spec).then(|| instance.spec = spec)
            }),
            Mutation::SetAvailability {
                key,
                availability,
                generation,
            } => {
                let (outcome, events) = self.change(now, key, *generation, |instance| {
                    (instance.availability != *availability).then(|| instance.availability = *availability)
                })?;
                Ok((as_availability_set(outcome), events))
            }
            Mutation::Deregister { key, generation } => self.deregister(key, *generation),
        }
    }

    fn register(
        &mut self,
        now: Revision,
        key: &InstanceKey,
        spec: &InstanceSpec,
        takeover: Takeover,
        registered_at_ms: u64,
    ) -> Done {
        let fresh = InstanceParts {
            key: key.clone(),
            spec: spec.clone(),
            availability: Availability::Enabled,
            create_revision: now,
            modify_revision: now,
            generation: now.into(),
            registered_at_ms,
        };
        let Some(index) = self.instances.iter().position(|instance| instance.key == *key) else {
            let event = Event::Put {
                instance: shared(&fresh),
                previous: None,
            };
            let outcome = registered(&fresh, Change::Created);
            self.instances.push(fresh);
            return Ok((outcome, vec![event]));
        };
        let old = self.instances[index].clone();
        let same_owner = old.spec.holder().owner == spec.holder().owner;
        let same_incarnation = old.spec.holder().incarnation == spec.holder().incarnation;
        let (next, change) = if same_owner && same_incarnation {
            if old.spec == *spec {
                return Ok((registered(&old, Change::Unchanged), vec![]));
            }
            let next = InstanceParts {
                spec: spec.clone(),
                modify_revision: now,
                ..old.clone()
            };
            (next, Change::Updated)
        } else if same_owner || takeover == Takeover::Allowed {
            let next = InstanceParts {
                availability: old.availability,
                create_revision: old.create_revision,
                ..fresh
            };
            (
                next,
                if same_owner {
                    Change::Restarted
                } else {
                    Change::TakenOver
                },
            )
        } else {
            let owner = old.spec.holder().owner.clone();
            return Err(Rejection::AlreadyExists { owner });
        };
        let event = Event::Put {
            instance: shared(&next),
            previous: Some(shared(&old)),
        };
        let outcome = registered(&next, change);
        self.instances[index] = next;
        Ok((outcome, vec![event]))
    }

    fn change(
        &mut self,
        now: Revision,
        key: &InstanceKey,
        generation: Option<Generation>,
        change: impl FnOnce(&mut InstanceParts) -> Option<()>,
    ) -> Done {
        let Some(instance) = self.instances.iter_mut().find(|instance| instance.key == *key) else {
            return Err(Rejection::NotFound);
        };
        let current = instance.generation;
        if generation.is_some_and(|stated| stated != current) {
            return Err(Rejection::StaleGeneration { current });
        }
        let previous = shared(instance);
        let effect = match change(instance) {
            None => Effect::Unchanged,
            Some(()) => Effect::Changed,
        };
        let mut events = vec![];
        if effect == Effect::Changed {
            instance.modify_revision = now;
            events.push(Event::Put {
                instance: shared(instance),
                previous: Some(previous),
            });
        }
        let outcome = Mutated::Updated {
            generation: instance.generation,
            revision: instance.modify_revision,
            effect,
        };
        Ok((outcome, events))
    }

    fn deregister(&mut self, key: &InstanceKey, generation: Option<Generation>) -> Done {
        let Some(index) = self.instances.iter().position(|instance| instance.key == *key) else {
            return Ok((Mutated::Deregistered { existed: false }, vec![]));
        };
        let current = self.instances[index].generation;
        if generation.is_some_and(|stated| stated != current) {
            return Err(Rejection::StaleGeneration { current });
        }
        let previous = shared(&self.instances.remove(index));
        Ok((
            Mutated::Deregistered { existed: true },
            vec![Event::Delete { previous }],
        ))
    }
}

fn registered(instance: &InstanceParts, change: Change) -> Mutated {
    Mutated::Registered {
        generation: instance.generation,
        revision: instance.modify_revision,
        change,
    }
}

fn as_availability_set(outcome: Mutated) -> Mutated {
    if let Mutated::Updated {
        generation,
        revision,
        effect,
    } = outcome
    {
        return Mutated::AvailabilitySet {
            generation,
            revision,
            effect,
        };
    }
    outcome
}

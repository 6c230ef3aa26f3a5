//! The rules once more, as simply as can be: vectors, searched from end to end.

use std::sync::Arc;

use quorate_model::{
    Availability, ClusterId, Epoch, Generation, Instance, InstanceKey, InstanceParts, InstanceSpec, MemberId, Revision,
};
use quorate_state::{Change, Command, Effect, Event, Outcome, Rejection, Takeover};

#[derive(Debug, Default)]
pub(crate) struct Naive {
    pub(crate) founded: Option<(ClusterId, Epoch)>,
    pub(crate) last_member: u64,
    /// Member ids and their nonces, the oldest first.
    pub(crate) nonces: Vec<(u64, u128)>,
    pub(crate) instances: Vec<InstanceParts>,
}

type Done = (Outcome, Vec<Event>);

fn rejected(rejection: Rejection) -> Done {
    (Outcome::Rejected(rejection), vec![])
}

fn shared(parts: &InstanceParts) -> Arc<Instance> {
    Arc::new(Instance::new(parts.clone()))
}

impl Naive {
    pub(crate) fn get(&self, key: &InstanceKey) -> Option<&InstanceParts> {
        self.instances.iter().find(|instance| instance.key == *key)
    }

    pub(crate) fn apply(&mut self, revision: u64, command: &Command) -> Done {
        let now = Revision::new(revision);
        if let Command::Found { cluster_id, epoch } = command {
            return self.found((*cluster_id, *epoch));
        }
        if self.founded.is_none() {
            return rejected(Rejection::NotFounded);
        }
        match command {
            Command::Found { .. } => unreachable!("handled above"),
            Command::AllocateMember { nonce } => self.allocate(nonce.get()),
            Command::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            } => self.register(now, key, spec, *takeover, *registered_at_ms),
            Command::Update { key, generation, patch } => self.change(now, key, *generation, |instance| {
                let spec = instance.spec.patched(patch).expect("samples are small");
                (instance.spec != spec).then(|| instance.spec = spec)
            }),
            Command::SetAvailability {
                key,
                availability,
                generation,
            } => {
                let (outcome, events) = self.change(now, key, *generation, |instance| {
                    (instance.availability != *availability).then(|| instance.availability = *availability)
                });
                (as_availability_set(outcome), events)
            }
            Command::Deregister { key, generation } => self.deregister(key, *generation),
        }
    }

    fn found(&mut self, identity: (ClusterId, Epoch)) -> Done {
        let found = *self.founded.get_or_insert(identity);
        if found != identity {
            return rejected(Rejection::AlreadyFounded { cluster_id: found.0 });
        }
        self.last_member = self.last_member.max(1);
        (Outcome::Founded, vec![])
    }

    fn allocate(&mut self, nonce: u128) -> Done {
        let known = self.nonces.iter().find(|known| known.1 == nonce).map(|known| known.0);
        let id = known.unwrap_or_else(|| {
            self.last_member += 1;
            self.nonces.push((self.last_member, nonce));
            self.last_member
        });
        let id = MemberId::try_from(id).expect("ids start at 1");
        (Outcome::MemberAllocated(id), vec![])
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
            return (outcome, vec![event]);
        };
        let old = self.instances[index].clone();
        let same_owner = old.spec.holder().owner == spec.holder().owner;
        let same_incarnation = old.spec.holder().incarnation == spec.holder().incarnation;
        let (next, change) = if same_owner && same_incarnation {
            if old.spec == *spec {
                return (registered(&old, Change::Unchanged), vec![]);
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
            return rejected(Rejection::AlreadyExists { owner });
        };
        let event = Event::Put {
            instance: shared(&next),
            previous: Some(shared(&old)),
        };
        let outcome = registered(&next, change);
        self.instances[index] = next;
        (outcome, vec![event])
    }

    fn change(
        &mut self,
        now: Revision,
        key: &InstanceKey,
        generation: Option<Generation>,
        change: impl FnOnce(&mut InstanceParts) -> Option<()>,
    ) -> Done {
        let Some(instance) = self.instances.iter_mut().find(|instance| instance.key == *key) else {
            return rejected(Rejection::NotFound);
        };
        let current = instance.generation;
        if generation.is_some_and(|stated| stated != current) {
            return rejected(Rejection::StaleGeneration { current });
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
        let outcome = Outcome::Updated {
            generation: instance.generation,
            revision: instance.modify_revision,
            effect,
        };
        (outcome, events)
    }

    fn deregister(&mut self, key: &InstanceKey, generation: Option<Generation>) -> Done {
        let Some(index) = self.instances.iter().position(|instance| instance.key == *key) else {
            return (Outcome::Deregistered { existed: false }, vec![]);
        };
        let current = self.instances[index].generation;
        if generation.is_some_and(|stated| stated != current) {
            return rejected(Rejection::StaleGeneration { current });
        }
        let previous = shared(&self.instances.remove(index));
        (
            Outcome::Deregistered { existed: true },
            vec![Event::Delete { previous }],
        )
    }
}

fn registered(instance: &InstanceParts, change: Change) -> Outcome {
    Outcome::Registered {
        generation: instance.generation,
        revision: instance.modify_revision,
        change,
    }
}

fn as_availability_set(outcome: Outcome) -> Outcome {
    if let Outcome::Updated {
        generation,
        revision,
        effect,
    } = outcome
    {
        return Outcome::AvailabilitySet {
            generation,
            revision,
            effect,
        };
    }
    outcome
}

//! Instances, as simply as can be.

use std::sync::Arc;

use quorate_model::{
    Availability, Generation, Instance, InstanceKey, InstanceParts, InstanceSpec, Lifetime, LogTime, Revision,
};
use quorate_state::{Change, Effect, Event, Mutated, Mutation, Rejection, Takeover};

use super::{Naive, checks::carried, leases::Keeper};

pub(super) type Done = Result<(Mutated, Vec<Event>), Rejection>;

pub(super) fn shared(parts: &InstanceParts) -> Arc<Instance> {
    Arc::new(Instance::new(parts.clone()))
}

impl Naive {
    pub(super) fn mutate(&mut self, now: Revision, mutation: &Mutation) -> Done {
        match mutation {
            Mutation::Register {
                key,
                spec,
                takeover,
                lifetime,
                registered_at_ms,
            } => self.register(now, key, spec, *takeover, *lifetime, *registered_at_ms),
            Mutation::Update { key, generation, patch } => {
                let unfit = self.unfit(key, patch);
                let done = self.change(now, key, *generation, |instance| {
                    let spec = instance.spec.patched(patch);
                    let spec = spec.ok().filter(|_| unfit.is_none())?;
                    (instance.spec != spec).then(|| instance.spec = spec)
                })?;
                unfit.map_or(Ok(done), Err)
            }
            Mutation::ReportCheck {
                key,
                generation,
                check,
                verdict,
                output,
            } => self.report_check(now, key, *generation, check, (*verdict, output)),
            Mutation::SetAvailability {
                key,
                availability,
                drain,
                generation,
            } => {
                let end = drain.map(|time| LogTime::from_ms(self.log_time_ms).plus_ms(time.as_ms()));
                let end = end.filter(|_| *availability == Availability::Draining);
                let (outcome, events) = self.change(now, key, *generation, |instance| {
                    let next = (*availability, end);
                    let is_same = (instance.availability, instance.drains_until) == next;
                    (!is_same).then(|| (instance.availability, instance.drains_until) = next)
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
        lifetime: Lifetime,
        registered_at_ms: u64,
    ) -> Done {
        let spec = self.in_name_of_its_lease(spec, lifetime)?;
        let place = self.instances.iter().position(|instance| instance.key == *key);
        let old = place.map(|place| self.instances[place].clone());
        let change = match &old {
            None => Change::Created,
            Some(old) => change(old, &spec, takeover)?,
        };
        let goes_on = old.clone().filter(|_| change == Change::Updated);
        let keeper = self.keeper(goes_on.as_ref(), lifetime)?;
        if let Some(old) = &goes_on
            && old.spec == spec
            && keeper.is(old.lease)
        {
            return Ok((registered(old, Change::Unchanged), vec![]));
        }
        let lease = match keeper {
            Keeper::Nobody => None,
            Keeper::Lease(id) => Some(id),
            Keeper::New(ttl) => Some(self.make_own_lease(now, &spec, ttl, registered_at_ms)?),
        };
        let checks = carried(goes_on.as_ref(), &spec);
        let next = InstanceParts {
            key: key.clone(),
            checks,
            spec,
            availability: old.as_ref().map_or(Availability::Enabled, |old| old.availability),
            create_revision: old.as_ref().map_or(now, |old| old.create_revision),
            modify_revision: now,
            generation: goes_on.as_ref().map_or(now.into(), |old| old.generation),
            registered_at_ms: goes_on.as_ref().map_or(registered_at_ms, |old| old.registered_at_ms),
            lease,
            lapse: None,
            drains_until: old.as_ref().and_then(|old| old.drains_until),
        };
        let event = Event::Put {
            instance: shared(&next),
            previous: old.as_ref().map(shared),
        };
        let outcome = registered(&next, change);
        match place {
            None => self.instances.push(next),
            Some(place) => self.instances[place] = next,
        }
        self.drop_own_leases_that_keep_nothing();
        Ok((outcome, vec![event]))
    }

    pub(super) fn change(
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
        self.drop_own_leases_that_keep_nothing();
        Ok((
            Mutated::Deregistered { existed: true },
            vec![Event::Delete { previous }],
        ))
    }
}

/// What a registration makes of the one that has the id: an update where it goes on.
fn change(old: &InstanceParts, spec: &InstanceSpec, takeover: Takeover) -> Result<Change, Rejection> {
    let lives = old.lapse.is_none();
    let (was, is) = (old.spec.holder(), spec.holder());
    if was.owner == is.owner {
        let goes_on = lives && was.incarnation == is.incarnation;
        return Ok(if goes_on { Change::Updated } else { Change::Restarted });
    }
    if lives && takeover == Takeover::Forbidden {
        let owner = was.owner.clone();
        return Err(Rejection::AlreadyExists { owner });
    }
    Ok(Change::TakenOver)
}

fn registered(instance: &InstanceParts, change: Change) -> Mutated {
    Mutated::Registered {
        generation: instance.generation,
        revision: instance.modify_revision,
        change,
        lease: instance.lease,
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

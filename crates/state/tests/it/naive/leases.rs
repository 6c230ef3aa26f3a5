//! Leases and what is kept for them, as simply as can be.

use quorate_model::{
    GuardScope, Holder, InstanceKey, InstanceParts, InstanceSpec, Lapse, Leadership, Lease, LeaseId, LeaseKind,
    LeaseTtl, Lifetime, LogTime, RemoveAfter, RequestKey, Revision,
};
use quorate_state::{Effect, Event, ItemOutcome, Lapsed, Limit, Mutation, Outcome, Rejection};

use super::{Done, Naive, NaiveKept, NaiveLease, guards::scopes_of, instances::shared, rejected};
use crate::samples::LEADERSHIP;

/// What is to keep a registration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keeper {
    Nobody,
    Lease(LeaseId),
    /// A lease that is still to be made.
    New(LeaseTtl),
}

impl Keeper {
    pub(super) fn is(self, lease: Option<LeaseId>) -> bool {
        match self {
            Self::Nobody => lease.is_none(),
            Self::Lease(id) => lease == Some(id),
            Self::New(_) => false,
        }
    }
}

fn timeless(mutation: &Mutation) -> Mutation {
    let mut mutation = mutation.clone();
    if let Mutation::Register { registered_at_ms, .. } = &mut mutation {
        *registered_at_ms = 0;
    }
    mutation
}

impl Naive {
    pub(super) fn grant(&mut self, lease: Lease) -> Done {
        let same = |held: &&NaiveLease| {
            held.lease.kind == LeaseKind::Granted
                && (&held.lease.owner, held.lease.incarnation) == (&lease.owner, lease.incarnation)
        };
        let granted = |lease: &Lease, effect| Outcome::LeaseGranted {
            id: lease.id,
            ttl: lease.ttl,
            remove_after: lease.remove_after,
            effect,
        };
        if let Some(held) = self.leases.iter().find(same) {
            return (granted(&held.lease, Effect::Unchanged), vec![]);
        }
        let outcome = granted(&lease, Effect::Changed);
        self.hold(lease);
        (outcome, vec![])
    }

    fn hold(&mut self, lease: Lease) {
        self.granted.push(lease.id.get());
        self.leases.push(NaiveLease {
            last_used: lease.id.get(),
            changed: lease.id.get(),
            lease,
            window_start: 1,
            lapsed: None,
        });
    }

    pub(super) fn revoke(&mut self, now: Revision, id: LeaseId) -> Done {
        let existed = self.held(id).is_some();
        let events = self.end(id);
        (Outcome::LeaseRevoked { existed }, self.settled(now, events))
    }

    pub(super) fn held(&self, id: LeaseId) -> Option<&NaiveLease> {
        self.leases.iter().find(|held| held.lease.id == id)
    }

    /// The keys of what a lease keeps, in order.
    pub(super) fn kept_by(&self, id: LeaseId) -> Vec<InstanceKey> {
        let kept = self.instances.iter().filter(|instance| instance.lease == Some(id));
        let mut keys: Vec<_> = kept.map(|instance| instance.key.clone()).collect();
        keys.sort();
        keys
    }

    /// Ends a lease with all that it keeps.
    pub(super) fn end(&mut self, id: LeaseId) -> Vec<Event> {
        let events = self.kept_by(id).into_iter().map(|key| {
            let place = self.instances.iter().position(|instance| instance.key == key);
            let gone = self.instances.remove(place.expect("it is there"));
            let previous = shared(&gone);
            Event::Delete { previous }
        });
        let events = events.collect();
        self.leases.retain(|held| held.lease.id != id);
        self.forget_outcomes_without_a_lease();
        events
    }

    pub(super) fn drop_own_leases_that_keep_nothing(&mut self) {
        let instances = &self.instances;
        self.leases.retain(|held| {
            let keeps = || instances.iter().any(|instance| instance.lease == Some(held.lease.id));
            held.lease.kind == LeaseKind::Granted || keeps()
        });
        self.forget_outcomes_without_a_lease();
    }

    fn forget_outcomes_without_a_lease(&mut self) {
        let leases = &self.leases;
        self.kept
            .retain(|kept| leases.iter().any(|held| held.lease.id.get() == kept.lease));
    }

    /// What is stated, with the holder of the lease that is to keep it.
    pub(super) fn in_name_of_its_lease(
        &self,
        spec: &InstanceSpec,
        lifetime: Lifetime,
    ) -> Result<InstanceSpec, Rejection> {
        let Lifetime::Lease(id) = lifetime else {
            return Ok(spec.clone());
        };
        let lease = &self.held(id).ok_or(Rejection::LeaseNotFound)?.lease;
        let mut parts = spec.clone().into_parts();
        let stated = std::mem::replace(
            &mut parts.holder,
            Holder {
                owner: lease.owner.clone(),
                incarnation: Some(lease.incarnation),
            },
        );
        if stated != parts.holder && stated != Holder::default() {
            let reason = "the owner or the incarnation is another one than that of the lease: leave both out";
            return Err(Rejection::Invalid { reason: reason.into() });
        }
        Ok(InstanceSpec::new(parts).expect("samples are small"))
    }

    /// What is to keep a registration.
    pub(super) fn keeper(&self, goes_on: Option<&InstanceParts>, lifetime: Lifetime) -> Result<Keeper, Rejection> {
        match lifetime {
            Lifetime::Persistent => Ok(Keeper::Nobody),
            Lifetime::Lease(id) => match self.held(id).ok_or(Rejection::LeaseNotFound)?.lapsed {
                None => Ok(Keeper::Lease(id)),
                Some(_) => Err(Rejection::LeaseLapsed),
            },
            Lifetime::Ttl(ttl) => {
                let own = goes_on.and_then(|old| self.held(old.lease?));
                let same = own.filter(|held| held.lease.kind == LeaseKind::Own && held.lease.ttl == ttl);
                Ok(same.map_or(Keeper::New(ttl), |held| Keeper::Lease(held.lease.id)))
            }
        }
    }

    pub(super) fn make_own_lease(
        &mut self,
        now: Revision,
        spec: &InstanceSpec,
        ttl: LeaseTtl,
        granted_at_ms: u64,
    ) -> Result<LeaseId, Rejection> {
        if self.held(now.into()).is_some() {
            let limit = Limit::Leases;
            return Err(Rejection::LimitExceeded { limit });
        }
        let holder = spec.holder();
        self.hold(Lease {
            id: now.into(),
            owner: holder.owner.clone(),
            incarnation: holder.incarnation.unwrap_or(now.get().try_into().expect("not 0")),
            ttl,
            remove_after: RemoveAfter::of(ttl),
            kind: LeaseKind::Own,
            granted_at_ms,
        });
        Ok(now.into())
    }

    pub(super) fn lapse(&mut self, now: Revision, by: Leadership, leases: &[(LeaseId, Revision)]) -> Done {
        let (mut events, mut scopes, mut count) = (vec![], vec![], 0);
        for (id, since) in leases.iter().filter(|_| by == LEADERSHIP) {
            let lives = |held: &&NaiveLease| held.changed == since.get() && held.lapsed.is_none();
            let Some(lease) = self.held(*id).filter(lives).map(|held| held.lease.clone()) else {
                continue;
            };
            let at = LogTime::from_ms(self.log_time_ms);
            let lapse = Lapse {
                revision: now,
                at,
                recent_until: at.plus_ms(lease.ttl.as_ms()),
            };
            let expires_at = at.plus_ms(lease.remove_after.as_ms());
            events.extend(self.stand(now, *id, Some(Lapsed { lapse, expires_at }), &mut scopes));
            count += 1;
        }
        scopes.sort();
        scopes.dedup();
        let raised: Vec<_> = scopes
            .iter()
            .filter_map(|scope| self.raise_if_needed(now, scope))
            .collect();
        events.extend(raised);
        (Outcome::LeasesLapsed { count }, events)
    }

    pub(super) fn revive(&mut self, now: Revision, by: Leadership, leases: &[(LeaseId, Revision)]) -> Done {
        let (mut events, mut count) = (vec![], 0);
        for (id, lapse) in leases.iter().filter(|_| by == LEADERSHIP) {
            let lapsed = self.held(*id).and_then(|held| held.lapsed);
            if lapsed.is_some_and(|lapsed| lapsed.lapse.revision == *lapse) {
                events.extend(self.stand(now, *id, None, &mut vec![]));
                count += 1;
            }
        }
        (Outcome::LeasesRevived { count }, self.settled(now, events))
    }

    /// Notes how a lease stands, here and in what it keeps, and in which scopes that is.
    fn stand(
        &mut self,
        now: Revision,
        id: LeaseId,
        lapsed: Option<Lapsed>,
        scopes: &mut Vec<GuardScope>,
    ) -> Vec<Event> {
        let held = self.leases.iter_mut().find(|held| held.lease.id == id);
        let held = held.expect("it is there");
        (held.changed, held.lapsed) = (now.get(), lapsed);
        let events = self.kept_by(id).into_iter().map(|key| {
            let found = self.instances.iter_mut().find(|instance| instance.key == key);
            let instance = found.expect("it is there");
            let previous = Some(shared(instance));
            (instance.modify_revision, instance.lapse) = (now, lapsed.map(|lapsed| lapsed.lapse));
            scopes.extend(scopes_of(instance));
            let instance = shared(instance);
            Event::Put { instance, previous }
        });
        events.collect()
    }

    pub(super) fn batch(&mut self, now: Revision, key: Option<&RequestKey>, items: &[(u32, Mutation)]) -> Done {
        if let Some(key) = key
            && let Err(rejection) = self.admit(key)
        {
            return rejected(rejection);
        }
        let mut events = vec![];
        let mut outcomes = vec![];
        for (part, mutation) in items {
            outcomes.push(self.item(now, key, *part, mutation, &mut events));
        }
        (Outcome::Batch(outcomes), self.settled(now, events))
    }

    fn admit(&mut self, key: &RequestKey) -> Result<(), Rejection> {
        let held = self.leases.iter_mut().find(|held| held.lease.id == key.lease());
        let held = held.ok_or(Rejection::LeaseNotFound)?;
        let (sequence, lease) = (key.sequence().get(), key.lease().get());
        if sequence < held.window_start {
            let window_start = held.window_start.try_into().expect("not 0");
            return Err(Rejection::SequenceTooOld { window_start });
        }
        let start = key
            .acked_below()
            .get()
            .max(sequence.saturating_sub(1_023))
            .max(held.window_start);
        held.window_start = start;
        self.kept.retain(|kept| kept.lease != lease || kept.sequence >= start);
        Ok(())
    }

    fn item(
        &mut self,
        now: Revision,
        key: Option<&RequestKey>,
        part: u32,
        mutation: &Mutation,
        events: &mut Vec<Event>,
    ) -> ItemOutcome {
        let place = key.map(|key| (key.lease().get(), key.sequence().get()));
        let timeless = timeless(mutation);
        let known = self
            .kept
            .iter()
            .find(|kept| Some((kept.lease, kept.sequence)) == place && kept.part == part);
        match known {
            Some(kept) if kept.mutation == timeless => return kept.outcome.clone(),
            Some(_) => return Err(Rejection::KeyReused),
            None => {}
        }
        if let Some((lease, _)) = place {
            self.make_room(lease)?;
        }
        let outcome = self.mutate(now, mutation).map(|(mutated, new)| {
            events.extend(new);
            mutated
        });
        if let Some((lease, sequence)) = place {
            // It may have gone with what it kept.
            let Some(held) = self.leases.iter_mut().find(|held| held.lease.id.get() == lease) else {
                return outcome;
            };
            held.last_used = now.get();
            self.kept.push(NaiveKept {
                lease,
                sequence,
                part,
                mutation: timeless,
                outcome: outcome.clone(),
            });
        }
        outcome
    }

    /// Forgets what is kept for the others, lease by lease, until there is room.
    fn make_room(&mut self, writer: u64) -> Result<(), Rejection> {
        while self.kept.len() >= self.kept_max {
            let (kept, leases) = (&mut self.kept, &mut self.leases);
            let instances = &self.instances;
            let can_make_room = |held: &&mut NaiveLease| {
                let mut of_it = kept.iter().filter(|kept| kept.lease == held.lease.id.get());
                let is_at_its_end = of_it.clone().any(|kept| kept.sequence == u64::MAX);
                let keeps = instances.iter().any(|instance| instance.lease == Some(held.lease.id));
                of_it.next().is_some() && !(is_at_its_end && keeps)
            };
            let others = leases.iter_mut().filter(|held| held.lease.id.get() != writer);
            let others = others.filter(can_make_room);
            let idlest = others.min_by_key(|held| (held.last_used, held.lease.id.get()));
            let limit = Limit::KeptOutcomes;
            let idlest = idlest.ok_or(Rejection::LimitExceeded { limit })?;
            let id = idlest.lease.id.get();
            let last = kept
                .iter()
                .filter(|kept| kept.lease == id)
                .map(|kept| kept.sequence)
                .max();
            idlest.window_start = last.expect("it has some").saturating_add(1);
            kept.retain(|kept| kept.lease != id);
            if last == Some(u64::MAX) {
                leases.retain(|held| held.lease.id.get() != id);
            }
        }
        Ok(())
    }

    /// The lease that a command means which says that it wants the `choice`-th of those that are there; now and then one
    /// that was there once.
    pub(crate) fn chosen_held(&self, choice: LeaseId) -> LeaseId {
        let number = usize::try_from(choice.get()).expect("a small choice");
        if self.leases.is_empty() || number.is_multiple_of(10) {
            return self.chosen(choice);
        }
        self.leases[number % self.leases.len()].lease.id
    }

    /// Since when a lease is as it is.
    pub(crate) fn changed(&self, id: LeaseId) -> Revision {
        self.held(id).map_or(Revision::ZERO, |held| Revision::new(held.changed))
    }

    /// The lease that a command means which says that it wants the `choice`-th of all that there ever were.
    pub(crate) fn chosen(&self, choice: LeaseId) -> LeaseId {
        let count = self.granted.len().max(1);
        let choice = usize::try_from(choice.get()).expect("a small choice") % count;
        self.granted
            .get(choice)
            .map_or(choice_of_none(), |id| LeaseId::new(*id))
    }
}

/// No revision is that high in a test.
fn choice_of_none() -> LeaseId {
    LeaseId::new(u64::MAX)
}

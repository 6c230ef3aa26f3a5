//! Leases and what is kept for them, as simply as can be.

use quorate_model::{Lease, LeaseId, RequestKey, Revision};
use quorate_state::{Effect, Event, ItemOutcome, Limit, Mutation, Outcome, Rejection};

use super::{Done, Naive, NaiveKept, NaiveLease, rejected};

fn timeless(mutation: &Mutation) -> Mutation {
    let mut mutation = mutation.clone();
    if let Mutation::Register { registered_at_ms, .. } = &mut mutation {
        *registered_at_ms = 0;
    }
    mutation
}

impl Naive {
    pub(super) fn grant(&mut self, lease: Lease) -> Done {
        let same =
            |held: &&NaiveLease| (&held.lease.owner, held.lease.incarnation) == (&lease.owner, lease.incarnation);
        let granted = |lease: &Lease, effect| Outcome::LeaseGranted {
            id: lease.id,
            ttl: lease.ttl,
            effect,
        };
        if let Some(held) = self.leases.iter().find(same) {
            return (granted(&held.lease, Effect::Unchanged), vec![]);
        }
        let outcome = granted(&lease, Effect::Changed);
        self.granted.push(lease.id.get());
        self.leases.push(NaiveLease {
            last_used: lease.id.get(),
            lease,
            window_start: 1,
        });
        (outcome, vec![])
    }

    pub(super) fn revoke(&mut self, id: u64) -> Done {
        let before = self.leases.len();
        self.leases.retain(|held| held.lease.id.get() != id);
        self.kept.retain(|kept| kept.lease != id);
        let existed = self.leases.len() < before;
        (Outcome::LeaseRevoked { existed }, vec![])
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
        (Outcome::Batch(outcomes), events)
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
            let held = self.leases.iter_mut().find(|held| held.lease.id.get() == lease);
            held.expect("it was admitted").last_used = now.get();
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
            let has_any = |held: &&mut NaiveLease| kept.iter().any(|kept| kept.lease == held.lease.id.get());
            let others = leases.iter_mut().filter(|held| held.lease.id.get() != writer);
            let idlest = others.filter(has_any).min_by_key(|held| held.last_used);
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

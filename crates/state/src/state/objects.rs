//! How the objects change that the state is made of: each change goes with one of the hash.

use std::sync::Arc;

use quorate_model::{
    GuardScope, Instance, InstanceKey, InstanceParts, JoinNonce, LeaseId, LogTime, MemberId, Override, OverrideTarget,
    Sequence, ServiceKey, ServiceSettings, limits,
};

use super::{Cluster, Founded, State};
use crate::{
    Event, HeldLease, Limit, Rejection,
    catalog::Catalog,
    format::{ObjectV1, object_hash},
    guards::{AgedTo, GuardState, Guards},
    leases::{Kept, KeptKey, Lapsed, Leases},
    overrides::Overrides,
    probers::Probers,
    roster::Roster,
};

impl State {
    pub(crate) fn require_founded(&self) -> Result<(), Rejection> {
        self.founded.as_ref().map(|_| ()).ok_or(Rejection::NotFounded)
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn leases(&self) -> &Leases {
        &self.leases
    }

    pub(crate) fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    pub(super) fn hash_in(&mut self, object: &ObjectV1) {
        self.hash = self.hash.plus(object_hash(object));
    }

    fn hash_out(&mut self, object: &ObjectV1) {
        self.hash = self.hash.minus(object_hash(object));
    }

    pub(crate) fn guards(&self) -> &Guards {
        &self.guards
    }

    /// Moves the log time; never back.
    pub(super) fn move_log_time(&mut self, time: LogTime) {
        if time <= self.log_time {
            return;
        }
        if let Some(object) = ObjectV1::log_time(self.log_time) {
            self.hash_out(&object);
        }
        self.log_time = time;
        if let Some(object) = ObjectV1::log_time(time) {
            self.hash_in(&object);
        }
    }

    // --- the cluster and its members ---

    pub(crate) fn found(&mut self, cluster: Cluster, last_member: MemberId) {
        let founded = Founded {
            cluster,
            roster: Roster::new(last_member),
        };
        self.hash_in(&founded.object());
        self.founded = Some(founded);
    }

    /// Takes the identity away, and with it all that is known of members.
    pub(super) fn unfound(&mut self) {
        let Some(founded) = self.founded.take() else {
            return;
        };
        self.hash_out(&founded.object());
        for (id, nonce) in founded.roster.nonces() {
            self.hash_out(&ObjectV1::nonce(*id, *nonce));
        }
    }

    /// The id for `nonce`: the one it was given before, or the next.
    pub(crate) fn allocate_member(&mut self, nonce: JoinNonce) -> Result<MemberId, Rejection> {
        let founded = self.founded.as_mut().ok_or(Rejection::NotFounded)?;
        if let Some(id) = founded.roster.find(nonce) {
            return Ok(id);
        }
        let limit = Limit::MemberIds;
        let id = founded.roster.last().next().ok_or(Rejection::LimitExceeded { limit })?;
        let before = founded.object();
        let evicted = founded.roster.add(id, nonce);
        let after = founded.object();
        self.hash_out(&before);
        self.hash_in(&after);
        self.hash_in(&ObjectV1::nonce(id, nonce));
        if let Some((id, nonce)) = evicted {
            self.hash_out(&ObjectV1::nonce(id, nonce));
        }
        Ok(id)
    }

    /// Makes `id`, reserved under one nonce, that of another.
    pub(crate) fn claim_member(
        &mut self,
        id: MemberId,
        reserved: JoinNonce,
        nonce: JoinNonce,
    ) -> Result<(), Rejection> {
        let founded = self.founded.as_mut().ok_or(Rejection::NotFounded)?;
        if founded.roster.find(nonce) == Some(id) {
            return Ok(());
        }
        if !founded.roster.hand_over(id, reserved, nonce) {
            return Err(Rejection::NotReserved);
        }
        self.hash_out(&ObjectV1::nonce(id, reserved));
        self.hash_in(&ObjectV1::nonce(id, nonce));
        Ok(())
    }

    // --- instances ---

    pub(crate) fn put(&mut self, instance: Instance) -> Event {
        let instance = match self.catalog.resembling(instance.key()) {
            Some(like) => instance.sharing_texts(like),
            None => instance,
        };
        let instance = Arc::new(instance);
        let previous = self.catalog.put(Arc::clone(&instance));
        self.hash_in(&ObjectV1::from(&*instance));
        if let Some(previous) = &previous {
            self.hash_out(&ObjectV1::from(&**previous));
        }
        self.follow(previous.as_deref(), Some(&instance));
        Event::Put { instance, previous }
    }

    /// Puts a copy of `current` in its place in which something is other that nobody sees: who has found what of a check.
    pub(crate) fn put_unseen(&mut self, current: &Instance, change: impl FnOnce(&mut InstanceParts)) {
        let mut parts = current.clone().into_parts();
        change(&mut parts);
        self.put(Instance::new(parts));
    }

    pub(crate) fn remove(&mut self, key: &InstanceKey) -> Option<Event> {
        let previous = self.catalog.remove(key)?;
        self.hash_out(&ObjectV1::from(&*previous));
        self.follow(Some(&previous), None);
        Some(Event::Delete { previous })
    }

    /// Brings up to date what is known of instances elsewhere: with their leases, in the tallies of their scopes, and
    /// when they have drained.
    fn follow(&mut self, before: Option<&Instance>, after: Option<&Instance>) {
        let aged = self.aged_to();
        if let Some(before) = before {
            self.guards.remove(before, aged);
            if let Some(at) = before.drains_until() {
                self.drains.remove(&(at, before.key().clone()));
            }
        }
        if let Some(after) = after {
            self.guards.add(after, aged);
            if let Some(at) = after.drains_until() {
                self.drains.insert((at, after.key().clone()));
            }
        }
        self.probed_count += usize::from(after.is_some_and(is_probed));
        self.probed_count -= usize::from(before.is_some_and(is_probed));
        let (old, new) = (before.and_then(Instance::lease), after.and_then(Instance::lease));
        if old == new {
            return;
        }
        if let (Some(lease), Some(after)) = (new, after) {
            self.leases.attach(lease, after.key());
        }
        if let (Some(lease), Some(before)) = (old, before)
            && self.leases.detach(lease, before.key())
        {
            self.remove_lease(lease);
        }
    }

    /// The instances that drain no longer at `now`, the first first.
    pub(crate) fn drained(&self, now: LogTime) -> impl Iterator<Item = &InstanceKey> {
        let drained = self.drains.iter().take_while(move |(at, _)| *at <= now);
        drained.map(|(_, key)| key)
    }

    // --- the making of checks ---

    pub(crate) fn put_probers(&mut self, probers: Probers) {
        self.forget_probers();
        self.hash_in(&ObjectV1::probers(&probers));
        self.probers = Some(probers);
    }

    pub(super) fn forget_probers(&mut self) {
        if let Some(probers) = self.probers.take() {
            self.hash_out(&ObjectV1::probers(&probers));
        }
    }

    // --- leases and what is kept for them ---

    pub(crate) fn insert_lease(&mut self, held: HeldLease) -> Result<(), Rejection> {
        let object = ObjectV1::from(&held);
        self.leases.insert(held)?;
        self.hash_in(&object);
        Ok(())
    }

    /// Takes a lease out with all that is kept for it; whether it was there.
    pub(crate) fn remove_lease(&mut self, id: LeaseId) -> bool {
        self.forget_below(id, None);
        let removed = self.leases.remove(id);
        if let Some(held) = &removed {
            self.hash_out(&ObjectV1::from(held));
        }
        removed.is_some()
    }

    /// Notes that a lease has lapsed, or lives again, and what that is to what it keeps.
    pub(crate) fn set_lapsed(&mut self, id: LeaseId, lapsed: Option<Lapsed>) -> Vec<Event> {
        let (at, aged) = (self.revision(), self.aged_to());
        self.change_lease(id, |leases| leases.set_standing(id, at, lapsed, aged));
        let instances = self.instances_of(id);
        let changed = instances.into_iter().map(|instance| {
            let mut parts = Instance::clone(&instance).into_parts();
            parts.lapse = lapsed.map(|lapsed| lapsed.lapse);
            parts.modify_revision = at;
            self.put(Instance::new(parts))
        });
        changed.collect()
    }

    /// Ends a lease and all that it keeps.
    pub(crate) fn end_lease(&mut self, id: LeaseId) -> Vec<Event> {
        let keys: Vec<InstanceKey> = self.leases.instances_of(id).cloned().collect();
        let events = keys.iter().filter_map(|key| self.remove(key)).collect();
        self.remove_lease(id);
        events
    }

    /// Gives a lease that has lapsed until then.
    pub(crate) fn postpone_expiry(&mut self, id: LeaseId, expires_at: LogTime) {
        self.change_lease(id, |leases| leases.postpone(id, expires_at));
    }

    /// What a lease keeps.
    pub(crate) fn instances_of(&self, id: LeaseId) -> Vec<Arc<Instance>> {
        let keys = self.leases.instances_of(id);
        keys.filter_map(|key| self.catalog.instance(key).cloned()).collect()
    }

    // --- the ageing of lapses ---

    /// Up to where lapses are aged.
    pub(crate) fn aged_to(&self) -> AgedTo {
        self.aged_to.unwrap_or_else(|| AgedTo::all(self.log_time))
    }

    /// Ages lapses that are not recent any more, so that they count only where a guard covers them, and gives how many:
    /// as many as one entry may, so that none stalls however long nothing was written. What is left counts until an
    /// entry to come has aged it.
    pub(crate) fn age_lapses(&mut self) -> usize {
        let (mut count, mut cost) = (0, 0);
        let mut aged = None;
        while let Some(next) = self.leases.next_recent().filter(|(at, _)| at.until <= self.log_time) {
            let (at, id) = next;
            if cost >= limits::EVENTS_PER_ENTRY_MAX && aged != Some(at) {
                self.set_aged_to(aged);
                return count;
            }
            self.leases.forget_recent(next);
            let instances = self.instances_of(id);
            for instance in &instances {
                if let Some(lapse) = instance.lapse() {
                    self.guards.age(instance, lapse);
                }
            }
            aged = Some(at);
            count += 1;
            cost += 1 + instances.len();
        }
        self.set_aged_to(None);
        count
    }

    /// Nothing, where all is aged that is to be by the log time.
    pub(super) fn set_aged_to(&mut self, aged: Option<AgedTo>) {
        let previous = std::mem::replace(&mut self.aged_to, aged);
        if let Some(previous) = previous {
            self.hash_out(&ObjectV1::aged_to(previous));
        }
        if let Some(aged) = aged {
            self.hash_in(&ObjectV1::aged_to(aged));
        }
    }

    // --- guards ---

    /// Puts what is known of the guard of a scope in its place.
    pub(crate) fn put_guard(&mut self, scope: &GuardScope, state: GuardState) {
        let previous = self.guards.set(scope, state);
        self.hash_in(&ObjectV1::guard(scope, &state));
        if let Some(previous) = previous {
            self.hash_out(&ObjectV1::guard(scope, &previous));
        }
    }

    /// Forgets what is known of the guard of a scope.
    pub(crate) fn forget_guard(&mut self, scope: &GuardScope) {
        if let Some(previous) = self.guards.forget(scope) {
            self.hash_out(&ObjectV1::guard(scope, &previous));
        }
    }

    /// Moves where the window of a lease starts, never back, and forgets what is below.
    pub(crate) fn move_window(&mut self, id: LeaseId, start: Sequence) {
        if self.leases.get(id).is_some_and(|held| held.window_start() < start) {
            self.change_lease(id, |leases| leases.move_window(id, start));
            self.forget_below(id, Some(start));
        }
    }

    fn change_lease(&mut self, id: LeaseId, change: impl FnOnce(&mut Leases)) {
        if let Some(before) = self.leases.get(id).map(ObjectV1::from) {
            self.hash_out(&before);
        }
        change(&mut self.leases);
        if let Some(after) = self.leases.get(id).map(ObjectV1::from) {
            self.hash_in(&after);
        }
    }

    fn forget_below(&mut self, id: LeaseId, end: Option<Sequence>) {
        for key in self.leases.kept_below(id, end) {
            if let Some(kept) = self.leases.forget(&key) {
                self.hash_out(&ObjectV1::kept(&key, &kept));
            }
        }
    }

    /// Makes room for one more outcome of a lease. Where all the room of the cluster is taken it is that of the lease
    /// that was used the longest ago: whoever held it is gone, most likely. Costs what revoking that one costs, and
    /// makes room for as many more as were kept for it.
    pub(crate) fn make_room(&mut self, id: LeaseId) -> Result<(), Rejection> {
        let limit = Limit::KeptOutcomes;
        if self.leases.check_room(id) == Err(Rejection::LimitExceeded { limit })
            && let Some(idle) = self.leases.idlest_but(id)
        {
            self.forget_all(idle);
        }
        self.leases.check_room(id)
    }

    /// Forgets all that is kept for a lease, so that none of it can be asked for again: what comes late is too old.
    fn forget_all(&mut self, id: LeaseId) {
        match self.leases.last_kept(id) {
            // No number comes after it, so that it can only be told by the lease itself being gone.
            Some(Sequence::LAST) => {
                self.remove_lease(id);
            }
            Some(last) => self.move_window(id, last.next()),
            None => {}
        }
    }

    /// Notes that an outcome is kept for a lease now.
    pub(crate) fn note_use(&mut self, id: LeaseId) {
        let now = self.revision();
        if self.leases.get(id).is_some_and(|held| held.last_used() != now) {
            self.change_lease(id, |leases| leases.note_use(id, now));
        }
    }

    /// Keeps an outcome; false if it has no place in its lease's window, or is there already.
    pub(crate) fn keep(&mut self, key: KeptKey, kept: Kept) -> bool {
        let object = ObjectV1::kept(&key, &kept);
        let done = self.leases.keep(key, kept);
        if done {
            self.hash_in(&object);
        }
        done
    }

    // --- overrides and settings ---

    pub(crate) fn put_override(&mut self, current: Override) -> Event {
        let current = Arc::new(current);
        let previous = self.overrides.put(&current);
        self.hash_in(&ObjectV1::from(&*current));
        if let Some(previous) = &previous {
            self.hash_out(&ObjectV1::from(&**previous));
        }
        Event::OverrideSet { current, previous }
    }

    pub(crate) fn remove_override(&mut self, target: &OverrideTarget) -> Option<Event> {
        let previous = self.overrides.remove(target)?;
        self.hash_out(&ObjectV1::from(&*previous));
        Some(Event::OverrideCleared { previous })
    }

    /// Sets the settings of a service; those that are as the defaults take no room.
    pub(crate) fn put_settings(&mut self, service: &ServiceKey, settings: ServiceSettings) {
        let previous = if settings.is_customized() {
            self.hash_in(&ObjectV1::settings(service, settings));
            self.settings.insert(service.clone(), settings)
        } else {
            self.settings.remove(service)
        };
        if let Some(previous) = previous {
            self.hash_out(&ObjectV1::settings(service, previous));
        }
    }
}

/// Whether there is something about an instance that members look at.
fn is_probed(instance: &Instance) -> bool {
    instance.spec().checks().iter().any(|check| check.probe.is_active())
}

#[cfg(quorate_planted)]
impl State {
    /// What a snapshot is made of.
    pub(crate) fn for_a_snapshot(&self) -> Self {
        use quorate_model::planted::{self, Planted};
        let mut state = self.clone();
        if planted::is(Planted::OutcomesLeftOut) {
            for held in self.leases.clone().into_leases() {
                state.forget_below(held.lease().id, None);
            }
        }
        state
    }
}

//! Guards, as simply as can be: who belongs to a scope and what counts in it is asked anew each time.

use quorate_model::{
    Availability, CheckState, GuardCause, GuardScope, GuardTime, Health, InstanceParts, Lapse, Liveness, LogTime,
    Revision, ServiceKey, ServiceSettings,
};
use quorate_state::{Effect, Event, Guard, Outcome};

use super::{Done, Naive, NaiveGuard, NaiveGuardState};

/// What is counted of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The instances that leases keep.
    pub(crate) leased: usize,
    /// Those of them that lapsed and count.
    pub(crate) counted: usize,
}

/// The scopes that an instance belongs to.
pub(super) fn scopes_of(instance: &InstanceParts) -> Vec<GuardScope> {
    let service = ServiceKey {
        namespace: instance.key.namespace.clone(),
        service: instance.key.service.clone(),
    };
    let namespace = instance.key.namespace.clone();
    let mut scopes = vec![
        GuardScope::Service(service),
        GuardScope::Namespace(namespace),
        GuardScope::Cluster,
    ];
    scopes.extend(instance.spec.locality().zone.clone().map(GuardScope::Zone));
    scopes
}

impl Naive {
    pub(super) fn log_time(&self) -> LogTime {
        LogTime::from_ms(self.log_time_ms)
    }

    fn guard(&self, scope: &GuardScope) -> Option<NaiveGuardState> {
        let known = self.guards.iter().find(|known| known.scope == *scope);
        known.map(|known| known.state)
    }

    pub(crate) fn raised(&self, scope: &GuardScope) -> Option<Guard> {
        match self.guard(scope)? {
            NaiveGuardState::Raised(guard) => Some(guard),
            NaiveGuardState::Dropped { .. } => None,
        }
    }

    /// Whether what lapsed so is not aged yet.
    pub(super) fn is_recent(&self, lapse: &Lapse) -> bool {
        (lapse.recent_until.as_ms(), lapse.revision.get()) > self.aged_to
    }

    /// Whether what lapsed so counts in a scope.
    fn counts(&self, scope: &GuardScope, lapse: &Lapse) -> bool {
        let is_recent = self.is_recent(lapse);
        match self.guard(scope) {
            None => is_recent,
            Some(NaiveGuardState::Dropped { revision, .. }) => is_recent && lapse.revision.get() > revision,
            Some(NaiveGuardState::Raised(guard)) => {
                is_suspect_by(&guard, lapse) || is_recent && lapse.revision > guard.counts_from
            }
        }
    }

    pub(crate) fn counted(&self, scope: &GuardScope) -> Counted {
        let leased = self.instances.iter().filter(|instance| instance.lease.is_some());
        let in_scope = leased.filter(|instance| scopes_of(instance).contains(scope));
        let counts = |instance: &&InstanceParts| instance.lapse.is_some_and(|lapse| self.counts(scope, &lapse));
        Counted {
            leased: in_scope.clone().count(),
            counted: in_scope.filter(counts).count(),
        }
    }

    /// Whether the process behind an instance is known to live.
    pub(super) fn liveness(&self, instance: &InstanceParts) -> Liveness {
        let Some(lapse) = instance.lapse else {
            return if instance.lease.is_some() {
                Liveness::Live
            } else {
                Liveness::Persistent
            };
        };
        let mut guards = scopes_of(instance).into_iter().filter_map(|scope| self.raised(&scope));
        if guards.any(|guard| is_suspect_by(&guard, &lapse)) {
            Liveness::Suspect
        } else {
            Liveness::Lapsed
        }
    }

    fn settings_of(&self, scope: &GuardScope) -> ServiceSettings {
        let GuardScope::Service(service) = scope else {
            return ServiceSettings::default();
        };
        let known = self.settings.iter().find(|known| known.0 == *service);
        known.map_or(ServiceSettings::default(), |known| known.1)
    }

    fn share_percent(&self, scope: &GuardScope) -> usize {
        usize::from(self.settings_of(scope).guard_share.as_percent())
    }

    /// Whether lapses that count have left a service with nothing, where it had several, or with less than it must have.
    fn has_fallen_too_low(&self, scope: &GuardScope) -> bool {
        if !matches!(scope, GuardScope::Service(_)) {
            return false;
        }
        let of_it = self.instances.iter().filter(|it| scopes_of(it).contains(scope));
        let usable: Vec<_> = of_it
            .filter(|it| self.standing(it).availability == Availability::Enabled && works(it))
            .collect();
        let left = usable.iter().filter(|it| it.lapse.is_none()).count();
        let lapsed = usable.iter().filter_map(|it| it.lapse);
        let fallen = lapsed.filter(|lapse| self.counts(scope, lapse)).count();
        let minimum = usize::from(self.settings_of(scope).protect_minimum.get());
        let is_emptied = left == 0 && fallen >= 2;
        let is_below_minimum = left < minimum && fallen > 0;
        is_emptied || is_below_minimum
    }

    /// There are never as many guards in a test of this model that there would be no room for one more.
    pub(super) fn raise_if_needed(&mut self, now: Revision, scope: &GuardScope) -> Option<Event> {
        if self.raised(scope).is_some() {
            return None;
        }
        let Counted { leased, counted } = self.counted(scope);
        let cause = if counted >= 5 && counted * 100 > leased * self.share_percent(scope) {
            GuardCause::Share
        } else if self.has_fallen_too_low(scope) {
            GuardCause::Floor
        } else {
            return None;
        };
        Some(self.raise(now, scope, cause, GuardTime::default()))
    }

    fn raise(&mut self, now: Revision, scope: &GuardScope, cause: GuardCause, lasts: GuardTime) -> Event {
        let mut guard = Guard {
            revision: now,
            raised_at: self.log_time(),
            drops_at: self.log_time().plus_ms(lasts.as_ms()),
            cause,
            counts_from: Revision::ZERO,
        };
        match self.guard(scope) {
            None => {}
            Some(NaiveGuardState::Dropped { revision, .. }) => guard.counts_from = Revision::new(revision),
            Some(NaiveGuardState::Raised(before)) => {
                guard = Guard {
                    drops_at: guard.drops_at,
                    cause,
                    ..before
                };
            }
        }
        self.put_guard(scope, Some(NaiveGuardState::Raised(guard)));
        Event::GuardRaised {
            scope: scope.clone(),
            guard,
        }
    }

    fn put_guard(&mut self, scope: &GuardScope, state: Option<NaiveGuardState>) {
        self.guards.retain(|known| known.scope != *scope);
        let scope = scope.clone();
        self.guards.extend(state.map(|state| NaiveGuard { scope, state }));
    }

    fn drop_raised(&mut self, now: Revision, scope: &GuardScope) -> Event {
        let dropped = NaiveGuardState::Dropped {
            revision: now.get(),
            at_ms: self.log_time_ms,
        };
        self.put_guard(scope, Some(dropped));
        Event::GuardDropped { scope: scope.clone() }
    }

    pub(super) fn raise_by_hand(&mut self, now: Revision, scope: &GuardScope, lasts: GuardTime) -> Done {
        let drops_at = self.log_time().plus_ms(lasts.as_ms());
        let is_so = |guard: Guard| (guard.cause, guard.drops_at) == (GuardCause::Operator, drops_at);
        if self.raised(scope).is_some_and(is_so) {
            let effect = Effect::Unchanged;
            return (Outcome::GuardRaised { effect }, vec![]);
        }
        let event = self.raise(now, scope, GuardCause::Operator, lasts);
        let effect = Effect::Changed;
        (Outcome::GuardRaised { effect }, vec![event])
    }

    pub(super) fn drop_by_hand(&mut self, now: Revision, scope: &GuardScope) -> Done {
        let existed = self.raised(scope).is_some();
        let events = if existed {
            vec![self.drop_raised(now, scope)]
        } else {
            vec![]
        };
        (Outcome::GuardDropped { existed }, events)
    }

    /// The same events, and those of the guards that can be dropped after them.
    pub(super) fn settled(&mut self, now: Revision, mut events: Vec<Event>) -> Vec<Event> {
        let mut touched = vec![];
        for event in &events {
            let (before, after) = match event {
                Event::Put { instance, previous } => (previous.clone(), Some(instance.clone())),
                Event::Delete { previous } => (Some(previous.clone()), None),
                Event::OverrideSet { .. }
                | Event::OverrideCleared { .. }
                | Event::GuardRaised { .. }
                | Event::GuardDropped { .. } => (None, None),
            };
            for instance in before.iter().chain(&after) {
                touched.extend(scopes_of(&(**instance).clone().into_parts()));
            }
        }
        touched.sort();
        touched.dedup();
        for scope in touched {
            let by_itself = self
                .raised(&scope)
                .is_some_and(|guard| guard.cause != GuardCause::Operator);
            let Counted { leased, counted } = self.counted(&scope);
            let is_little = counted == 0 || counted * 300 < leased * self.share_percent(&scope) * 2;
            if by_itself && is_little && !self.has_fallen_too_low(&scope) {
                events.push(self.drop_raised(now, &scope));
            }
        }
        events
    }

    /// Drops the guards whose time is over and forgets those that were dropped long ago; gives how many.
    pub(super) fn drop_due_guards(&mut self, now: Revision, events: &mut Vec<Event>) -> usize {
        let time = self.log_time();
        let mut due: Vec<_> = self
            .guards
            .iter()
            .filter(|known| deadline(known) <= time)
            .filter(|known| self.raised(&known.scope).is_some() || deadline(known).as_ms() <= self.aged_to.0)
            .cloned()
            .collect();
        due.sort_by_key(|known| (deadline(known), known.scope.clone()));
        for known in &due {
            match known.state {
                NaiveGuardState::Raised(_) => events.push(self.drop_raised(now, &known.scope)),
                NaiveGuardState::Dropped { .. } => self.put_guard(&known.scope, None),
            }
        }
        due.len()
    }

    /// From when on the time to stay of a lease with such instances begins anew, that lapsed at `revision`.
    pub(super) fn time_begins_anew(&self, instances: &[&InstanceParts], revision: Revision) -> Option<LogTime> {
        let scopes = instances.iter().flat_map(|instance| scopes_of(instance));
        let moments = scopes.filter_map(|scope| match self.guard(&scope)? {
            NaiveGuardState::Raised(_) => Some(self.log_time()),
            NaiveGuardState::Dropped {
                revision: dropped,
                at_ms,
            } => (revision.get() <= dropped).then(|| LogTime::from_ms(at_ms)),
        });
        moments.max()
    }
}

/// When a guard drops by itself, or is forgotten.
pub(super) fn deadline(known: &NaiveGuard) -> LogTime {
    match known.state {
        NaiveGuardState::Raised(guard) => guard.drops_at,
        NaiveGuardState::Dropped { at_ms, .. } => LogTime::from_ms(at_ms).plus_ms(172_800_000),
    }
}

/// Whether no check speaks against it.
fn works(instance: &InstanceParts) -> bool {
    let is_good = |state: &CheckState| matches!(state.health, Health::Passing | Health::Warning);
    instance.checks.iter().all(is_good)
}

fn is_suspect_by(guard: &Guard, lapse: &Lapse) -> bool {
    lapse.revision > guard.counts_from && lapse.recent_until > guard.raised_at
}

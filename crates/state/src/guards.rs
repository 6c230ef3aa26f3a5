//! Guards: what keeps answers from collapsing when many leases lapse at once.
//!
//! Each scope has a tally of its instances. Those that lapsed count while that is recent, or, once a guard is raised
//! for the scope, for as long as it is. Whether one counts follows from the state alone, so that a tally can be made
//! anew from the instances.

mod tally;

use imbl::{OrdMap, OrdSet};
use quorate_model::{GuardCause, GuardScope, Instance, Lapse, LogTime, Revision, ServiceKey, ZoneName, limits};

pub(crate) use tally::{Answer, Tally};

/// A guard that is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guard {
    /// The revision at which it was raised.
    pub revision: Revision,
    /// The log time then.
    pub raised_at: LogTime,
    /// When it drops by itself at the latest.
    pub drops_at: LogTime,
    /// Why it was raised.
    pub cause: GuardCause,
    /// What lapsed up to this revision is out for good: a guard before has dropped.
    pub counts_from: Revision,
}

/// What is known of the guard of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuardState {
    /// It is raised.
    Raised(Guard),
    /// It was dropped. Remembered for as long as that gives a lease time.
    Dropped { revision: Revision, at: LogTime },
}

/// A guard that is raised, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaisedGuard {
    /// What it is raised for.
    pub scope: GuardScope,
    /// The guard.
    pub guard: Guard,
    /// How many instances of the scope are suspect.
    pub suspect: usize,
    /// How many instances of the scope leases keep.
    pub leased: usize,
}

/// The guards of all scopes, and the tallies that they follow from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guards {
    states: OrdMap<GuardScope, GuardState>,
    /// When each changes by itself: a raised one drops, a dropped one is forgotten.
    deadlines: OrdSet<(LogTime, GuardScope)>,
    raised: usize,
    tallies: OrdMap<GuardScope, Tally>,
}

/// The guards under which the instances of one service stand: never changing, cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceGuards {
    /// Those of the service, its namespace and the cluster.
    wide: Vec<Guard>,
    /// Where those of zones are looked up, if any guard is raised at all.
    all: Option<OrdMap<GuardScope, GuardState>>,
}

/// Up to where lapses are aged, in the order in which they are: those up to here are not recent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AgedTo {
    /// Until when the last one that is aged was recent.
    pub(crate) until: LogTime,
    /// The revision of that one: what lapsed with one entry and is recent for as long is aged together.
    pub(crate) revision: Revision,
}

/// The scopes that an instance belongs to.
pub(crate) fn scopes_of(instance: &Instance) -> impl Iterator<Item = GuardScope> + use<> {
    let zone = instance.spec().locality().zone.clone().map(GuardScope::Zone);
    wide_scopes(&instance.key().service_key()).into_iter().chain(zone)
}

/// The scopes that all instances of a service belong to.
pub(crate) fn wide_scopes(service: &ServiceKey) -> [GuardScope; 3] {
    [
        GuardScope::Service(service.clone()),
        GuardScope::Namespace(service.namespace.clone()),
        GuardScope::Cluster,
    ]
}

// === impl AgedTo ===

impl AgedTo {
    /// The place of a lapse in the order of ageing.
    pub(crate) fn of(lapse: &Lapse) -> Self {
        Self {
            until: lapse.recent_until,
            revision: lapse.revision,
        }
    }

    /// Where all is aged that is not recent any more at `now`.
    pub(crate) fn all(now: LogTime) -> Self {
        Self {
            until: now,
            revision: Revision::new(u64::MAX),
        }
    }

    /// Whether a lapse is recent still.
    pub(crate) fn is_recent(self, lapse: &Lapse) -> bool {
        Self::of(lapse) > self
    }
}

// === impl Guard ===

impl Guard {
    /// Whether what lapsed so is suspect by it, and not out.
    pub(crate) fn covers(&self, lapse: &Lapse) -> bool {
        self.can_count(lapse) && self.was_recent(lapse)
    }

    /// Whether it has lapsed since a guard before has dropped.
    fn can_count(&self, lapse: &Lapse) -> bool {
        lapse.revision > self.counts_from
    }

    /// Whether it was recent when the guard was raised.
    fn was_recent(&self, lapse: &Lapse) -> bool {
        lapse.recent_until > self.raised_at
    }
}

// === impl GuardState ===

impl GuardState {
    /// When it changes by itself.
    fn deadline(&self) -> LogTime {
        match self {
            Self::Raised(guard) => guard.drops_at,
            Self::Dropped { at, .. } => at.plus_ms(limits::REMOVE_AFTER_MS_MAX),
        }
    }

    fn raised(&self) -> Option<&Guard> {
        match self {
            Self::Raised(guard) => Some(guard),
            Self::Dropped { .. } => None,
        }
    }
}

// === impl Guards ===

impl Guards {
    pub(crate) fn state(&self, scope: &GuardScope) -> Option<&GuardState> {
        self.states.get(scope)
    }

    pub(crate) fn raised(&self, scope: &GuardScope) -> Option<&Guard> {
        self.states.get(scope)?.raised()
    }

    /// How many are raised.
    pub(crate) fn raised_count(&self) -> usize {
        self.raised
    }

    /// How many are known of, raised or not.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// All that are raised, in the order of their scopes.
    pub(crate) fn iter_raised(&self) -> impl Iterator<Item = RaisedGuard> {
        let states = self.states.iter();
        states.filter_map(|(scope, state)| Some(self.with_tally(scope, *state.raised()?)))
    }

    /// The guard of a scope, if it is raised, with what is counted there.
    pub(crate) fn find_raised(&self, scope: &GuardScope) -> Option<RaisedGuard> {
        self.raised(scope).map(|guard| self.with_tally(scope, *guard))
    }

    fn with_tally(&self, scope: &GuardScope, guard: Guard) -> RaisedGuard {
        let tally = self.tally(scope);
        RaisedGuard {
            scope: scope.clone(),
            guard,
            suspect: tally.counted,
            leased: tally.leased,
        }
    }

    /// All that is known, in order, for whoever goes through a view without borrowing it.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = (GuardScope, GuardState)> + Send {
        self.states.into_iter()
    }

    pub(crate) fn tally(&self, scope: &GuardScope) -> Tally {
        self.tallies.get(scope).copied().unwrap_or_default()
    }

    /// Whether no instance is counted anywhere yet.
    pub(crate) fn is_uncounted(&self) -> bool {
        self.tallies.is_empty()
    }

    /// When the next one changes by itself.
    pub(crate) fn next_deadline(&self) -> Option<LogTime> {
        self.deadlines.get_min().map(|(at, _)| *at)
    }

    /// Those that change by themselves at `now`, the oldest first, where lapses are aged up to there. A drop is
    /// remembered for as long as anything is still to be aged that it has put out of the count.
    pub(crate) fn due(&self, now: LogTime, aged: AgedTo) -> impl Iterator<Item = &GuardScope> {
        let due = self.deadlines.iter().take_while(move |(at, _)| *at <= now);
        let due = due.filter(move |(at, scope)| *at <= aged.until || self.raised(scope).is_some());
        due.map(|(_, scope)| scope)
    }

    /// Puts the state of a scope in its place and gives back what was known before. One that drops counts nothing that
    /// has lapsed until then.
    pub(crate) fn set(&mut self, scope: &GuardScope, state: GuardState) -> Option<GuardState> {
        let previous = self.states.insert(scope.clone(), state);
        self.moved(scope, previous.as_ref(), Some(&state));
        if matches!(state, GuardState::Dropped { .. }) {
            self.change_tally(scope, |tally| tally.counted = 0);
        }
        previous
    }

    /// Forgets what is known of a scope.
    pub(crate) fn forget(&mut self, scope: &GuardScope) -> Option<GuardState> {
        let previous = self.states.remove(scope)?;
        self.moved(scope, Some(&previous), None);
        Some(previous)
    }

    fn moved(&mut self, scope: &GuardScope, from: Option<&GuardState>, to: Option<&GuardState>) {
        if let Some(from) = from {
            self.deadlines.remove(&(from.deadline(), scope.clone()));
            self.raised -= usize::from(from.raised().is_some());
        }
        if let Some(to) = to {
            self.deadlines.insert((to.deadline(), scope.clone()));
            self.raised += usize::from(to.raised().is_some());
        }
    }

    /// Whether a lapse counts in a scope, where lapses are aged up to there. One that is still to be aged when a guard
    /// is raised counts until it is, and is not suspect.
    pub(crate) fn counts(&self, scope: &GuardScope, lapse: &Lapse, aged: AgedTo) -> bool {
        match self.states.get(scope) {
            Some(GuardState::Raised(guard)) => {
                guard.can_count(lapse) && (guard.was_recent(lapse) || aged.is_recent(lapse))
            }
            Some(GuardState::Dropped { revision, .. }) => lapse.revision > *revision && aged.is_recent(lapse),
            None => aged.is_recent(lapse),
        }
    }

    /// Takes an instance into the tallies of its scopes, if a lease keeps it.
    pub(crate) fn add(&mut self, instance: &Instance, aged: AgedTo) {
        self.tell(instance, aged, Tally::add);
    }

    /// Takes an instance out of them.
    pub(crate) fn remove(&mut self, instance: &Instance, aged: AgedTo) {
        self.tell(instance, aged, Tally::remove);
    }

    fn tell(&mut self, instance: &Instance, aged: AgedTo, change: impl Fn(&mut Tally, bool, bool)) {
        if instance.lease().is_none() {
            return;
        }
        for scope in scopes_of(instance) {
            let counted = instance.lapse().is_some_and(|lapse| self.counts(&scope, lapse, aged));
            self.change_tally(&scope, |tally| change(tally, instance.lapse().is_some(), counted));
        }
    }

    /// Notes that the lapse of an instance is not recent any more: it counts only where a guard covers it.
    pub(crate) fn age(&mut self, instance: &Instance, lapse: &Lapse) {
        for scope in scopes_of(instance) {
            let counted_as_recent = match self.states.get(&scope) {
                Some(GuardState::Raised(guard)) => guard.can_count(lapse) && !guard.was_recent(lapse),
                Some(GuardState::Dropped { revision, .. }) => lapse.revision > *revision,
                None => true,
            };
            if counted_as_recent {
                self.change_tally(&scope, |tally| tally.counted -= 1);
            }
        }
    }

    fn change_tally(&mut self, scope: &GuardScope, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally(scope);
        change(&mut tally);
        if tally == Tally::default() {
            self.tallies.remove(scope);
        } else {
            self.tallies.insert(scope.clone(), tally);
        }
    }

    /// The guards that the instances of a service stand under.
    pub(crate) fn of_service(&self, key: &ServiceKey) -> ServiceGuards {
        if self.raised == 0 {
            return ServiceGuards::default();
        }
        let wide = wide_scopes(key);
        ServiceGuards {
            wide: wide.iter().filter_map(|scope| self.raised(scope).copied()).collect(),
            all: Some(self.states.clone()),
        }
    }
}

// === impl ServiceGuards ===

impl ServiceGuards {
    /// Whether an instance of the service, whose lease has lapsed, is suspect, and not out.
    pub(crate) fn cover(&self, zone: Option<&ZoneName>, lapse: &Lapse) -> bool {
        let Some(all) = &self.all else {
            return false;
        };
        let of_zone = zone.and_then(|zone| all.get(&GuardScope::Zone(zone.clone()))?.raised());
        self.wide.iter().chain(of_zone).any(|guard| guard.covers(lapse))
    }
}

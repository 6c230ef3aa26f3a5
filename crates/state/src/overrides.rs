//! Overrides, by what they are about.

use std::{ops::Bound, sync::Arc};

use imbl::{OrdMap, OrdSet};
use quorate_model::{
    Instance, InstanceId, LogTime, NamespaceName, Override, OverrideKind, OverrideTarget, ServiceKey, ServiceName,
    Standing, ZoneName, limits,
};

use crate::{Limit, Rejection};

/// All overrides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    scopes: OrdMap<Scope, Arc<ScopeOverrides>>,
    /// Those that go by themselves.
    expiries: OrdSet<(LogTime, OverrideTarget)>,
    len: usize,
}

/// What overrides are looked up by: a namespace as a whole, which comes first, or a service of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    namespace: NamespaceName,
    service: Option<ServiceName>,
}

/// The overrides of one scope: never none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ScopeOverrides {
    disabled: OrdMap<InstanceId, Arc<Override>>,
    weights: OrdMap<InstanceId, Arc<Override>>,
    zones_out: OrdMap<ZoneName, Arc<Override>>,
}

/// The overrides under which the instances of one service stand: never changing, cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceOverrides {
    of_namespace: Option<Arc<ScopeOverrides>>,
    of_service: Option<Arc<ScopeOverrides>>,
}

// === impl Overrides ===

impl Overrides {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, target: &OverrideTarget) -> Option<&Arc<Override>> {
        self.scopes.get(&Scope::of(target))?.get(target)
    }

    /// Refuses one more override when there is no room for it.
    pub(crate) fn check_room(&self) -> Result<(), Rejection> {
        if self.len < limits::OVERRIDES_MAX {
            return Ok(());
        }
        let limit = Limit::Overrides;
        Err(Rejection::LimitExceeded { limit })
    }

    /// Puts an override in its place and gives back the one that it replaces.
    pub(crate) fn put(&mut self, current: &Arc<Override>) -> Option<Arc<Override>> {
        let target = current.spec.target();
        if let Some(expires_at) = current.expires_at {
            self.expiries.insert((expires_at, target.clone()));
        }
        let scope = self.scopes.entry(Scope::of(target)).or_default();
        let previous = Arc::make_mut(scope).put(Arc::clone(current));
        match &previous {
            None => self.len += 1,
            Some(previous) if previous.expires_at != current.expires_at => self.forget_expiry(previous),
            Some(_) => {}
        }
        previous
    }

    /// Takes an override out.
    pub(crate) fn remove(&mut self, target: &OverrideTarget) -> Option<Arc<Override>> {
        self.get(target)?;
        let scope = Scope::of(target);
        let overrides = Arc::make_mut(self.scopes.get_mut(&scope)?);
        let removed = overrides.remove(target)?;
        if overrides.is_empty() {
            self.scopes.remove(&scope);
        }
        self.forget_expiry(&removed);
        self.len -= 1;
        Some(removed)
    }

    fn forget_expiry(&mut self, gone: &Override) {
        if let Some(expires_at) = gone.expires_at {
            self.expiries.remove(&(expires_at, gone.spec.target().clone()));
        }
    }

    /// When the next one goes by itself.
    pub(crate) fn next_expiry(&self) -> Option<LogTime> {
        self.expiries.get_min().map(|(expires_at, _)| *expires_at)
    }

    /// Those whose time is over at `now`, the oldest first.
    pub(crate) fn expired(&self, now: LogTime) -> impl Iterator<Item = &OverrideTarget> {
        self.expiries
            .iter()
            .take_while(move |(expires_at, _)| *expires_at <= now)
            .map(|(_, target)| target)
    }

    /// The overrides that the instances of a service stand under.
    pub(crate) fn of_service(&self, key: &ServiceKey) -> ServiceOverrides {
        if self.scopes.is_empty() {
            return ServiceOverrides::default();
        }
        let namespace = Scope {
            namespace: key.namespace.clone(),
            service: None,
        };
        let service = Scope {
            service: Some(key.service.clone()),
            ..namespace.clone()
        };
        ServiceOverrides {
            of_namespace: self.scopes.get(&namespace).cloned(),
            of_service: self.scopes.get(&service).cloned(),
        }
    }

    /// The overrides of a namespace in the order of their targets: all, or those that touch one service of it.
    pub(crate) fn iter_in<'a>(
        &'a self,
        namespace: &NamespaceName,
        service: Option<&'a ServiceName>,
    ) -> impl Iterator<Item = &'a Arc<Override>> + use<'a> {
        let first = Scope {
            namespace: namespace.clone(),
            service: None,
        };
        let namespace = namespace.clone();
        self.scopes
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(scope, _)| scope.namespace == namespace)
            .filter(move |(scope, _)| scope.touches(service))
            .flat_map(|(_, overrides)| overrides.iter())
    }

    /// All of them, in order, for whoever goes through a view without borrowing it.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Arc<Override>> + Send {
        self.scopes
            .into_iter()
            .flat_map(|(_, overrides)| overrides.iter().cloned().collect::<Vec<_>>())
    }
}

// === impl Scope ===

impl Scope {
    fn of(target: &OverrideTarget) -> Self {
        Self {
            namespace: target.namespace().clone(),
            service: target.service().cloned(),
        }
    }

    /// Whether it is about `service`, where only one is asked for.
    fn touches(&self, service: Option<&ServiceName>) -> bool {
        match (&self.service, service) {
            (None, _) | (_, None) => true,
            (Some(own), Some(asked)) => own == asked,
        }
    }
}

// === impl ScopeOverrides ===

impl ScopeOverrides {
    fn get(&self, target: &OverrideTarget) -> Option<&Arc<Override>> {
        match target {
            OverrideTarget::Disable { key } => self.disabled.get(&key.id),
            OverrideTarget::Weight { key } => self.weights.get(&key.id),
            OverrideTarget::ZoneOut { zone, .. } => self.zones_out.get(zone),
        }
    }

    fn put(&mut self, current: Arc<Override>) -> Option<Arc<Override>> {
        match current.spec.target().clone() {
            OverrideTarget::Disable { key } => self.disabled.insert(key.id, current),
            OverrideTarget::Weight { key } => self.weights.insert(key.id, current),
            OverrideTarget::ZoneOut { zone, .. } => self.zones_out.insert(zone, current),
        }
    }

    fn remove(&mut self, target: &OverrideTarget) -> Option<Arc<Override>> {
        match target {
            OverrideTarget::Disable { key } => self.disabled.remove(&key.id),
            OverrideTarget::Weight { key } => self.weights.remove(&key.id),
            OverrideTarget::ZoneOut { zone, .. } => self.zones_out.remove(zone),
        }
    }

    fn is_empty(&self) -> bool {
        self.disabled.is_empty() && self.weights.is_empty() && self.zones_out.is_empty()
    }

    /// In the order of their targets.
    fn iter(&self) -> impl Iterator<Item = &Arc<Override>> {
        let instances = self.disabled.values().chain(self.weights.values());
        instances.chain(self.zones_out.values())
    }

    fn has_zone_out(&self, zone: Option<&ZoneName>) -> bool {
        zone.is_some_and(|zone| self.zones_out.contains_key(zone))
    }
}

// === impl ServiceOverrides ===

impl ServiceOverrides {
    /// Whether there are none: every instance stands as is stated.
    pub(crate) fn is_empty(&self) -> bool {
        self.of_namespace.is_none() && self.of_service.is_none()
    }

    /// How an instance of the service stands under them.
    pub(crate) fn standing(&self, instance: &Instance) -> Standing {
        let mut standing = Standing::of(instance);
        if self.is_empty() {
            return standing;
        }
        let (id, zone) = (&instance.key().id, instance.spec().locality().zone.as_ref());
        let of_service = self.of_service.as_deref();
        let weight = of_service.and_then(|overrides| overrides.weights.get(id)?.spec.weight());
        if let Some(weight) = weight {
            standing = standing.weighing(weight);
        }
        if of_service.is_some_and(|overrides| overrides.disabled.contains_key(id)) {
            standing = standing.taken_out(OverrideKind::Disable);
        }
        let scopes = [of_service, self.of_namespace.as_deref()];
        if scopes
            .into_iter()
            .flatten()
            .any(|overrides| overrides.has_zone_out(zone))
        {
            standing = standing.taken_out(OverrideKind::ZoneOut);
        }
        standing
    }
}

//! The objects of the state one after the other: how they get into a snapshot, and back out of one.

use quorate_model::{
    GuardScope, Instance, JoinNonce, LogTime, MemberId, ServiceKey, ServiceSettings,
    limits::{GUARDS_MAX, INSTANCES_PER_LEASE_MAX, OVERRIDES_MAX, SERVICE_SETTINGS_MAX},
};

use super::{Founded, State};
use crate::{
    Event, HeldLease, Service,
    catalog::Catalog,
    format::{Object, ObjectV1, is_kept},
    guards::{AgedTo, GuardState},
    leases::{Kept, KeptKey},
};

impl State {
    /// Every replicated object, in an order that is the same on all members: each after what it belongs to.
    pub(crate) fn objects(&self) -> impl Iterator<Item = ObjectV1> + Send + use<> {
        let founded = self.founded.clone();
        let cluster = founded.as_ref().map(Founded::object);
        let nonces = founded
            .map(|founded| founded.roster.nonces().clone())
            .unwrap_or_default();
        let all = |catalog: Catalog| catalog.into_services().flat_map(Service::into_instances);
        let kept_instances = all(self.catalog.clone()).filter(|instance| is_kept(instance));
        let instances = all(self.catalog.clone()).filter(|instance| !is_kept(instance));
        let guards = self.guards.clone().into_iter();
        let leases = self.leases.clone().into_leases().map(|held| ObjectV1::from(&held));
        let kept = self.leases.clone().into_kept();
        let overrides = self.overrides.clone().into_iter();
        let settings = self.settings.clone().into_iter();
        cluster
            .into_iter()
            .chain(nonces.into_iter().map(|(id, nonce)| ObjectV1::nonce(id, nonce)))
            .chain(instances.map(|instance| ObjectV1::from(&*instance)))
            .chain(ObjectV1::log_time(self.log_time))
            .chain(self.aged_to.map(ObjectV1::aged_to))
            .chain(leases)
            .chain(kept.map(|(key, kept)| ObjectV1::kept(&key, &kept)))
            .chain(overrides.map(|current| ObjectV1::from(&*current)))
            .chain(settings.map(|(service, settings)| ObjectV1::settings(&service, settings)))
            .chain(guards.map(|(scope, state)| ObjectV1::guard(&scope, &state)))
            .chain(kept_instances.map(|instance| ObjectV1::from(&*instance)))
            .chain(self.probers.as_ref().map(ObjectV1::probers))
    }

    /// How many objects [`State::objects`] gives.
    pub(crate) fn object_count(&self) -> usize {
        let founded = self
            .founded
            .as_ref()
            .map_or(0, |founded| 1 + founded.roster.nonces().len());
        founded
            + usize::from(self.log_time > LogTime::ZERO)
            + usize::from(self.aged_to.is_some())
            + self.instance_count()
            + self.lease_count()
            + self.kept_outcome_count()
            + self.override_count()
            + self.settings_count()
            + self.guards.len()
            + usize::from(self.probers.is_some())
    }

    /// Puts back an object from a snapshot; false if it is there already, comes before what it belongs to, or is
    /// one too many.
    pub(crate) fn restore(&mut self, object: Object) -> bool {
        match object {
            Object::Cluster { cluster, last_member } => {
                let absent = self.founded.is_none();
                if absent {
                    self.found(cluster, last_member);
                }
                absent
            }
            Object::LogTime(time) => {
                let comes_first = self.log_time == LogTime::ZERO && self.lease_count() == 0;
                let fits = comes_first && time > LogTime::ZERO;
                if fits {
                    self.move_log_time(time);
                }
                fits
            }
            Object::AgedTo(aged) => self.restore_aged_to(aged),
            Object::JoinNonce { member, nonce } => self.restore_nonce(member, nonce),
            Object::Instance(instance) => self.founded.is_some() && self.restore_instance(instance),
            Object::Guard { scope, state } => self.founded.is_some() && self.restore_guard(&scope, &state),
            Object::Probers(probers) => {
                let fits = self.founded.is_some() && self.probers.is_none() && probers.revision() <= self.revision();
                if fits {
                    self.put_probers(probers);
                }
                fits
            }
            Object::Lease(held) => self.founded.is_some() && self.restore_lease(held),
            Object::KeptOutcome { key, kept } => self.restore_kept(key, kept),
            Object::Override(current) => {
                let fits = self.founded.is_some() && self.override_count() < OVERRIDES_MAX;
                fits && matches!(self.put_override(current), Event::OverrideSet { previous: None, .. })
            }
            Object::ServiceSettings { service, settings } => self.restore_settings(&service, settings),
        }
    }

    /// It has a say in what is still to be aged, so that it comes before all leases; and it is behind what is now.
    fn restore_aged_to(&mut self, aged: AgedTo) -> bool {
        let comes_first = self.founded.is_some() && self.aged_to.is_none() && self.lease_count() == 0;
        let fits = comes_first && aged.until <= self.log_time && aged.revision <= self.revision();
        if fits {
            self.set_aged_to(Some(aged));
        }
        fits
    }

    fn restore_nonce(&mut self, id: MemberId, nonce: JoinNonce) -> bool {
        let roster = self.founded.as_mut().map(|founded| &mut founded.roster);
        let restored = roster.is_some_and(|roster| roster.restore(id, nonce));
        if restored {
            self.hash_in(&ObjectV1::nonce(id, nonce));
        }
        restored
    }

    /// One that a lease keeps has lapsed if that has, and in no other case.
    fn restore_instance(&mut self, instance: Instance) -> bool {
        let fits = match instance.lease() {
            None => instance.lapse().is_none(),
            Some(id) => self.leases.get(id).is_some_and(|held| {
                let lapse = held.lapsed().map(|lapsed| lapsed.lapse);
                lapse.as_ref() == instance.lapse() && held.instance_count() < INSTANCES_PER_LEASE_MAX
            }),
        };
        fits && matches!(self.put(instance), Event::Put { previous: None, .. })
    }

    /// A guard has a say in what is counted, so that it comes before all instances that are.
    fn restore_guard(&mut self, scope: &GuardScope, state: &GuardState) -> bool {
        let comes_first = self.guards.is_uncounted() && self.guards.state(scope).is_none();
        let fits = comes_first && self.guards.len() <= GUARDS_MAX;
        if fits {
            self.put_guard(scope, *state);
        }
        fits
    }

    /// A lease that the future has granted would be in the way of one that is to come; one that it has used could not
    /// be told from one that is in use.
    fn restore_lease(&mut self, held: HeldLease) -> bool {
        let id = held.lease().id;
        let (granted, used, changed) = (id.get(), held.last_used().get(), held.changed().get());
        let lapse = held.lapsed().map(|lapsed| lapsed.lapse);
        let in_order = granted <= used && granted <= changed && used.max(changed) <= self.revision().get();
        let fits = in_order && lapse.is_none_or(|lapse| lapse.revision == held.changed());
        let inserted = fits && self.insert_lease(held).is_ok();
        if let Some(lapse) = lapse.filter(|_| inserted) {
            self.leases.note_recent(&lapse, id, self.aged_to());
        }
        inserted
    }

    fn restore_kept(&mut self, key: KeptKey, kept: Kept) -> bool {
        self.leases.check_room(key.lease).is_ok() && self.keep(key, kept)
    }

    fn restore_settings(&mut self, service: &ServiceKey, settings: ServiceSettings) -> bool {
        let absent = !self.settings.contains_key(service) && self.settings_count() < SERVICE_SETTINGS_MAX;
        let fits = self.founded.is_some() && absent && settings.is_customized();
        if fits {
            self.put_settings(service, settings);
        }
        fits
    }
}

// === impl Founded ===

impl Founded {
    pub(super) fn object(&self) -> ObjectV1 {
        ObjectV1::cluster(self.cluster, self.roster.last())
    }
}

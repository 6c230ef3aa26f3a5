//! How readers see the state.

use std::{collections::BTreeSet, sync::Arc};

use quorate_model::{
    GuardScope, Instance, InstanceKey, JoinNonce, LeaseId, LogIndex, LogTime, MemberId, NamespaceName, Override,
    OverrideTarget, Revision, ServiceKey, ServiceName, ServiceSettings, StateHash, ZoneName,
};

use super::{Cluster, State};
use crate::{
    Command, HeldLease, Probers, RaisedGuard, Rejection, Service, Standings, format::object_hash, guards::wide_scopes,
    leases::KeptKey,
};

impl State {
    /// The index of the last applied log entry.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    /// The cluster's time: the highest stamp of the applied entries.
    pub fn log_time(&self) -> LogTime {
        self.log_time
    }

    /// The revision of the last applied log entry.
    pub fn revision(&self) -> Revision {
        let base = self.cluster().map_or(Revision::ZERO, |cluster| cluster.base);
        Revision::at(base, self.applied)
    }

    /// The sum of the hashes of all replicated objects: what members compare at equal revisions. The position in
    /// the log is not in it.
    pub fn hash(&self) -> StateHash {
        self.hash
    }

    /// The same sum, computed anew from every object: differs from [`State::hash`] only if memory is damaged.
    pub fn recomputed_hash(&self) -> StateHash {
        self.objects()
            .fold(StateHash::default(), |sum, object| sum.plus(object_hash(&object)))
    }

    /// The identity of the cluster, once it is founded.
    pub fn cluster(&self) -> Option<Cluster> {
        self.founded.as_ref().map(|founded| founded.cluster)
    }

    /// The highest member id given out so far, once the cluster is founded.
    pub fn last_member(&self) -> Option<MemberId> {
        self.founded.as_ref().map(|founded| founded.roster.last())
    }

    /// The member id that was given to `nonce`, as far back as nonces are remembered.
    pub fn member_of(&self, nonce: JoinNonce) -> Option<MemberId> {
        self.founded.as_ref()?.roster.find(nonce)
    }

    /// The nonce of the join that a member id was given to, as far back as nonces are remembered.
    pub fn nonce_of(&self, id: MemberId) -> Option<JoinNonce> {
        self.founded.as_ref()?.roster.nonces().get(&id).copied()
    }

    /// A service, if it has an instance.
    pub fn service(&self, key: &ServiceKey) -> Option<Arc<Service>> {
        self.catalog.service(key).cloned()
    }

    /// The services of `namespace`, in the order of their names.
    pub fn services<'a>(&'a self, namespace: &'a NamespaceName) -> impl Iterator<Item = &'a Arc<Service>> {
        self.catalog.services_in(namespace)
    }

    /// The services of all namespaces, in the order of their keys.
    pub fn all_services(&self) -> impl ExactSizeIterator<Item = &Arc<Service>> {
        self.catalog.services()
    }

    /// An instance, if it is there.
    pub fn instance(&self, key: &InstanceKey) -> Option<Arc<Instance>> {
        self.catalog.instance(key).cloned()
    }

    /// Whether there is room for an instance at `key`: the rule by which a registration is taken, for whoever
    /// wants to spare the log an entry that would come to nothing.
    pub fn check_room(&self, key: &InstanceKey) -> Result<(), Rejection> {
        match self.catalog.instance(key) {
            Some(_) => Ok(()),
            None => self.catalog.check_room(key),
        }
    }

    /// How many instances there are in the whole cluster.
    pub fn instance_count(&self) -> usize {
        self.catalog.instance_count()
    }

    /// A lease, if it is there.
    pub fn lease(&self, id: LeaseId) -> Option<&HeldLease> {
        self.leases.get(id)
    }

    /// The leases behind `after` in the order of their ids.
    pub fn leases_after(&self, after: Option<LeaseId>) -> impl Iterator<Item = &HeldLease> {
        self.leases.iter_after(after)
    }

    /// Those of them that have lapsed. Costs what has, not what there is.
    pub fn lapsed_leases_after(&self, after: Option<LeaseId>) -> impl Iterator<Item = &HeldLease> {
        self.leases.iter_lapsed_after(after)
    }

    /// What a lease keeps, in order.
    pub fn lease_instances(&self, id: LeaseId) -> impl Iterator<Item = &InstanceKey> {
        self.leases.instances_of(id)
    }

    /// The leases that are other here than they were in `before`, as they were and as they are. Costs what has changed,
    /// not what there is.
    pub fn lease_changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (Option<&'a HeldLease>, Option<&'a HeldLease>)> {
        self.leases.changes_since(&before.leases)
    }

    /// How many leases have lapsed.
    pub fn lapsed_lease_count(&self) -> usize {
        self.leases.lapsed_len()
    }

    /// How many guards are raised.
    pub fn raised_guard_count(&self) -> usize {
        self.guards.raised_count()
    }

    /// The guards that are raised, in the order of their scopes.
    pub fn raised_guards(&self) -> impl Iterator<Item = RaisedGuard> {
        self.guards.iter_raised()
    }

    /// The guards that are raised for a service: for itself, its namespace, the cluster, or a zone of its instances.
    /// Costs what the service has, not what is raised elsewhere.
    pub fn guards_of(&self, key: &ServiceKey) -> Vec<RaisedGuard> {
        if self.guards.raised_count() == 0 {
            return Vec::new();
        }
        let service = self.service(key);
        let zones: BTreeSet<&ZoneName> = service
            .iter()
            .flat_map(|service| service.instances())
            .filter_map(|instance| instance.spec().locality().zone.as_ref())
            .collect();
        let zones = zones.into_iter().cloned().map(GuardScope::Zone);
        let scopes: BTreeSet<GuardScope> = wide_scopes(key).into_iter().chain(zones).collect();
        scopes
            .iter()
            .filter_map(|scope| self.guards.find_raised(scope))
            .collect()
    }

    /// The log time from which on the state has something to do of its own accord, if it does: see
    /// [`Command::PassTime`].
    pub fn next_due(&self) -> Option<LogTime> {
        let drained = self.drains.get_min().map(|(at, _)| *at);
        [
            self.overrides.next_expiry(),
            drained,
            self.guards.next_deadline(),
            self.leases.next_recent().map(|(at, _)| at.until),
            self.leases.next_expiry(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether `command` only asks again for what was done: it would get the outcome of the first time, and make
    /// nothing grow.
    pub fn is_repetition(&self, command: &Command) -> bool {
        if let Command::GrantLease { owner, incarnation, .. } = command {
            return self.leases.held_by(owner.as_ref(), *incarnation).is_some();
        }
        let Command::Batch { key: Some(key), items } = command else {
            return false;
        };
        let mut growing = items.iter().filter(|(_, mutation)| mutation.grows());
        growing.all(|(part, _)| self.leases.kept(&KeptKey::new(key, *part)).is_some())
    }

    /// The services that are other here than they were in `before`, as they are now; those that are gone without one. Costs
    /// what has changed, not what there is.
    pub fn service_changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a ServiceKey, Option<&'a Arc<Service>>)> {
        self.catalog.changes_since(&before.catalog)
    }

    /// How many instances have a check that members make.
    pub fn probed_instance_count(&self) -> usize {
        self.probed_count
    }

    /// The members that make checks, once any were named.
    pub fn probers(&self) -> Option<&Probers> {
        self.probers.as_ref()
    }

    /// How many leases there are.
    pub fn lease_count(&self) -> usize {
        self.leases.len()
    }

    /// How many outcomes are kept for all leases.
    pub fn kept_outcome_count(&self) -> usize {
        self.leases.kept_len()
    }

    /// An override, if it is there.
    pub fn override_at(&self, target: &OverrideTarget) -> Option<&Arc<Override>> {
        self.overrides.get(target)
    }

    /// The overrides of `namespace` in the order of their targets: all, or those that touch `service`, among which
    /// are those of the whole namespace.
    pub fn overrides_in<'a>(
        &'a self,
        namespace: &NamespaceName,
        service: Option<&'a ServiceName>,
    ) -> impl Iterator<Item = &'a Arc<Override>> + use<'a> {
        self.overrides.iter_in(namespace, service)
    }

    /// What the instances of a service stand under.
    pub fn standings(&self, service: &ServiceKey) -> Standings {
        let overrides = self.overrides.of_service(service);
        Standings::new(overrides, self.guards.of_service(service), self.log_time)
    }

    /// How many overrides there are.
    pub fn override_count(&self) -> usize {
        self.overrides.len()
    }

    /// The settings of a service: the defaults, where nobody has set anything.
    pub fn settings(&self, service: &ServiceKey) -> ServiceSettings {
        self.settings.get(service).copied().unwrap_or_default()
    }

    /// How many services have settings other than the defaults.
    pub fn settings_count(&self) -> usize {
        self.settings.len()
    }
}

//! What the registry is asked and what it answers, in values of the model.

use std::{sync::Arc, time::Duration};

use quorate_consensus::{Member, Role};
use quorate_model::{
    ClusterId, DoorAddress, Epoch, Found, Generation, InstanceId, InstanceKey, InstanceSpec, LeaseId, LeaseTtl,
    Lifetime, LogIndex, LogTime, MemberId, Override, OverrideTarget, RemoveAfter, Renewal, Revision, ServiceName,
    ServiceSettings, StateHash, Takeover, Term,
};
use quorate_state::{Change, Effect, HeldLease, Mutation, RaisedGuard, Rejection};

use crate::{Error, LeaseStatus, Trust, Vitality};

/// An answer, and who gave it from which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Who answered, from which state.
    pub header: Header,
    /// What was asked for.
    pub value: T,
}

/// Who answered, from which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The cluster.
    pub cluster_id: ClusterId,
    /// The life of the cluster's history; zero before this member has applied its beginning.
    pub epoch: Epoch,
    /// The member that answered.
    pub member_id: MemberId,
    /// The term that it was in.
    pub term: Term,
    /// A write: the revision of the entry that answers it, by which it has taken effect. A read: that of the state that
    /// was read.
    pub revision: Revision,
    /// The leader as the member knows it.
    pub leader: Option<Leader>,
    /// A measured upper bound on how far the state that was read lags behind the cluster, in whole milliseconds.
    pub staleness: Option<Duration>,
    /// How many guards are raised in the cluster.
    pub guards_raised: usize,
}

/// Where to find the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Its id.
    pub id: MemberId,
    /// Its client door.
    pub client_address: DoorAddress,
}

/// What a registrant asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What the instance is to be found by.
    pub key: InstanceKey,
    /// What is stated about it.
    pub spec: InstanceSpec,
    /// Whether another owner's registration may be pushed aside.
    pub takeover: Takeover,
    /// What is to keep it.
    pub lifetime: Lifetime,
}

/// An instance is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The fencing token of the registration.
    pub generation: Generation,
    /// What it took.
    pub change: Change,
    /// The lease that keeps it.
    pub lease: Option<LeaseId>,
}

/// An instance is as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updated {
    /// The generation of the registration, as it was before.
    pub generation: Generation,
    /// Whether anything changed.
    pub effect: Effect,
}

/// Which part of a list that is ordered by names is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// At most so many entries; more than the limit stands for the limit.
    pub size: usize,
    /// The entry before the first one; absent for the start of the list.
    pub after: Option<K>,
}

/// A part of the list of services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePage {
    /// In the order of their names.
    pub services: Vec<ServiceSummary>,
    /// The last one here, if there are more behind it.
    pub next: Option<ServiceName>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSummary {
    /// Its name.
    pub name: ServiceName,
    /// How many instances it has, whatever their state.
    pub instances: usize,
    /// How many of them may be called.
    pub available: usize,
}

/// A part of the instances of a service that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstancePage {
    /// Whether the service has any instance at all, asked for or not.
    pub service_known: bool,
    /// In the order of their ids.
    pub instances: Vec<Found>,
    /// The last one here, if there are more behind it.
    pub next: Option<InstanceId>,
    /// The guards that have a say in which ones those are, and the log time of the state that was read.
    pub guards: GuardList,
}

/// Guards that are raised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardList {
    /// In the order of their scopes.
    pub guards: Vec<RaisedGuard>,
    /// The log time: what remains of them is counted from it.
    pub now: LogTime,
}

/// The one instance that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// Whether the service has any instance at all, asked for or not.
    pub service_known: bool,
    /// The instance; absent if none could be chosen.
    pub instance: Option<Found>,
}

/// A lease is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Its id.
    pub id: LeaseId,
    /// How long it lives without being renewed, as it was first granted.
    pub ttl: LeaseTtl,
    /// How long it stays when it has lapsed, as it was first granted.
    pub remove_after: RemoveAfter,
    /// When to renew it for the first time.
    pub renew_after: Duration,
    /// Whether it was granted just now.
    pub effect: Effect,
}

/// What came of the renewal of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// The lease.
    pub id: LeaseId,
    /// What came of it.
    pub renewal: Renewal,
    /// Its time to live; absent for one that is not known.
    pub ttl: Option<LeaseTtl>,
    /// When to renew it next; zero for one that is not known.
    pub renew_after: Duration,
}

/// A lease, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseView {
    /// The lease, and how it stands.
    pub held: HeldLease,
    /// What it keeps, or the first of that.
    pub instances: Vec<InstanceKey>,
    /// What the member that was asked knows of its renewals, if it lives.
    pub vitality: Option<Vitality>,
}

/// A part of the list of leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasePage {
    /// In the order of their ids.
    pub leases: Vec<LeaseView>,
    /// The last one here, if there are more behind it.
    pub next: Option<LeaseId>,
}

/// A part of the list of overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverridePage {
    /// In the order of their targets.
    pub overrides: Vec<Arc<Override>>,
    /// The log time of the state that was read: what remains of them is counted from it.
    pub now: LogTime,
    /// What the last one here is about, if there are more behind it.
    pub next: Option<OverrideTarget>,
}

/// The settings of a service are as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingsSet {
    /// What is set now.
    pub settings: ServiceSettings,
    /// Whether anything changed.
    pub effect: Effect,
}

/// How a member sees itself and the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// What it is at the moment.
    pub role: Role,
    /// Whether it serves.
    pub ready: bool,
    /// The last log entry that it has.
    pub last_log: LogIndex,
    /// The last log entry that it has applied.
    pub applied: LogIndex,
    /// The hash of its state at the header's revision.
    pub state_hash: StateHash,
    /// Services in all namespaces.
    pub services: usize,
    /// Instances in all namespaces.
    pub instances: usize,
    /// The members, in the order of their ids.
    pub members: Vec<Member>,
    /// Why the cluster takes nothing that makes it grow, as far as the member knows.
    pub read_only: Option<String>,
    /// Bytes that are free on the disk of its data, if it keeps any there.
    pub free_disk_bytes: Option<u64>,
    /// How it keeps leases.
    pub leases: LeaseStatus,
}

// === impl Registration ===

impl Registration {
    /// Refuses a check that is to trust what is no certificate: it would never pass, and nobody would know why.
    pub(crate) fn check_certificates(&self) -> Result<(), Error> {
        for check in self.spec.checks() {
            let Some(pem) = check.probe.tls().and_then(|tls| tls.ca_pem.as_ref()) else {
                continue;
            };
            if let Err(error) = Trust::from_pem(pem.as_str()) {
                let reason = format!("the check {}: {error}", check.name);
                return Err(Rejection::Invalid { reason }.into());
            }
        }
        Ok(())
    }

    /// The mutation for it at `now_ms` of the wall clock.
    pub(crate) fn into_mutation(self, now_ms: u64) -> Mutation {
        Mutation::Register {
            key: self.key,
            spec: self.spec,
            takeover: self.takeover,
            lifetime: self.lifetime,
            registered_at_ms: now_ms,
        }
    }
}

// === impl Page ===

impl<K> Page<K> {
    /// Cuts this page out of `entries`, which come in the order of their keys, and says behind which key the next
    /// page begins.
    pub(crate) fn cut<T>(
        &self,
        size_max: usize,
        entries: impl Iterator<Item = T>,
        key: impl Fn(&T) -> &K,
    ) -> (Vec<T>, Option<K>)
    where
        K: Ord + Clone,
    {
        let size = self.size.clamp(1, size_max);
        let mut entries = entries.skip_while(|entry| self.after.as_ref().is_some_and(|after| key(entry) <= after));
        let page: Vec<T> = entries.by_ref().take(size).collect();
        let next = entries.next().and(page.last()).map(|last| key(last).clone());
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE_MAX: usize = 5;

    #[test]
    fn a_page_size_of_none_or_too_many_is_brought_within_the_limit() {
        let cut = |size| Page { size, after: None }.cut(SIZE_MAX, 0..9, |n| n);
        assert_eq!(cut(0), (vec![0], Some(0)));
        assert_eq!(cut(SIZE_MAX + 1), (vec![0, 1, 2, 3, 4], Some(4)));
    }

    #[test]
    fn the_last_page_names_no_next_one_even_if_it_is_full() {
        let cut = |size, after| Page { size, after }.cut(SIZE_MAX, 0..4, |n| n);
        assert_eq!(cut(4, None), (vec![0, 1, 2, 3], None));
        assert_eq!(cut(2, Some(1)), (vec![2, 3], None));
        assert_eq!(cut(2, Some(3)), (vec![], None));
    }

    #[test]
    fn a_page_begins_behind_an_entry_that_is_gone() {
        let page = Page {
            size: 2,
            after: Some(3),
        };
        assert_eq!(
            page.cut(SIZE_MAX, [1, 2, 5, 8, 9].into_iter(), |n| n),
            (vec![5, 8], Some(8))
        );
    }

    proptest! {
        #[test]
        fn the_pages_together_are_the_list(
            list in prop::collection::btree_set(any::<u16>(), 0..40),
            size in 1..9_usize,
        ) {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let (page, next) = Page { size, after }.cut(8, list.iter().copied(), |n| n);
                found.extend(page);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(found, list.into_iter().collect::<Vec<_>>());
        }
    }
}

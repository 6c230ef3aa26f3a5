//! The rules once more, as simply as can be: vectors, searched from end to end, and counted anew each time.

mod checks;
mod guards;
mod instances;
mod leases;
mod operator;
mod time;

use quorate_model::{
    ClusterId, Epoch, GuardScope, InstanceKey, InstanceParts, Lease, LeaseKind, MemberId, Override, Revision,
    ServiceKey, ServiceSettings,
};
use quorate_state::{Command, Event, Guard, ItemOutcome, Lapsed, Mutation, Outcome, Rejection};

#[derive(Debug)]
pub(crate) struct Naive {
    /// Room for kept outcomes.
    pub(crate) kept_max: usize,
    pub(crate) founded: Option<(ClusterId, Epoch)>,
    pub(crate) log_time_ms: u64,
    /// Up to where lapses are aged: until when they were recent, and at which revision they were.
    pub(crate) aged_to: (u64, u64),
    pub(crate) last_member: u64,
    /// Member ids and their nonces, the oldest first.
    pub(crate) nonces: Vec<(u64, u128)>,
    pub(crate) instances: Vec<InstanceParts>,
    pub(crate) leases: Vec<NaiveLease>,
    pub(crate) kept: Vec<NaiveKept>,
    /// The ids of all leases that there ever were.
    pub(crate) granted: Vec<u64>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) settings: Vec<(ServiceKey, ServiceSettings)>,
    pub(crate) guards: Vec<NaiveGuard>,
    /// Who makes checks, and since when.
    pub(crate) probers: Option<(Revision, Vec<MemberId>)>,
}

#[derive(Debug)]
pub(crate) struct NaiveLease {
    pub(crate) lease: Lease,
    pub(crate) window_start: u64,
    pub(crate) last_used: u64,
    /// The revision at which it was granted, lapsed or revived last.
    pub(crate) changed: u64,
    pub(crate) lapsed: Option<Lapsed>,
}

#[derive(Debug, Clone)]
pub(crate) struct NaiveGuard {
    pub(crate) scope: GuardScope,
    pub(crate) state: NaiveGuardState,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum NaiveGuardState {
    Raised(Guard),
    Dropped { revision: u64, at_ms: u64 },
}

#[derive(Debug)]
pub(crate) struct NaiveKept {
    pub(crate) lease: u64,
    pub(crate) sequence: u64,
    pub(crate) part: u32,
    /// With its time set to 0.
    pub(crate) mutation: Mutation,
    pub(crate) outcome: ItemOutcome,
}

type Done = (Outcome, Vec<Event>);

fn rejected(rejection: Rejection) -> Done {
    (Outcome::Rejected(rejection), vec![])
}

impl Default for Naive {
    fn default() -> Self {
        Self::with_kept_max(usize::MAX)
    }
}

impl Naive {
    pub(crate) fn with_kept_max(kept_max: usize) -> Self {
        Self {
            kept_max,
            founded: None,
            log_time_ms: 0,
            aged_to: (0, u64::MAX),
            last_member: 0,
            nonces: vec![],
            instances: vec![],
            leases: vec![],
            kept: vec![],
            granted: vec![],
            overrides: vec![],
            settings: vec![],
            guards: vec![],
            probers: None,
        }
    }

    pub(crate) fn get(&self, key: &InstanceKey) -> Option<&InstanceParts> {
        self.instances.iter().find(|instance| instance.key == *key)
    }

    pub(crate) fn apply(&mut self, revision: u64, stamp_ms: u64, command: &Command) -> Done {
        let now = Revision::new(revision);
        self.log_time_ms = self.log_time_ms.max(stamp_ms);
        self.age_lapses();
        if let Command::Found { cluster_id, epoch } = command {
            return self.found((*cluster_id, *epoch));
        }
        if self.founded.is_none() {
            return rejected(Rejection::NotFounded);
        }
        match command {
            Command::Found { .. } => unreachable!("handled above"),
            Command::AllocateMember { nonce } => self.allocate(nonce.get()),
            Command::ClaimMember { id, reserved, nonce } => self.claim(*id, reserved.get(), nonce.get()),
            Command::Mutate(mutation) => match self.mutate(now, mutation) {
                Ok((mutated, events)) => (Outcome::Mutated(mutated), self.settled(now, events)),
                Err(rejection) => rejected(rejection),
            },
            Command::Batch { key, items } => self.batch(now, key.as_ref(), items),
            Command::GrantLease {
                owner,
                incarnation,
                ttl,
                remove_after,
                granted_at_ms,
            } => self.grant(Lease {
                id: now.into(),
                owner: owner.clone(),
                incarnation: *incarnation,
                ttl: *ttl,
                remove_after: *remove_after,
                kind: LeaseKind::Granted,
                granted_at_ms: *granted_at_ms,
            }),
            Command::RevokeLease { id } => self.revoke(now, *id),
            Command::SetOverride {
                spec,
                expires_after,
                set_at_ms,
            } => self.set_override(now, spec, *expires_after, *set_at_ms),
            Command::ClearOverride { target } => self.clear_override(target),
            Command::ExpireOverrides => self.expire_overrides(),
            Command::SetServiceSettings { service, patch, reset } => self.set_settings(service, patch, *reset),
            Command::LapseLeases { by, leases } => self.lapse(now, *by, leases),
            Command::ReviveLeases { by, leases } => self.revive(now, *by, leases),
            Command::PassTime => self.pass_time(now),
            Command::RaiseGuard { scope, lasts } => self.raise_by_hand(now, scope, *lasts),
            Command::DropGuard { scope } => self.drop_by_hand(now, scope),
            Command::SetProbers { members } => self.set_probers(now, members),
            Command::ReportChecks {
                probers,
                reporter,
                items,
            } => self.report_checks(now, *probers, *reporter, items),
        }
    }

    fn found(&mut self, identity: (ClusterId, Epoch)) -> Done {
        let found = *self.founded.get_or_insert(identity);
        if found != identity {
            return rejected(Rejection::AlreadyFounded { cluster_id: found.0 });
        }
        self.last_member = self.last_member.max(1);
        (Outcome::Founded, vec![])
    }

    fn allocate(&mut self, nonce: u128) -> Done {
        let known = self.nonces.iter().find(|known| known.1 == nonce).map(|known| known.0);
        let id = known.unwrap_or_else(|| {
            self.last_member += 1;
            self.nonces.push((self.last_member, nonce));
            self.last_member
        });
        let id = MemberId::try_from(id).expect("ids start at 1");
        (Outcome::MemberAllocated(id), vec![])
    }

    fn claim(&mut self, id: MemberId, reserved: u128, nonce: u128) -> Done {
        if !self.nonces.contains(&(id.get(), nonce)) {
            let is_known = self.nonces.iter().any(|known| known.1 == nonce);
            let place = self.nonces.iter().position(|known| *known == (id.get(), reserved));
            match place {
                Some(place) if !is_known => self.nonces[place].1 = nonce,
                _ => return rejected(Rejection::NotReserved),
            }
        }
        (Outcome::MemberAllocated(id), vec![])
    }
}

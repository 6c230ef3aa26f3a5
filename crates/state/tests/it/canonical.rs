//! The canonical bytes of objects written out by hand, so that the state hash has a second opinion.

use std::net::IpAddr;

use quorate_model::{
    AddressKind, Availability, Check, CheckState, Checks, Endpoint, Endpoints, GuardCause, GuardScope, Health,
    InstanceKey, InstanceParts, InstancePatch, InstanceSpec, Lapse, LeaseKind, Lifetime, Locality, Metadata, Override,
    OverrideTarget, Patch, Probe, ServiceKey, ServiceSettings, StateHash, Tags, Verdict,
};
use quorate_state::{Change, Effect, ItemOutcome, Limit, Mutated, Mutation, Rejection, Takeover};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::naive::{Naive, NaiveGuard, NaiveGuardState, NaiveKept, NaiveLease};

/// The hash of everything that the naive model knows, summed up from nothing.
pub(crate) fn hash(naive: &Naive) -> StateHash {
    let cluster = naive.founded.map(|(id, epoch)| {
        Canonical::of(0)
            .number(id.get())
            .number(epoch.get())
            .number(0_u64)
            .number(naive.last_member)
    });
    let nonces = naive
        .nonces
        .iter()
        .map(|(member, nonce)| Canonical::of(1).number(*member).number(*nonce));
    let time = (naive.log_time_ms > 0).then(|| Canonical::of(3).number(naive.log_time_ms));
    let is_behind = naive.aged_to != (naive.log_time_ms, u64::MAX);
    let aged = is_behind.then(|| Canonical::of(13).number(naive.aged_to.0).number(naive.aged_to.1));
    let settings = naive
        .settings
        .iter()
        .map(|(service, settings)| service_settings(service, settings));
    cluster
        .into_iter()
        .chain(nonces)
        .chain(naive.instances.iter().map(instance))
        .chain(time)
        .chain(aged)
        .chain(naive.leases.iter().map(lease))
        .chain(naive.kept.iter().map(kept))
        .chain(naive.overrides.iter().map(operator_override))
        .chain(settings)
        .chain(naive.guards.iter().map(guard))
        .chain(naive.probers.iter().map(|(named, members)| {
            let bytes = Canonical::of(12).number(named.get()).number(members.len() as u64);
            members.iter().fold(bytes, |bytes, member| bytes.number(member.get()))
        }))
        .fold(StateHash::EMPTY, |sum, object| sum.plus(xxh3_128(&object.0)))
}

fn instance(instance: &InstanceParts) -> Canonical {
    let is_checked = !instance.checks.is_empty();
    let is_of_the_first_kind = instance.lease.is_none() && instance.drains_until.is_none() && !is_checked;
    let kind: u64 = match (is_of_the_first_kind, is_checked) {
        (true, _) => 2,
        (false, false) => 8,
        (false, true) => 11,
    };
    let bytes = Canonical::of(kind)
        .key(&instance.key)
        .spec(&instance.spec)
        .availability(instance.availability)
        .number(instance.create_revision.get())
        .number(instance.modify_revision.get())
        .number(instance.generation.get())
        .number(instance.registered_at_ms);
    if is_of_the_first_kind {
        return bytes;
    }
    let bytes = bytes
        .optional(instance.lease, |bytes, lease| bytes.number(lease.get()))
        .optional(instance.lapse.as_ref(), Canonical::lapse)
        .optional(instance.drains_until, |bytes, until| bytes.number(until.as_ms()));
    if !is_checked {
        return bytes;
    }
    let bytes = bytes
        .checks(instance.spec.checks())
        .number(instance.checks.len() as u64);
    instance.checks.iter().fold(bytes, check_state)
}

fn check_state(bytes: Canonical, state: &CheckState) -> Canonical {
    let health = match state.health {
        Health::Passing => 0_u64,
        Health::Warning => 1,
        Health::Critical => 2,
        Health::Unknown => 3,
    };
    let bytes = bytes.number(health).number(state.votes.len() as u64);
    let votes = state.votes.iter();
    votes
        .fold(bytes, |bytes, (member, verdict)| {
            bytes.number(member.get()).verdict(*verdict)
        })
        .text(state.output.as_str())
}

fn check(bytes: Canonical, check: &Check) -> Canonical {
    let pace = check.pace.parts();
    let probe = match check.probe {
        Probe::Tcp => 1_u64,
        Probe::Reported => 3,
        Probe::Http(_) | Probe::Grpc(_) => panic!("not among the samples: {check:?}"),
    };
    bytes
        .text(check.name.as_str())
        .raw(&[check.endpoint.get()])
        .number(probe)
        .number(pace.interval_ms)
        .number(pace.timeout_ms)
        .number(pace.rise)
        .number(pace.fall)
        .raw(&[check.vantage.points(), check.vantage.quorum()])
}

fn lease(held: &NaiveLease) -> Canonical {
    let lease = &held.lease;
    let is_own = lease.kind == LeaseKind::Own;
    let is_of_the_first_kind = !is_own
        && held.lapsed.is_none()
        && held.changed == lease.id.get()
        && lease.remove_after.as_ms() == 2 * lease.ttl.as_ms();
    let bytes = Canonical::of(if is_of_the_first_kind { 4 } else { 9 })
        .number(lease.id.get())
        .optional(lease.owner.as_ref(), |bytes, owner| bytes.text(owner.as_str()))
        .number(lease.incarnation.get())
        .number(lease.ttl.as_ms())
        .number(lease.granted_at_ms)
        .number(held.window_start)
        .number(held.last_used);
    if is_of_the_first_kind {
        return bytes;
    }
    bytes
        .number(lease.remove_after.as_ms())
        .raw(&[u8::from(is_own)])
        .number(held.changed)
        .optional(held.lapsed, |bytes, lapsed| {
            bytes.lapse(&lapsed.lapse).number(lapsed.expires_at.as_ms())
        })
}

fn guard(known: &NaiveGuard) -> Canonical {
    let bytes = Canonical::of(10);
    let bytes = match &known.scope {
        GuardScope::Service(service) => bytes
            .number(0_u64)
            .text(service.namespace.as_str())
            .text(service.service.as_str()),
        GuardScope::Zone(zone) => bytes.number(1_u64).text(zone.as_str()),
        GuardScope::Namespace(namespace) => bytes.number(2_u64).text(namespace.as_str()),
        GuardScope::Cluster => bytes.number(3_u64),
    };
    match known.state {
        NaiveGuardState::Raised(guard) => bytes
            .number(0_u64)
            .number(guard.revision.get())
            .number(guard.raised_at.as_ms())
            .number(guard.drops_at.as_ms())
            .number(match guard.cause {
                GuardCause::Share => 0_u64,
                GuardCause::Floor => 1,
                GuardCause::Operator => 2,
            })
            .number(guard.counts_from.get()),
        NaiveGuardState::Dropped { revision, at_ms } => bytes.number(1_u64).number(revision).number(at_ms),
    }
}

fn kept(kept: &NaiveKept) -> Canonical {
    Canonical::of(5)
        .number(kept.lease)
        .number(kept.sequence)
        .number(kept.part)
        .number(xxh3_64(&mutation(&kept.mutation).0))
        .item_outcome(&kept.outcome)
}

fn operator_override(known: &Override) -> Canonical {
    let bytes = match known.spec.target() {
        OverrideTarget::Disable { key } => Canonical::of(6).number(0_u64).key(key),
        OverrideTarget::Weight { key } => Canonical::of(6).number(1_u64).key(key),
        OverrideTarget::ZoneOut {
            namespace,
            service,
            zone,
        } => Canonical::of(6)
            .number(2_u64)
            .text(namespace.as_str())
            .optional(service.as_ref(), |bytes, service| bytes.text(service.as_str()))
            .text(zone.as_str()),
    };
    bytes
        .optional(known.spec.weight(), |bytes, weight| bytes.number(weight.get()))
        .text(known.spec.reason().as_str())
        .number(known.revision.get())
        .number(known.set_at_ms)
        .optional(known.expires_at, |bytes, at| bytes.number(at.as_ms()))
}

fn service_settings(service: &ServiceKey, settings: &ServiceSettings) -> Canonical {
    Canonical::of(7)
        .text(service.namespace.as_str())
        .text(service.service.as_str())
        .raw(&[settings.guard_share.as_percent()])
        .number(settings.default_ttl.as_ms())
        .number(settings.protect_minimum.get())
}

fn mutation(mutation: &Mutation) -> Canonical {
    match mutation {
        Mutation::Register {
            key,
            spec,
            takeover,
            lifetime,
            registered_at_ms,
        } => {
            let takeover = match takeover {
                Takeover::Forbidden => 0_u64,
                Takeover::Allowed => 1,
            };
            let is_checked = !spec.checks().is_empty();
            let kind: u64 = match (is_checked, *lifetime == Lifetime::Persistent) {
                (true, _) => 6,
                (false, true) => 0,
                (false, false) => 4,
            };
            let bytes = Canonical::of(kind)
                .key(key)
                .spec(spec)
                .number(takeover)
                .number(*registered_at_ms);
            let bytes = bytes.lifetime(*lifetime, is_checked);
            if is_checked { bytes.checks(spec.checks()) } else { bytes }
        }
        Mutation::Update { key, generation, patch } => Canonical::of(1)
            .key(key)
            .optional(*generation, |bytes, generation| bytes.number(generation.get()))
            .patch(patch),
        Mutation::Deregister { key, generation } => Canonical::of(2)
            .key(key)
            .optional(*generation, |bytes, generation| bytes.number(generation.get())),
        Mutation::SetAvailability {
            key,
            availability: Availability::Draining,
            drain: Some(time),
            generation,
        } => Canonical::of(5)
            .key(key)
            .optional(*generation, |bytes, generation| bytes.number(generation.get()))
            .number(time.as_ms()),
        Mutation::ReportCheck {
            key,
            generation,
            check,
            verdict,
            output,
        } => Canonical::of(7)
            .key(key)
            .optional(*generation, |bytes, generation| bytes.number(generation.get()))
            .text(check.as_str())
            .verdict(*verdict)
            .text(output.as_str()),
        Mutation::SetAvailability {
            key,
            availability,
            drain: _,
            generation,
        } => Canonical::of(3)
            .key(key)
            .availability(*availability)
            .optional(*generation, |bytes, generation| bytes.number(generation.get())),
    }
}

fn endpoint(bytes: Canonical, endpoint: &Endpoint) -> Canonical {
    let bytes = match endpoint.address.kind() {
        AddressKind::Ip(IpAddr::V4(ip)) => bytes.number(0_u64).raw(&ip.octets()),
        AddressKind::Ip(IpAddr::V6(ip)) => bytes.number(1_u64).raw(&ip.octets()),
        AddressKind::Host(name) => bytes.number(2_u64).text(name),
    };
    bytes
        .number(endpoint.port.get())
        .optional(endpoint.protocol.as_ref(), |bytes, protocol| {
            bytes.text(protocol.as_str())
        })
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn key(self, key: &InstanceKey) -> Self {
        self.text(key.namespace.as_str())
            .text(key.service.as_str())
            .text(key.id.as_str())
    }

    fn spec(self, spec: &InstanceSpec) -> Self {
        self.endpoints(spec.endpoints())
            .optional(spec.version(), |bytes, version| bytes.text(version.as_str()))
            .number(spec.weight().get())
            .locality(spec.locality())
            .metadata(spec.metadata())
            .tags(spec.tags())
            .optional(spec.holder().owner.as_ref(), |bytes, owner| bytes.text(owner.as_str()))
            .optional(spec.holder().incarnation, |bytes, incarnation| {
                bytes.number(incarnation.get())
            })
    }

    fn patch(self, patch: &InstancePatch) -> Self {
        let bytes = self.optional(patch.endpoints.as_ref(), Self::endpoints);
        let bytes = match &patch.version {
            Patch::Keep => bytes.number(0_u64),
            Patch::Clear => bytes.number(1_u64),
            Patch::Set(version) => bytes.number(2_u64).text(version.as_str()),
        };
        bytes
            .optional(patch.weight, |bytes, weight| bytes.number(weight.get()))
            .optional(patch.locality.as_ref(), Self::locality)
            .optional(patch.metadata.as_ref(), Self::metadata)
            .optional(patch.tags.as_ref(), Self::tags)
    }

    fn endpoints(self, endpoints: &Endpoints) -> Self {
        let bytes = self.number(endpoints.as_slice().len() as u64);
        endpoints.iter().fold(bytes, endpoint)
    }

    fn locality(self, locality: &Locality) -> Self {
        self.optional(locality.region.as_ref(), |bytes, region| bytes.text(region.as_str()))
            .optional(locality.zone.as_ref(), |bytes, zone| bytes.text(zone.as_str()))
    }

    fn metadata(self, metadata: &Metadata) -> Self {
        let bytes = self.number(metadata.len() as u64);
        let entries = metadata.iter();
        entries.fold(bytes, |bytes, (key, value)| {
            bytes.text(key.as_str()).text(value.as_str())
        })
    }

    fn tags(self, tags: &Tags) -> Self {
        let bytes = self.number(tags.len() as u64);
        tags.iter().fold(bytes, |bytes, tag| bytes.text(tag.as_str()))
    }

    /// That there is one is said only where it is optional.
    fn lifetime(self, lifetime: Lifetime, is_optional: bool) -> Self {
        let bytes = match (is_optional, lifetime) {
            (false, _) => self,
            (true, Lifetime::Persistent) => self.raw(&[0]),
            (true, Lifetime::Ttl(_) | Lifetime::Lease(_)) => self.raw(&[1]),
        };
        match lifetime {
            Lifetime::Persistent => bytes,
            Lifetime::Ttl(ttl) => bytes.number(0_u64).number(ttl.as_ms()),
            Lifetime::Lease(id) => bytes.number(1_u64).number(id.get()),
        }
    }

    fn checks(self, checks: &Checks) -> Self {
        let bytes = self.number(checks.len() as u64);
        checks.iter().fold(bytes, check)
    }

    fn verdict(self, verdict: Verdict) -> Self {
        self.number(match verdict {
            Verdict::Passing => 0_u64,
            Verdict::Warning => 1,
            Verdict::Critical => 2,
        })
    }

    fn lapse(self, lapse: &Lapse) -> Self {
        self.number(lapse.revision.get())
            .number(lapse.at.as_ms())
            .number(lapse.recent_until.as_ms())
    }

    fn availability(self, availability: Availability) -> Self {
        self.number(match availability {
            Availability::Enabled => 0_u64,
            Availability::Draining => 1,
            Availability::Disabled => 2,
        })
    }

    fn item_outcome(self, outcome: &ItemOutcome) -> Self {
        let effect_of = |effect: &Effect| match effect {
            Effect::Changed => 0_u64,
            Effect::Unchanged => 1,
        };
        match outcome {
            Ok(Mutated::Registered {
                generation,
                revision,
                change,
                lease,
            }) => {
                let change = match change {
                    Change::Created => 0_u64,
                    Change::Updated => 1,
                    Change::Unchanged => 2,
                    Change::Restarted => 3,
                    Change::TakenOver => 4,
                };
                let bytes = self.number(if lease.is_none() { 0_u64 } else { 5 });
                let bytes = bytes.number(generation.get()).number(revision.get()).number(change);
                match lease {
                    None => bytes,
                    Some(lease) => bytes.number(lease.get()),
                }
            }
            Ok(Mutated::Updated {
                generation,
                revision,
                effect,
            }) => {
                let bytes = self.number(1_u64).number(generation.get()).number(revision.get());
                bytes.number(effect_of(effect))
            }
            Ok(Mutated::Deregistered { existed }) => self.number(2_u64).number(u64::from(*existed)),
            Ok(Mutated::AvailabilitySet {
                generation,
                revision,
                effect,
            }) => {
                let bytes = self.number(3_u64).number(generation.get()).number(revision.get());
                bytes.number(effect_of(effect))
            }
            Ok(Mutated::CheckReported {
                generation,
                revision,
                effect,
            }) => {
                let bytes = self.number(6_u64).number(generation.get()).number(revision.get());
                bytes.number(effect_of(effect))
            }
            Err(rejection) => self.number(4_u64).rejection(rejection),
        }
    }

    /// Those that a mutation of a small test can come to.
    fn rejection(self, rejection: &Rejection) -> Self {
        match rejection {
            Rejection::AlreadyExists { owner } => self
                .number(1_u64)
                .optional(owner.as_ref(), |bytes, owner| bytes.text(owner.as_str())),
            Rejection::StaleGeneration { current } => self.number(2_u64).number(current.get()),
            Rejection::NotFound => self.number(3_u64),
            Rejection::Invalid { reason } => self.number(0_u64).text(reason),
            Rejection::LimitExceeded { limit: Limit::Leases } => self.number(4_u64).number(4_u64),
            Rejection::LeaseNotFound => self.number(7_u64),
            Rejection::LeaseLapsed => self.number(11_u64),
            Rejection::CheckNotFound => self.number(12_u64),
            Rejection::LimitExceeded { .. }
            | Rejection::NotFounded
            | Rejection::AlreadyFounded { .. }
            | Rejection::SequenceTooOld { .. }
            | Rejection::KeyReused
            | Rejection::NotReserved => panic!("an unexpected rejection: {rejection}"),
        }
    }

    fn of(kind: u64) -> Self {
        Self(Vec::new()).number(kind)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte up to 250, else a marker of the width and as many bytes, the lowest first.
    fn number(self, value: impl Into<u128>) -> Self {
        let value: u128 = value.into();
        let (marker, width) = match value {
            0..=250 => return self.raw(&value.to_le_bytes()[..1]),
            251..=0xFFFF => (251, 2),
            0x1_0000..=0xFFFF_FFFF => (252, 4),
            0x1_0000_0000..=0xFFFF_FFFF_FFFF_FFFF => (253, 8),
            _ => (254, 16),
        };
        self.raw(&[marker]).raw(&value.to_le_bytes()[..width])
    }

    fn text(self, text: &str) -> Self {
        self.number(text.len() as u64).raw(text.as_bytes())
    }

    fn optional<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            None => self.raw(&[0]),
            Some(value) => write(self.raw(&[1]), value),
        }
    }
}

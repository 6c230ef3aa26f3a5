//! Values and commands for tests, named by what matters in them.

use quorate_model::{
    Availability, ClusterId, DrainTime, Endpoint, Endpoints, Epoch, ExpiresAfter, Generation, GuardScope, GuardTime,
    Incarnation, InstanceId, InstanceKey, InstancePatch, InstanceSpec, JoinNonce, Leadership, LeaseId, LeaseTtl,
    Lifetime, LogIndex, LogTime, MemberId, NamespaceName, OverrideKind, OverrideSpec, OverrideTarget, RemoveAfter,
    RequestKey, Revision, Sequence, ServiceKey, ServiceName, SettingsPatch, SpecParts, Term, Weight,
};
use quorate_state::{
    Command, Event, Mutation, Outcome, Position, State, Takeover,
    snapshot::{Decoder, Encoder, RaftMeta},
};

pub(crate) const CLUSTER: ClusterId = ClusterId::new(0xC1);

/// Who has proposed what a test applies.
pub(crate) const LEADERSHIP: Leadership = Leadership {
    term: Term::new(3),
    leader: MemberId::FIRST,
};

pub(crate) fn key(id: &str) -> InstanceKey {
    InstanceKey {
        namespace: NamespaceName::default(),
        service: ServiceName::try_from("web").expect("valid"),
        id: InstanceId::try_from(id).expect("valid"),
    }
}

pub(crate) fn web() -> ServiceKey {
    key("any").service_key()
}

/// Parts at `10.0.0.1:port`.
pub(crate) fn parts(port: u16) -> SpecParts {
    SpecParts::new(Endpoints::from(Endpoint {
        address: "10.0.0.1".parse().expect("valid"),
        port: port.try_into().expect("valid"),
        protocol: None,
    }))
}

pub(crate) fn spec(parts: SpecParts) -> InstanceSpec {
    InstanceSpec::new(parts).expect("small enough")
}

/// A spec at `10.0.0.1:port`, held by `owner` in `incarnation`; none of it where empty or 0.
pub(crate) fn held(port: u16, owner: &str, incarnation: u64) -> InstanceSpec {
    let mut parts = parts(port);
    parts.holder.owner = (!owner.is_empty()).then(|| owner.parse().expect("valid"));
    parts.holder.incarnation = Incarnation::try_from(incarnation).ok();
    spec(parts)
}

pub(crate) fn found() -> Command {
    Command::Found {
        cluster_id: CLUSTER,
        epoch: Epoch::new(1),
    }
}

pub(crate) fn allocate(nonce: u128) -> Command {
    Command::AllocateMember {
        nonce: JoinNonce::new(nonce),
    }
}

pub(crate) fn register(id: &str, spec: InstanceSpec) -> Command {
    Command::Mutate(Mutation::Register {
        key: key(id),
        spec,
        takeover: Takeover::Forbidden,
        lifetime: Lifetime::Persistent,
        registered_at_ms: 1_000,
    })
}

pub(crate) fn take_over(id: &str, spec: InstanceSpec) -> Command {
    Command::Mutate(Mutation::Register {
        key: key(id),
        spec,
        takeover: Takeover::Allowed,
        lifetime: Lifetime::Persistent,
        registered_at_ms: 2_000,
    })
}

pub(crate) fn update(id: &str, generation: Option<u64>, patch: InstancePatch) -> Command {
    Command::Mutate(Mutation::Update {
        key: key(id),
        generation: generation.map(Generation::new),
        patch,
    })
}

pub(crate) fn deregister(id: &str, generation: Option<u64>) -> Command {
    Command::Mutate(Mutation::Deregister {
        key: key(id),
        generation: generation.map(Generation::new),
    })
}

pub(crate) fn set_availability(id: &str, availability: Availability, generation: Option<u64>) -> Command {
    Command::Mutate(Mutation::SetAvailability {
        key: key(id),
        availability,
        drain: None,
        generation: generation.map(Generation::new),
    })
}

/// A batch of `items`, each at its place, under the key `(lease, sequence)` of a holder that acknowledges nothing.
pub(crate) fn batch(key: Option<(u64, u64)>, items: Vec<Command>) -> Command {
    let key = key.map(|(lease, sequence)| request_key(lease, sequence, 1));
    let items = items.into_iter().map(|item| {
        let Command::Mutate(mutation) = item else {
            panic!("not a mutation: {item:?}");
        };
        mutation
    });
    let items = (0..).zip(items).collect();
    Command::Batch { key, items }
}

pub(crate) fn request_key(lease: u64, sequence: u64, acked_below: u64) -> RequestKey {
    let number = |number: u64| Sequence::try_from(number).expect("not 0");
    RequestKey::new(LeaseId::new(lease), number(sequence), number(acked_below)).expect("not above")
}

pub(crate) fn grant(owner: &str, incarnation: u64) -> Command {
    Command::GrantLease {
        owner: (!owner.is_empty()).then(|| owner.parse().expect("valid")),
        incarnation: incarnation.try_into().expect("not 0"),
        ttl: LeaseTtl::default(),
        remove_after: RemoveAfter::of(LeaseTtl::default()),
        granted_at_ms: 1_000,
    }
}

/// A grant to the holder in its first run, with a TTL of 10 s, that stays so long when it has lapsed.
pub(crate) fn grant_staying(owner: &str, remove_after_ms: u64) -> Command {
    Command::GrantLease {
        owner: Some(owner.parse().expect("valid")),
        incarnation: 1.try_into().expect("not 0"),
        ttl: ttl(10_000),
        remove_after: RemoveAfter::from_ms(remove_after_ms).expect("valid"),
        granted_at_ms: 1_000,
    }
}

pub(crate) fn ttl(ms: u64) -> LeaseTtl {
    LeaseTtl::from_ms(ms).expect("valid")
}

/// A registration that something keeps.
pub(crate) fn register_for(id: &str, spec: InstanceSpec, lifetime: Lifetime) -> Command {
    Command::Mutate(Mutation::Register {
        key: key(id),
        spec,
        takeover: Takeover::Forbidden,
        lifetime,
        registered_at_ms: 1_000,
    })
}

/// A registration at `10.0.0.1:80` in the name of the lease that keeps it.
pub(crate) fn register_with(id: &str, lease: u64) -> Command {
    register_for(id, held(80, "", 0), Lifetime::Lease(LeaseId::new(lease)))
}

/// A registration at `10.0.0.1:80` with a lease of its own.
pub(crate) fn register_living(id: &str, ttl_ms: u64) -> Command {
    register_for(id, held(80, "", 0), Lifetime::Ttl(ttl(ttl_ms)))
}

pub(crate) fn drain(id: &str, ms: u64) -> Command {
    Command::Mutate(Mutation::SetAvailability {
        key: key(id),
        availability: Availability::Draining,
        drain: DrainTime::from_ms(ms).ok(),
        generation: None,
    })
}

/// Lets leases lapse, each with the revision since which it is as it is.
pub(crate) fn lapse(leases: &[(u64, u64)]) -> Command {
    Command::LapseLeases {
        by: LEADERSHIP,
        leases: pairs(leases),
    }
}

/// Revives leases, each with the revision of its lapse.
pub(crate) fn revive(leases: &[(u64, u64)]) -> Command {
    Command::ReviveLeases {
        by: LEADERSHIP,
        leases: pairs(leases),
    }
}

fn pairs(leases: &[(u64, u64)]) -> Vec<(LeaseId, Revision)> {
    let leases = leases.iter();
    leases
        .map(|(id, revision)| (LeaseId::new(*id), Revision::new(*revision)))
        .collect()
}

pub(crate) fn raise_guard(scope: GuardScope, ms: u64) -> Command {
    Command::RaiseGuard {
        scope,
        lasts: GuardTime::from_ms(ms).expect("valid"),
    }
}

pub(crate) fn drop_guard(scope: GuardScope) -> Command {
    Command::DropGuard { scope }
}

/// The scope of the service `web`.
pub(crate) fn of_web() -> GuardScope {
    GuardScope::Service(web())
}

pub(crate) fn of_zone(zone: &str) -> GuardScope {
    GuardScope::Zone(zone.parse().expect("valid"))
}

/// The scope of the default namespace.
pub(crate) fn of_namespace() -> GuardScope {
    GuardScope::Namespace(NamespaceName::default())
}

pub(crate) fn revoke(lease: u64) -> Command {
    Command::RevokeLease {
        id: LeaseId::new(lease),
    }
}

pub(crate) fn disabled(id: &str) -> OverrideTarget {
    OverrideTarget::Disable { key: key(id) }
}

pub(crate) fn weighed(id: &str) -> OverrideTarget {
    OverrideTarget::Weight { key: key(id) }
}

/// A zone that is out for `service` of the default namespace; for all of it, if that is absent.
pub(crate) fn zone_out(service: Option<&str>, zone: &str) -> OverrideTarget {
    OverrideTarget::ZoneOut {
        namespace: NamespaceName::default(),
        service: service.map(|service| service.parse().expect("valid")),
        zone: zone.parse().expect("valid"),
    }
}

/// Sets an override, of a weight to 7, for so long; for ever where 0.
pub(crate) fn set_override(target: OverrideTarget, expires_after_ms: u64) -> Command {
    let weight = match target.kind() {
        OverrideKind::Weight => Some(Weight::new(7)),
        OverrideKind::Disable | OverrideKind::ZoneOut => None,
    };
    Command::SetOverride {
        spec: OverrideSpec::new(target, weight, "why".parse().expect("valid")).expect("valid"),
        expires_after: ExpiresAfter::from_ms(expires_after_ms).ok(),
        set_at_ms: 1_000,
    }
}

pub(crate) fn clear_override(target: OverrideTarget) -> Command {
    Command::ClearOverride { target }
}

/// Changes the settings of the service `web`.
pub(crate) fn set_settings(patch: SettingsPatch, reset: bool) -> Command {
    Command::SetServiceSettings {
        service: web(),
        patch,
        reset,
    }
}

/// A change of the protected minimum alone.
pub(crate) fn minimum(count: u32) -> SettingsPatch {
    SettingsPatch {
        protect_minimum: Some(count.try_into().expect("valid")),
        ..SettingsPatch::default()
    }
}

pub(crate) fn claim(id: u64, reserved: u128, nonce: u128) -> Command {
    Command::ClaimMember {
        id: id.try_into().expect("not 0"),
        reserved: JoinNonce::new(reserved),
        nonce: JoinNonce::new(nonce),
    }
}

/// An entry without a stamp.
pub(crate) fn position(index: u64) -> Position {
    Position {
        index: LogIndex::new(index),
        time: LogTime::ZERO,
        leadership: LEADERSHIP,
    }
}

/// A state that gets one command after the other, from log index 1 on.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) state: State,
}

impl Node {
    /// A node of a founded cluster: the next command is at revision 2.
    pub(crate) fn founded() -> Self {
        let mut node = Self::default();
        assert_eq!(node.apply(&found()), (Outcome::Founded, vec![]));
        node
    }

    pub(crate) fn apply(&mut self, command: &Command) -> (Outcome, Vec<Event>) {
        self.apply_stamped(0, command)
    }

    /// Applies a command whose entry carries a stamp.
    pub(crate) fn apply_stamped(&mut self, ms: u64, command: &Command) -> (Outcome, Vec<Event>) {
        let at = Position {
            time: LogTime::from_ms(ms),
            ..position(self.state.applied().get() + 1)
        };
        self.state.apply(at, command)
    }

    /// Applies a command that is to change nothing, and gives its outcome.
    pub(crate) fn apply_in_vain(&mut self, command: &Command) -> Outcome {
        let (before, views) = (self.state.hash(), self.state.clone());
        let (outcome, events) = self.apply(command);
        assert_eq!(events, vec![], "an event of {command:?}");
        assert_eq!(self.state.hash(), before, "a change by {command:?}");
        assert!(self.state.all_services().eq(views.all_services()));
        outcome
    }
}

/// What another member makes of a snapshot of `state`.
pub(crate) fn through_a_snapshot(state: &State) -> State {
    let mut decoder = Decoder::new();
    for chunk in Encoder::new(state, RaftMeta::default()).expect("no membership") {
        decoder.push(&chunk).expect("a chunk of the encoder");
    }
    decoder.finish().expect("all chunks").1
}

//! Arbitrary commands, from pools so small that they meet.

mod values;

use proptest::{collection, option, prelude::*};
use quorate_model::{
    ClusterId, Epoch, Generation, Incarnation, InstanceKey, InstanceSpec, JoinNonce, Leadership, LeaseId, Lifetime,
    LogTime, MemberId, RemoveAfter, RequestKey, Revision, Term,
};
use quorate_state::{CheckReport, Command, Mutation, Position, Takeover};

use crate::{
    naive::Naive,
    samples::{LEADERSHIP, found, grant, position},
};

/// A stamped command, or a shape of one whose generations, leases and their revisions depend on what is there when it is
/// applied.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    stamp_ms: u64,
    command: Command,
    aim: Aim,
}

/// Which generation a command speaks of.
#[derive(Debug, Clone, Copy)]
enum Aim {
    /// None: it comes from an operator.
    Any,
    /// The one that is there.
    Current,
    /// Whatever this is.
    Fixed(u64),
}

impl Step {
    /// The command, aimed at what `naive` has.
    pub(crate) fn aimed(&self, naive: &Naive) -> Command {
        let mut command = self.command.clone();
        match &mut command {
            Command::Mutate(mutation) => self.aim_mutation(mutation, naive),
            Command::Batch { key, items } => {
                *key = key.map(|key| with_lease(key, naive.chosen(key.lease())));
                for (_, mutation) in items {
                    self.aim_mutation(mutation, naive);
                }
            }
            Command::RevokeLease { id } => *id = naive.chosen(*id),
            Command::LapseLeases { leases, .. } | Command::ReviveLeases { leases, .. } => {
                for (id, revision) in leases {
                    *id = naive.chosen_held(*id);
                    // A number other than 0 stands for itself: it is hardly ever the right one.
                    if *revision == Revision::ZERO {
                        *revision = naive.changed(*id);
                    }
                }
            }
            Command::Found { .. }
            | Command::AllocateMember { .. }
            | Command::GrantLease { .. }
            | Command::SetOverride { .. }
            | Command::ClearOverride { .. }
            | Command::ExpireOverrides
            | Command::SetServiceSettings { .. }
            | Command::ClaimMember { .. }
            | Command::PassTime
            | Command::RaiseGuard { .. }
            | Command::DropGuard { .. }
            | Command::SetProbers { .. } => {}
            // A number other than 0 stands for itself here too.
            Command::ReportChecks { probers, items, .. } => {
                if *probers == Revision::ZERO {
                    *probers = naive.probers.as_ref().map_or(Revision::ZERO, |(named, _)| *named);
                }
                for item in items.iter_mut().filter(|item| item.generation == Generation::new(0)) {
                    let current = naive.get(&item.key).map(|instance| instance.generation);
                    item.generation = current.unwrap_or(item.generation);
                }
            }
        }
        command
    }

    fn aim_mutation(&self, mutation: &mut Mutation, naive: &Naive) {
        match mutation {
            Mutation::Update { key, generation, .. }
            | Mutation::Deregister { key, generation }
            | Mutation::SetAvailability { key, generation, .. }
            | Mutation::ReportCheck { key, generation, .. } => {
                *generation = match self.aim {
                    Aim::Any => None,
                    Aim::Current => naive.get(key).map(|instance| instance.generation),
                    Aim::Fixed(number) => Some(Generation::new(number)),
                };
            }
            Mutation::Register { lifetime, .. } => {
                if let Lifetime::Lease(id) = lifetime {
                    *id = naive.chosen_held(*id);
                }
            }
        }
    }

    pub(crate) fn stamp_ms(&self) -> u64 {
        self.stamp_ms
    }

    /// The entry at `index`, with its stamp.
    pub(crate) fn at(&self, index: u64) -> Position {
        Position {
            time: LogTime::from_ms(self.stamp_ms),
            ..position(index)
        }
    }
}

fn with_lease(key: RequestKey, lease: LeaseId) -> RequestKey {
    RequestKey::new(lease, key.sequence(), key.acked_below()).expect("it was valid before")
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    steps_of(command(), 60)
}

/// Longer histories of leases that come and go in few services.
pub(crate) fn steps_of_leases() -> impl Strategy<Value = Vec<Step>> {
    let command = prop_oneof![
        8 => registration(values::key_of_few_services(), values::spec()).prop_map(Command::Mutate),
        2 => mutation().prop_map(Command::Mutate),
        4 => of_leases(),
        10 => of_liveness(),
        2 => of_operators(),
    ];
    steps_of(command, 250)
}

fn steps_of(command: impl Strategy<Value = Command>, max: usize) -> impl Strategy<Value = Vec<Step>> {
    let aim = prop_oneof![Just(Aim::Any), Just(Aim::Current), (0_u64..40).prop_map(Aim::Fixed)];
    // Mostly a little later than the one before, so that what is short and what is long comes to its end.
    let later_ms = prop_oneof![
        10 => 0_u64..20,
        3 => 500_u64..3_000,
        2 => 5_000_u64..40_000,
        1 => Just(600_000),
        1 => prop::sample::select(vec![0, 0, 86_400_000, 172_800_000]),
    ];
    // Stamps of several leaders, some of which are behind.
    let behind_ms = prop_oneof![4 => Just(0), 1 => 0_u64..60];
    let step = (later_ms, behind_ms, command, aim);
    let beginning = [found(), grant("p", 1), grant("", 2)].map(|command| Step {
        stamp_ms: 0,
        command,
        aim: Aim::Any,
    });
    // Usually founded first, with leases that writes can name; sometimes later or never.
    (prop::bool::weighted(0.9), collection::vec(step, 0..max)).prop_map(move |(first, steps)| {
        let mut time_ms = 0;
        let steps = steps.into_iter().map(|(later_ms, behind_ms, command, aim)| {
            time_ms += later_ms;
            let stamp_ms = u64::saturating_sub(time_ms, behind_ms);
            Step { stamp_ms, command, aim }
        });
        let beginning = beginning.clone().into_iter().filter(|_| first);
        beginning.chain(steps).collect()
    })
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => of_members(),
        14 => mutation().prop_map(Command::Mutate),
        12 => of_leases(),
        7 => of_liveness(),
        9 => of_operators(),
        8 => of_checks(),
    ]
}

/// The members are few, and mostly as they were before.
fn of_checks() -> impl Strategy<Value = Command> {
    let members = prop_oneof![3 => Just(vec![1_u64, 2, 3]), 1 => collection::vec(1_u64..5, 0..4)];
    let set = members.prop_map(|members| Command::SetProbers {
        members: members.into_iter().map(member).collect(),
    });
    let mostly_right = || prop_oneof![15 => Just(0_u64), 1 => 1_u64..60];
    let found = (values::check_name(), values::verdict(), values::output());
    let item = (values::key(), mostly_right(), found);
    let item = item.prop_map(|(key, generation, (check, verdict, output))| CheckReport {
        key,
        generation: Generation::new(generation),
        check,
        verdict,
        output,
    });
    let report = (mostly_right(), 1_u64..4, collection::vec(item, 0..8));
    prop_oneof![
        1 => set,
        4 => report.prop_map(|(probers, reporter, items)| Command::ReportChecks {
            probers: Revision::new(probers),
            reporter: member(reporter),
            items,
        }),
    ]
}

fn member(id: u64) -> MemberId {
    MemberId::try_from(id).expect("not 0")
}

fn of_liveness() -> impl Strategy<Value = Command> {
    let leases = || {
        let revision = prop_oneof![12 => Just(0_u64), 1 => 1_u64..60].prop_map(Revision::new);
        collection::vec(((0_u64..200).prop_map(LeaseId::new), revision), 0..5)
    };
    let by = || prop_oneof![9 => Just(LEADERSHIP), 1 => Just(Leadership { term: Term::new(2), ..LEADERSHIP })];
    prop_oneof![
        6 => (by(), leases()).prop_map(|(by, leases)| Command::LapseLeases { by, leases }),
        3 => (by(), leases()).prop_map(|(by, leases)| Command::ReviveLeases { by, leases }),
        4 => Just(Command::PassTime),
        1 => (values::guard_scope(), values::guard_time())
            .prop_map(|(scope, lasts)| Command::RaiseGuard { scope, lasts }),
        1 => values::guard_scope().prop_map(|scope| Command::DropGuard { scope }),
    ]
}

fn of_members() -> impl Strategy<Value = Command> {
    let nonce = || (0_u128..5).prop_map(JoinNonce::new);
    let claim = (2_u64..5, nonce(), nonce()).prop_map(|(id, reserved, nonce)| Command::ClaimMember {
        id: MemberId::try_from(id).expect("not 0"),
        reserved,
        nonce,
    });
    prop_oneof![
        1 => (0xC1_u128..0xC3, 1_u64..3).prop_map(|(id, epoch)| Command::Found {
            cluster_id: ClusterId::new(id),
            epoch: Epoch::new(epoch),
        }),
        2 => nonce().prop_map(|nonce| Command::AllocateMember { nonce }),
        2 => claim,
    ]
}

fn of_leases() -> impl Strategy<Value = Command> {
    let grant = (
        option::of("[op]"),
        1_u64..4,
        values::ttl(),
        values::remove_after(),
        0_u64..3,
    );
    let grant = grant.prop_map(
        |(owner, incarnation, ttl, remove_after, granted_at_ms)| Command::GrantLease {
            owner: owner.map(|owner| owner.as_str().parse().expect("valid")),
            incarnation: Incarnation::try_from(incarnation).expect("not 0"),
            ttl,
            remove_after: remove_after.unwrap_or(RemoveAfter::of(ttl)),
            granted_at_ms,
        },
    );
    let items = collection::vec((0_u32..3, mutation()), 0..4);
    let batch =
        (option::weighted(0.8, values::request_key()), items).prop_map(|(key, items)| Command::Batch { key, items });
    prop_oneof![
        3 => grant,
        1 => (0_u64..4).prop_map(|choice| Command::RevokeLease { id: LeaseId::new(choice) }),
        8 => batch,
    ]
}

fn of_operators() -> impl Strategy<Value = Command> {
    let set = (values::override_spec(), values::expires_after(), 0_u64..3);
    let set = set.prop_map(|(spec, expires_after, set_at_ms)| Command::SetOverride {
        spec,
        expires_after,
        set_at_ms,
    });
    let settings = (values::key(), values::settings_patch(), any::<bool>());
    let settings = settings.prop_map(|(key, patch, reset)| Command::SetServiceSettings {
        service: key.service_key(),
        patch,
        reset,
    });
    prop_oneof![
        4 => set,
        1 => values::target().prop_map(|target| Command::ClearOverride { target }),
        2 => Just(Command::ExpireOverrides),
        2 => settings,
    ]
}

fn registration(
    key: impl Strategy<Value = InstanceKey>,
    spec: impl Strategy<Value = InstanceSpec>,
) -> impl Strategy<Value = Mutation> {
    let register = (
        key,
        spec,
        any::<bool>(),
        values::lifetime(),
        prop::bool::weighted(0.8),
        0_u64..3,
    );
    register.prop_map(
        |(key, spec, takeover, lifetime, leaves_out, registered_at_ms)| Mutation::Register {
            key,
            spec: match lifetime {
                // Whoever names a lease need not say who it is; what is said is mostly wrong here.
                Lifetime::Lease(_) if leaves_out => values::without_holder(spec),
                Lifetime::Lease(_) | Lifetime::Ttl(_) | Lifetime::Persistent => spec,
            },
            takeover: if takeover {
                Takeover::Allowed
            } else {
                Takeover::Forbidden
            },
            lifetime,
            registered_at_ms,
        },
    )
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let register = registration(values::key(), values::checked_spec());
    let update = (values::key(), values::patch()).prop_map(|(key, patch)| Mutation::Update {
        key,
        generation: None,
        patch,
    });
    let deregister = values::key().prop_map(|key| Mutation::Deregister { key, generation: None });
    let set_availability = (values::key(), values::intent());
    let set_availability = set_availability.prop_map(|(key, (availability, drain))| Mutation::SetAvailability {
        key,
        availability,
        drain,
        generation: None,
    });
    let found = (values::check_name(), values::verdict(), values::output());
    let report_check = (values::key(), found).prop_map(|(key, (check, verdict, output))| Mutation::ReportCheck {
        key,
        generation: None,
        check,
        verdict,
        output,
    });
    prop_oneof![
        10 => register,
        5 => update,
        3 => deregister,
        5 => set_availability,
        3 => report_check,
    ]
}

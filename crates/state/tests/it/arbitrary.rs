//! Arbitrary commands, from pools so small that they meet.

mod values;

use proptest::{collection, option, prelude::*};
use quorate_model::{ClusterId, Epoch, Generation, Incarnation, JoinNonce, LeaseId, LogTime, MemberId, RequestKey};
use quorate_state::{Command, Mutation, Position, Takeover};

use crate::{
    naive::Naive,
    samples::{found, grant, position},
};

/// A stamped command, or a shape of one whose generations and leases depend on what is there when it is applied.
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
            Command::Found { .. }
            | Command::AllocateMember { .. }
            | Command::GrantLease { .. }
            | Command::SetOverride { .. }
            | Command::ClearOverride { .. }
            | Command::ExpireOverrides
            | Command::SetServiceSettings { .. }
            | Command::ClaimMember { .. } => {}
        }
        command
    }

    fn aim_mutation(&self, mutation: &mut Mutation, naive: &Naive) {
        match mutation {
            Mutation::Update { key, generation, .. }
            | Mutation::Deregister { key, generation }
            | Mutation::SetAvailability { key, generation, .. } => {
                *generation = match self.aim {
                    Aim::Any => None,
                    Aim::Current => naive.get(key).map(|instance| instance.generation),
                    Aim::Fixed(number) => Some(Generation::new(number)),
                };
            }
            Mutation::Register { .. } => {}
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
    let aim = prop_oneof![Just(Aim::Any), Just(Aim::Current), (0_u64..40).prop_map(Aim::Fixed)];
    // Stamps of several leaders: mostly but not always later than those before.
    let stamp_ms = prop_oneof![Just(0), 0_u64..60];
    let step = (stamp_ms, command(), aim).prop_map(|(stamp_ms, command, aim)| Step { stamp_ms, command, aim });
    let beginning = [found(), grant("p", 1), grant("", 2)].map(|command| Step {
        stamp_ms: 0,
        command,
        aim: Aim::Any,
    });
    // Usually founded first, with leases that writes can name; sometimes later or never.
    (prop::bool::weighted(0.9), collection::vec(step, 0..60)).prop_map(move |(first, mut steps)| {
        if first {
            steps.splice(..0, beginning.clone());
        }
        steps
    })
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => of_members(),
        14 => mutation().prop_map(Command::Mutate),
        12 => of_leases(),
        9 => of_operators(),
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
    let grant = (option::of("[op]"), 1_u64..3, values::ttl(), 0_u64..3);
    let grant = grant.prop_map(|(owner, incarnation, ttl, granted_at_ms)| Command::GrantLease {
        owner: owner.map(|owner| owner.as_str().parse().expect("valid")),
        incarnation: Incarnation::try_from(incarnation).expect("not 0"),
        ttl,
        granted_at_ms,
    });
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

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let register = (values::key(), values::spec(), any::<bool>(), 0_u64..3);
    let register = register.prop_map(|(key, spec, takeover, registered_at_ms)| Mutation::Register {
        key,
        spec,
        takeover: if takeover {
            Takeover::Allowed
        } else {
            Takeover::Forbidden
        },
        registered_at_ms,
    });
    let update = (values::key(), values::patch()).prop_map(|(key, patch)| Mutation::Update {
        key,
        generation: None,
        patch,
    });
    let deregister = values::key().prop_map(|key| Mutation::Deregister { key, generation: None });
    let set_availability = (values::key(), values::availability());
    let set_availability = set_availability.prop_map(|(key, availability)| Mutation::SetAvailability {
        key,
        availability,
        generation: None,
    });
    prop_oneof![
        10 => register,
        5 => update,
        3 => deregister,
        5 => set_availability,
    ]
}

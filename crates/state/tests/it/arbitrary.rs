//! Arbitrary commands, from pools so small that they meet.

use proptest::{collection, option, prelude::*};
use quorate_model::{
    Availability, ClusterId, Endpoint, Endpoints, Epoch, Generation, Holder, Incarnation, InstanceKey, InstancePatch,
    InstanceSpec, JoinNonce, Locality, Metadata, Patch, SpecParts, Tags, Weight,
};
use quorate_state::{Command, Takeover};

use crate::naive::Naive;

/// A command, or a shape of one whose generation depends on what is there when it is applied.
#[derive(Debug, Clone)]
pub(crate) struct Step {
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
            Command::Update { key, generation, .. }
            | Command::Deregister { key, generation }
            | Command::SetAvailability { key, generation, .. } => {
                *generation = match self.aim {
                    Aim::Any => None,
                    Aim::Current => naive.get(key).map(|instance| instance.generation),
                    Aim::Fixed(number) => Some(Generation::new(number)),
                };
            }
            Command::Found { .. } | Command::AllocateMember { .. } | Command::Register { .. } => {}
        }
        command
    }
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let aim = prop_oneof![Just(Aim::Any), Just(Aim::Current), (0_u64..40).prop_map(Aim::Fixed)];
    let step = (command(), aim).prop_map(|(command, aim)| Step { command, aim });
    let founding = Step {
        command: crate::samples::found(),
        aim: Aim::Any,
    };
    // Usually founded first; sometimes later or never.
    (prop::bool::weighted(0.9), collection::vec(step, 0..60)).prop_map(move |(first, mut steps)| {
        if first {
            steps.insert(0, founding.clone());
        }
        steps
    })
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let found = (0xC1_u128..0xC3, 1_u64..3).prop_map(|(id, epoch)| Command::Found {
        cluster_id: ClusterId::new(id),
        epoch: Epoch::new(epoch),
    });
    let allocate = (0_u128..5).prop_map(|nonce| Command::AllocateMember {
        nonce: JoinNonce::new(nonce),
    });
    let register = (key(), spec(), any::<bool>(), 0_u64..3).prop_map(|(key, spec, takeover, registered_at_ms)| {
        Command::Register {
            key,
            spec,
            takeover: if takeover {
                Takeover::Allowed
            } else {
                Takeover::Forbidden
            },
            registered_at_ms,
        }
    });
    let update = (key(), patch()).prop_map(|(key, patch)| Command::Update {
        key,
        generation: None,
        patch,
    });
    let deregister = key().prop_map(|key| Command::Deregister { key, generation: None });
    let set_availability = (key(), availability()).prop_map(|(key, availability)| Command::SetAvailability {
        key,
        availability,
        generation: None,
    });
    prop_oneof![
        1 => found,
        2 => allocate,
        10 => register,
        5 => update,
        3 => deregister,
        5 => set_availability,
    ]
}

fn key() -> impl Strategy<Value = InstanceKey> {
    let pick = prop::sample::select;
    (
        pick(vec!["default", "other"]),
        pick(vec!["web", "api"]),
        pick(vec!["a", "b"]),
    )
        .prop_map(|(namespace, service, id)| InstanceKey {
            namespace: namespace.parse().expect("valid"),
            service: service.parse().expect("valid"),
            id: id.parse().expect("valid"),
        })
}

fn availability() -> impl Strategy<Value = Availability> {
    prop::sample::select(vec![
        Availability::Enabled,
        Availability::Draining,
        Availability::Disabled,
    ])
}

fn endpoints() -> impl Strategy<Value = Endpoints> {
    let address = prop::sample::select(vec!["10.0.0.1", "2001:db8::1", "web.example"]);
    let port = prop::sample::select(vec![80_u16, 250, 251, 65_535]);
    let endpoint = (address, port, any::<bool>()).prop_map(|(address, port, grpc)| Endpoint {
        address: address.parse().expect("valid"),
        port: port.try_into().expect("valid"),
        protocol: grpc.then(|| "grpc".parse().expect("valid")),
    });
    collection::vec(endpoint, 1..3).prop_map(|endpoints| endpoints.try_into().expect("one or two"))
}

fn locality() -> impl Strategy<Value = Locality> {
    (any::<bool>(), any::<bool>()).prop_map(|(region, zone)| Locality {
        region: region.then(|| "eu".parse().expect("valid")),
        zone: zone.then(|| "eu-1".parse().expect("valid")),
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    collection::btree_map("[ab]", "[xyü]{0,2}", 0..3).prop_map(|pairs| Metadata::parse(pairs).expect("few and short"))
}

fn tags() -> impl Strategy<Value = Tags> {
    collection::btree_set("[tu]", 0..3).prop_map(|tags| Tags::parse(tags).expect("few and short"))
}

fn spec() -> impl Strategy<Value = InstanceSpec> {
    let holder = (option::of("[op]"), option::of(1_u64..3)).prop_map(|(owner, incarnation)| Holder {
        owner: owner.map(|owner| owner.as_str().parse().expect("valid")),
        incarnation: incarnation.map(|number| Incarnation::try_from(number).expect("not 0")),
    });
    let version = option::of("[12]");
    // Often plain, so that a repetition is often unchanged.
    prop_oneof![
        holder.clone().prop_map(|holder| SpecParts {
            holder,
            ..crate::samples::parts(80)
        }),
        (
            endpoints(),
            version,
            99_u16..101,
            locality(),
            metadata(),
            tags(),
            holder
        )
            .prop_map(
                |(endpoints, version, weight, locality, metadata, tags, holder)| SpecParts {
                    endpoints,
                    version: version.map(|version| version.as_str().parse().expect("valid")),
                    weight: Weight::new(weight),
                    locality,
                    metadata,
                    tags,
                    holder,
                }
            ),
    ]
    .prop_map(crate::samples::spec)
}

fn patch() -> impl Strategy<Value = InstancePatch> {
    let version = prop_oneof![
        Just(Patch::Keep),
        Just(Patch::Clear),
        "[12]".prop_map(|version| Patch::Set(version.as_str().parse().expect("valid"))),
    ];
    (
        option::weighted(0.2, endpoints()),
        version,
        option::weighted(0.2, (99_u16..101).prop_map(Weight::new)),
        option::weighted(0.2, locality()),
        option::weighted(0.2, metadata()),
        option::weighted(0.2, tags()),
    )
        .prop_map(|(endpoints, version, weight, locality, metadata, tags)| InstancePatch {
            endpoints,
            version,
            weight,
            locality,
            metadata,
            tags,
        })
}

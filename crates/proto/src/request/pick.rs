//! The request that asks for one instance.

use quorate_model::{InvalidValue, Policy};

use crate::{
    convert::{
        InvalidField,
        field::{Field as _, optional, optional_to_wire, text},
    },
    registry as pb,
    request::{Choice, Pick, Resolve, ResolvePage},
};

// === impl Pick ===

impl TryFrom<pb::PickRequest> for Pick {
    type Error = InvalidField;

    fn try_from(message: pb::PickRequest) -> Result<Self, InvalidField> {
        let choice = choice(&message)?;
        let among = message
            .among
            .ok_or_else(|| InvalidField::missing("among", "the service, at least"))?;
        let among = Resolve::try_from(among).map_err(|error| error.within("among"))?;
        if among.page != ResolvePage::default() {
            let problem = "one instance has no pages: leave out page_size and page_token";
            return Err(InvalidValue::new("page", problem)).field("among.page_size");
        }
        Ok(Self {
            service: among.service,
            filter: among.filter,
            consistency: among.consistency,
            choice,
        })
    }
}

impl From<Pick> for pb::PickRequest {
    fn from(request: Pick) -> Self {
        let among = Resolve {
            service: request.service,
            filter: request.filter,
            consistency: request.consistency,
            page: ResolvePage::default(),
        };
        let mut message = Self {
            among: Some(among.into()),
            ..Self::default()
        };
        let policy = match request.choice {
            Choice::By(Policy::Random) => pb::PickPolicy::Random,
            Choice::By(Policy::RoundRobin) => pb::PickPolicy::RoundRobin,
            Choice::By(Policy::Weighted) => pb::PickPolicy::Weighted,
            Choice::By(Policy::ConsistentHash(key)) => {
                message.hash_key = key.as_bytes().to_vec();
                pb::PickPolicy::ConsistentHash
            }
            Choice::By(Policy::ZoneFirst { zone, region }) => {
                message.caller_zone = zone.into();
                message.caller_region = optional_to_wire(region.as_ref());
                pb::PickPolicy::ZoneFirst
            }
            Choice::LeastLoad => pb::PickPolicy::LeastLoad,
        };
        message.policy = policy.into();
        message
    }
}

/// How a message asks to choose. What only another policy than its own would look at is refused: whoever gives it
/// expects it to count.
fn choice(message: &pb::PickRequest) -> Result<Choice, InvalidField> {
    let number = message.policy;
    let unknown = || InvalidValue::new("policy", format!("{number} is not known"));
    let wire = pb::PickPolicy::try_from(number)
        .map_err(|_| unknown())
        .field("policy")?;
    let choice = match wire {
        pb::PickPolicy::Unspecified | pb::PickPolicy::Random => Choice::By(Policy::Random),
        pb::PickPolicy::RoundRobin => Choice::By(Policy::RoundRobin),
        pb::PickPolicy::Weighted => Choice::By(Policy::Weighted),
        pb::PickPolicy::ConsistentHash => {
            let key = message.hash_key.clone().try_into().field("hash_key")?;
            Choice::By(Policy::ConsistentHash(key))
        }
        pb::PickPolicy::ZoneFirst => Choice::By(Policy::ZoneFirst {
            zone: text("caller_zone", message.caller_zone.clone())?,
            region: optional("caller_region", message.caller_region.clone())?,
        }),
        pb::PickPolicy::LeastLoad => Choice::LeastLoad,
    };
    let hashes = wire == pb::PickPolicy::ConsistentHash;
    let by_zone = wire == pb::PickPolicy::ZoneFirst;
    refuse_unless(hashes || message.hash_key.is_empty(), "hash_key", "CONSISTENT_HASH")?;
    refuse_unless(by_zone || message.caller_zone.is_empty(), "caller_zone", "ZONE_FIRST")?;
    refuse_unless(
        by_zone || message.caller_region.is_empty(),
        "caller_region",
        "ZONE_FIRST",
    )?;
    Ok(choice)
}

fn refuse_unless(fits: bool, name: &str, policy: &str) -> Result<(), InvalidField> {
    if fits {
        return Ok(());
    }
    let problem = format!("only the policy {policy} looks at {name}: leave it out or ask for that policy");
    Err(InvalidValue::new("policy", problem)).field(name)
}

//! What the cluster answers about leases.

use quorate_model::{Lease, LeaseId, LeaseTtl, Sequence};
use quorate_proto::{
    convert::{Field as _, InvalidField},
    registry as pb,
};

use crate::Answer;

/// A lease, and what is kept for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseState {
    /// The lease, as it was granted.
    pub lease: Lease,
    /// The lowest sequence whose outcome may still be asked for.
    pub window_start: Sequence,
    /// How many outcomes are kept.
    pub outcomes: u64,
}

/// A lease that was granted, now or by an earlier attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) id: LeaseId,
}

impl TryFrom<pb::GrantLeaseResponse> for Answer<Granted> {
    type Error = InvalidField;

    fn try_from(message: pb::GrantLeaseResponse) -> Result<Self, InvalidField> {
        if message.lease_id == 0 {
            return Err(InvalidField::missing("lease_id", "the id of the lease"));
        }
        let id = LeaseId::new(message.lease_id);
        Self::new(message.header, Granted { id })
    }
}

impl TryFrom<pb::RevokeLeaseResponse> for Answer<()> {
    type Error = InvalidField;

    fn try_from(message: pb::RevokeLeaseResponse) -> Result<Self, InvalidField> {
        Self::new(message.header, ())
    }
}

impl TryFrom<pb::GetLeaseResponse> for Answer<LeaseState> {
    type Error = InvalidField;

    fn try_from(message: pb::GetLeaseResponse) -> Result<Self, InvalidField> {
        let lease = message
            .lease
            .ok_or_else(|| InvalidField::missing("lease", "the lease"))?;
        let state = LeaseState::try_from(lease).map_err(|error| error.within("lease"))?;
        Self::new(message.header, state)
    }
}

impl TryFrom<pb::Lease> for LeaseState {
    type Error = InvalidField;

    fn try_from(message: pb::Lease) -> Result<Self, InvalidField> {
        let owner = match message.owner.as_str() {
            "" => None,
            owner => Some(owner.parse().field("owner")?),
        };
        Ok(Self {
            lease: Lease {
                id: LeaseId::new(message.id),
                owner,
                incarnation: message.incarnation.try_into().field("incarnation")?,
                ttl: LeaseTtl::from_ms(message.ttl_ms).field("ttl_ms")?,
                granted_at_ms: message.granted_at_ms,
            },
            window_start: message.window_start.try_into().field("window_start")?,
            outcomes: message.outcomes,
        })
    }
}

//! Requests about leases.

use quorate_model::{Consistency, Incarnation, LeaseId, LeaseTtl, Owner};

use crate::{
    convert::{
        self, InvalidField,
        field::{self, Field as _, optional, optional_to_wire},
    },
    registry as pb,
    request::key::lease_id,
};

/// See `Leases.GrantLease`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantLease {
    /// Who asks, if told.
    pub owner: Option<Owner>,
    /// Which run of the owner, by which a repetition is known.
    pub incarnation: Incarnation,
    /// How long it is to live without being renewed.
    pub ttl: LeaseTtl,
}

/// See `Leases.RevokeLease`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeLease {
    /// The lease.
    pub id: LeaseId,
}

/// See `Leases.GetLease`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetLease {
    /// The lease.
    pub id: LeaseId,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
}

// === impl GrantLease ===

impl TryFrom<pb::GrantLeaseRequest> for GrantLease {
    type Error = InvalidField;

    fn try_from(message: pb::GrantLeaseRequest) -> Result<Self, InvalidField> {
        let incarnation = field::nonzero("incarnation", message.incarnation)?;
        let ttl = match message.ttl_ms {
            0 => LeaseTtl::default(),
            ms => LeaseTtl::from_ms(ms).field("ttl_ms")?,
        };
        Ok(Self {
            owner: optional("owner", message.owner)?,
            incarnation: incarnation.ok_or_else(|| InvalidField::missing("incarnation", "a random number"))?,
            ttl,
        })
    }
}

impl From<GrantLease> for pb::GrantLeaseRequest {
    fn from(request: GrantLease) -> Self {
        Self {
            owner: optional_to_wire(request.owner.as_ref()),
            incarnation: request.incarnation.get(),
            ttl_ms: request.ttl.as_ms(),
        }
    }
}

// === impl RevokeLease ===

impl TryFrom<pb::RevokeLeaseRequest> for RevokeLease {
    type Error = InvalidField;

    fn try_from(message: pb::RevokeLeaseRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            id: lease_id(message.lease_id)?,
        })
    }
}

impl From<RevokeLease> for pb::RevokeLeaseRequest {
    fn from(request: RevokeLease) -> Self {
        Self {
            lease_id: request.id.get(),
        }
    }
}

// === impl GetLease ===

impl TryFrom<pb::GetLeaseRequest> for GetLease {
    type Error = InvalidField;

    fn try_from(message: pb::GetLeaseRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            id: lease_id(message.lease_id)?,
            consistency: convert::consistency(message.consistency)?,
        })
    }
}

impl From<GetLease> for pb::GetLeaseRequest {
    fn from(request: GetLease) -> Self {
        Self {
            lease_id: request.id.get(),
            consistency: Some(convert::consistency_to_wire(request.consistency)),
        }
    }
}

//! Requests about leases.

use quorate_model::{Consistency, Incarnation, InvalidValue, LeaseId, LeaseTtl, Owner, RemoveAfter, limits};

use crate::{
    convert::{
        self, InvalidField,
        field::{self, Field as _, optional, optional_to_wire},
    },
    registry as pb,
    request::{
        Page,
        key::lease_id,
        read::{entries, page_size_to_wire},
    },
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
    /// How long it is to stay when it has lapsed.
    pub remove_after: RemoveAfter,
}

/// The leases that are renewed together: 1 to [`limits::LEASES_PER_FRAME_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseIds(Vec<LeaseId>);

/// A frame of `Leases.KeepAlive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepAlive {
    /// By which the answer is known; counted by the sender as it likes.
    pub frame: u64,
    /// The leases.
    pub leases: LeaseIds,
}

/// See `Leases.Renew`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renew {
    /// The leases.
    pub leases: LeaseIds,
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

/// See `Leases.ListLeases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListLeases {
    /// Whether only those are wanted that have lapsed.
    pub lapsed_only: bool,
    /// How fresh the answer has to be.
    pub consistency: Consistency,
    /// Which part of the list.
    pub page: Page<LeaseId>,
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
        let remove_after = match message.remove_after_ms {
            0 => RemoveAfter::of(ttl),
            ms => RemoveAfter::from_ms(ms).field("remove_after_ms")?,
        };
        Ok(Self {
            owner: optional("owner", message.owner)?,
            incarnation: incarnation.ok_or_else(|| InvalidField::missing("incarnation", "a random number"))?,
            ttl,
            remove_after,
        })
    }
}

impl From<GrantLease> for pb::GrantLeaseRequest {
    fn from(request: GrantLease) -> Self {
        Self {
            owner: optional_to_wire(request.owner.as_ref()),
            incarnation: request.incarnation.get(),
            ttl_ms: request.ttl.as_ms(),
            remove_after_ms: request.remove_after.as_ms(),
        }
    }
}

// === impl LeaseIds ===

impl LeaseIds {
    /// The ids, in the order in which they are answered.
    pub fn as_slice(&self) -> &[LeaseId] {
        &self.0
    }

    /// The same, taken apart.
    #[must_use]
    pub fn into_vec(self) -> Vec<LeaseId> {
        self.0
    }

    fn from_wire(numbers: Vec<u64>) -> Result<Self, InvalidField> {
        let ids = numbers.into_iter().map(LeaseId::new).collect::<Vec<_>>();
        Self::try_from(ids).field("lease_ids")
    }

    fn into_wire(self) -> Vec<u64> {
        self.0.into_iter().map(LeaseId::get).collect()
    }
}

impl TryFrom<Vec<LeaseId>> for LeaseIds {
    type Error = InvalidValue;

    fn try_from(ids: Vec<LeaseId>) -> Result<Self, InvalidValue> {
        let max = limits::LEASES_PER_FRAME_MAX;
        let refused = |problem: String| Err(InvalidValue::new("leases", problem));
        if !(1..=max).contains(&ids.len()) {
            return refused(format!("{} of them are not 1–{max}", ids.len()));
        }
        match ids.iter().position(|id| *id == LeaseId::ZERO) {
            Some(place) => refused(format!("the one at place {place} is 0, which no lease is")),
            None => Ok(Self(ids)),
        }
    }
}

// === impl KeepAlive ===

impl TryFrom<pb::KeepAliveRequest> for KeepAlive {
    type Error = InvalidField;

    fn try_from(message: pb::KeepAliveRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            frame: message.frame,
            leases: LeaseIds::from_wire(message.lease_ids)?,
        })
    }
}

impl From<KeepAlive> for pb::KeepAliveRequest {
    fn from(request: KeepAlive) -> Self {
        Self {
            frame: request.frame,
            lease_ids: request.leases.into_wire(),
        }
    }
}

// === impl Renew ===

impl TryFrom<pb::RenewRequest> for Renew {
    type Error = InvalidField;

    fn try_from(message: pb::RenewRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            leases: LeaseIds::from_wire(message.lease_ids)?,
        })
    }
}

impl From<Renew> for pb::RenewRequest {
    fn from(request: Renew) -> Self {
        Self {
            lease_ids: request.leases.into_wire(),
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

// === impl ListLeases ===

impl TryFrom<pb::ListLeasesRequest> for ListLeases {
    type Error = InvalidField;

    fn try_from(message: pb::ListLeasesRequest) -> Result<Self, InvalidField> {
        let after = match message.page_token.as_str() {
            "" => None,
            token => Some(token.parse().field("page_token")?),
        };
        Ok(Self {
            lapsed_only: message.lapsed_only,
            consistency: convert::consistency(message.consistency)?,
            page: Page::new(entries(message.page_size), after),
        })
    }
}

impl From<ListLeases> for pb::ListLeasesRequest {
    fn from(request: ListLeases) -> Self {
        Self {
            lapsed_only: request.lapsed_only,
            consistency: Some(convert::consistency_to_wire(request.consistency)),
            page_size: page_size_to_wire(&request.page),
            page_token: optional_to_wire(request.page.after()),
        }
    }
}

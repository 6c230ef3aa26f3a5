//! The frozen format of rejections.

use quorate_model::{ClusterId, Generation, InvalidValue};
use serde::{Deserialize, Serialize};

use super::{
    mirror::mirror,
    value::{Text, optional_text, parse_optional},
};
use crate::{Limit, Rejection};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RejectionV1 {
    Invalid { reason: Text },
    AlreadyExists { owner: Option<Text> },
    StaleGeneration { current: u64 },
    NotFound,
    LimitExceeded { limit: LimitV1 },
    NotFounded,
    AlreadyFounded { cluster_id: u128 },
    LeaseNotFound,
    SequenceTooOld { window_start: u64 },
    KeyReused,
    NotReserved,
    LeaseLapsed,
    CheckNotFound,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum LimitV1 {
    InstancesPerService,
    InstancesPerCluster,
    InstanceLen,
    MemberIds,
    Leases,
    KeptOutcomesPerLease,
    KeptOutcomes,
    Overrides,
    ServiceSettings,
    BatchItems,
    InstancesPerLease,
    Guards,
}

// === impl RejectionV1 ===

impl From<&Rejection> for RejectionV1 {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Invalid { reason } => Self::Invalid {
                reason: reason.as_str().into(),
            },
            Rejection::AlreadyExists { owner } => Self::AlreadyExists {
                owner: optional_text(owner.as_ref()),
            },
            Rejection::StaleGeneration { current } => Self::StaleGeneration { current: current.get() },
            Rejection::NotFound => Self::NotFound,
            Rejection::LimitExceeded { limit } => Self::LimitExceeded { limit: (*limit).into() },
            Rejection::NotFounded => Self::NotFounded,
            Rejection::AlreadyFounded { cluster_id } => Self::AlreadyFounded {
                cluster_id: cluster_id.get(),
            },
            Rejection::LeaseNotFound => Self::LeaseNotFound,
            Rejection::SequenceTooOld { window_start } => Self::SequenceTooOld {
                window_start: window_start.get(),
            },
            Rejection::KeyReused => Self::KeyReused,
            Rejection::NotReserved => Self::NotReserved,
            Rejection::LeaseLapsed => Self::LeaseLapsed,
            Rejection::CheckNotFound => Self::CheckNotFound,
        }
    }
}

impl TryFrom<RejectionV1> for Rejection {
    type Error = InvalidValue;

    fn try_from(rejection: RejectionV1) -> Result<Self, InvalidValue> {
        Ok(match rejection {
            RejectionV1::Invalid { reason } => Self::Invalid {
                reason: reason.as_ref().into(),
            },
            RejectionV1::AlreadyExists { owner } => Self::AlreadyExists {
                owner: parse_optional(owner)?,
            },
            RejectionV1::StaleGeneration { current } => Self::StaleGeneration {
                current: Generation::new(current),
            },
            RejectionV1::NotFound => Self::NotFound,
            RejectionV1::LimitExceeded { limit } => Self::LimitExceeded { limit: limit.into() },
            RejectionV1::NotFounded => Self::NotFounded,
            RejectionV1::AlreadyFounded { cluster_id } => Self::AlreadyFounded {
                cluster_id: ClusterId::new(cluster_id),
            },
            RejectionV1::LeaseNotFound => Self::LeaseNotFound,
            RejectionV1::SequenceTooOld { window_start } => Self::SequenceTooOld {
                window_start: window_start.try_into()?,
            },
            RejectionV1::KeyReused => Self::KeyReused,
            RejectionV1::NotReserved => Self::NotReserved,
            RejectionV1::LeaseLapsed => Self::LeaseLapsed,
            RejectionV1::CheckNotFound => Self::CheckNotFound,
        })
    }
}

// === impl LimitV1 ===

mirror!(
    Limit,
    LimitV1: InstancesPerService,
    InstancesPerCluster,
    InstanceLen,
    MemberIds,
    Leases,
    KeptOutcomesPerLease,
    KeptOutcomes,
    Overrides,
    ServiceSettings,
    BatchItems,
    InstancesPerLease,
    Guards
);

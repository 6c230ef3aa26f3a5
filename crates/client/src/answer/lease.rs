//! What the cluster answers about leases.

use std::time::Duration;

use quorate_model::{
    InstanceKey, InvalidValue, Lease, LeaseId, LeaseKind, LeaseTtl, NamespaceName, RemoveAfter, Renewal, Revision,
    Sequence,
};
use quorate_proto::{
    convert::{self, Field as _, InvalidField},
    registry as pb,
};

use super::parse::list;
use crate::Answer;

/// A lease, what it keeps, and what is kept for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseState {
    /// The lease, as it was granted.
    pub lease: Lease,
    /// The lowest sequence whose outcome may still be asked for.
    pub window_start: Sequence,
    /// How many outcomes are kept.
    pub outcomes: u64,
    /// Whether it has lapsed.
    pub lapsed: bool,
    /// The revision at which it was granted, lapsed or revived last.
    pub changed_revision: Revision,
    /// What it keeps: all of it where one lease is asked for, the first 16 in a list of leases.
    pub instances: Vec<InstanceKey>,
    /// How long ago it was last renewed, as far as the member that answered knows.
    pub renewed_ago: Option<Duration>,
    /// How long it still lives without another renewal, as far as the member that answered knows; nothing, if it has
    /// lapsed.
    pub remaining: Option<Duration>,
}

/// A lease that was granted, now or by an earlier attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseGranted {
    /// Its id.
    pub lease: LeaseId,
    /// How long it lives without being renewed.
    pub ttl: LeaseTtl,
    /// How long it stays when it has lapsed.
    pub remove_after: RemoveAfter,
    /// When to renew it for the first time, from the answer on: a third of its time to live, less a random part.
    pub renew_after: Duration,
}

/// What ending a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRevoked {
    /// Whether it was there.
    pub existed: bool,
}

/// What the renewal of one lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// The lease.
    pub lease: LeaseId,
    /// What it came to.
    pub renewal: Renewal,
    /// Its time to live; absent if it is not known.
    pub ttl: Option<LeaseTtl>,
    /// When to renew it next, from the answer on: a third of its time to live, less a random part.
    pub renew_after: Duration,
}

impl TryFrom<pb::GrantLeaseResponse> for Answer<LeaseGranted> {
    type Error = InvalidField;

    fn try_from(message: pb::GrantLeaseResponse) -> Result<Self, InvalidField> {
        let granted = LeaseGranted {
            lease: lease_id(message.lease_id)?,
            ttl: LeaseTtl::from_ms(message.ttl_ms).field("ttl_ms")?,
            remove_after: RemoveAfter::from_ms(message.remove_after_ms).field("remove_after_ms")?,
            renew_after: Duration::from_millis(message.renew_after_ms),
        };
        Self::new(message.header, granted)
    }
}

impl TryFrom<pb::RevokeLeaseResponse> for Answer<LeaseRevoked> {
    type Error = InvalidField;

    fn try_from(message: pb::RevokeLeaseResponse) -> Result<Self, InvalidField> {
        let existed = message.existed;
        Self::new(message.header, LeaseRevoked { existed })
    }
}

impl TryFrom<pb::RenewResponse> for Answer<Vec<Renewed>> {
    type Error = InvalidField;

    fn try_from(message: pb::RenewResponse) -> Result<Self, InvalidField> {
        let renewed = list("renewed", message.renewed)?;
        Self::new(message.header, renewed)
    }
}

impl TryFrom<pb::Renewed> for Renewed {
    type Error = InvalidField;

    fn try_from(message: pb::Renewed) -> Result<Self, InvalidField> {
        let ttl = match message.ttl_ms {
            0 => None,
            ms => Some(LeaseTtl::from_ms(ms).field("ttl_ms")?),
        };
        Ok(Self {
            lease: lease_id(message.lease_id)?,
            renewal: convert::renewal(message.state)?,
            ttl,
            renew_after: Duration::from_millis(message.renew_after_ms),
        })
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

impl TryFrom<pb::ListLeasesResponse> for Answer<super::Page<Vec<LeaseState>>> {
    type Error = InvalidField;

    fn try_from(message: pb::ListLeasesResponse) -> Result<Self, InvalidField> {
        let part = list("leases", message.leases)?;
        let next_page_token = message.next_page_token;
        Self::new(message.header, super::Page { part, next_page_token })
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
                remove_after: RemoveAfter::from_ms(message.remove_after_ms).field("remove_after_ms")?,
                kind: if message.own {
                    LeaseKind::Own
                } else {
                    LeaseKind::Granted
                },
                granted_at_ms: message.granted_at_ms,
            },
            window_start: message.window_start.try_into().field("window_start")?,
            outcomes: message.outcomes,
            lapsed: message.lapsed,
            changed_revision: Revision::new(message.changed_revision),
            instances: list::<_, Kept>("instances", message.instances)?
                .into_iter()
                .map(|kept| kept.0)
                .collect(),
            renewed_ago: message.renewed_ago_ms.map(Duration::from_millis),
            remaining: message.remaining_ms.map(Duration::from_millis),
        })
    }
}

/// An instance that a lease keeps.
struct Kept(InstanceKey);

impl TryFrom<pb::lease::Kept> for Kept {
    type Error = InvalidField;

    fn try_from(message: pb::lease::Kept) -> Result<Self, InvalidField> {
        let namespace = match message.namespace.as_str() {
            "" => NamespaceName::default(),
            namespace => namespace.parse().field("namespace")?,
        };
        Ok(Self(InstanceKey {
            namespace,
            service: message.service.parse().field("service")?,
            id: message.id.parse().field("id")?,
        }))
    }
}

fn lease_id(number: u64) -> Result<LeaseId, InvalidField> {
    match number {
        0 => Err(InvalidValue::new("lease id", "0 is none")).field("lease_id"),
        id => Ok(LeaseId::new(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::header;

    #[test]
    fn what_a_renewal_came_to_is_told_by_lease() {
        let renewed = |lease_id, state, ttl_ms| pb::Renewed {
            lease_id,
            state,
            ttl_ms,
            renew_after_ms: 600,
        };
        let answer = |renewed| {
            Answer::<Vec<Renewed>>::try_from(pb::RenewResponse {
                header: Some(header(7)),
                renewed,
            })
        };
        let good = answer(vec![renewed(5, 1, 2_000), renewed(6, 3, 0)]).unwrap();
        let told: Vec<_> = good.value.iter().map(|one| (one.lease.get(), one.renewal)).collect();
        assert_eq!(told, [(5, Renewal::Live), (6, Renewal::Unknown)]);
        assert_eq!(good.value[1].ttl, None);
        for (bad, field) in [
            (renewed(0, 1, 2_000), "renewed[0].lease_id"),
            (renewed(5, 0, 2_000), "renewed[0].state"),
            (renewed(5, 1, 1), "renewed[0].ttl_ms"),
        ] {
            assert_eq!(answer(vec![bad]).unwrap_err().field(), field);
        }
    }

    #[test]
    fn a_lease_is_refused_by_the_field_that_is_wrong() {
        let good = pb::Lease {
            id: 7,
            incarnation: 8,
            ttl_ms: 15_000,
            window_start: 1,
            remove_after_ms: 30_000,
            instances: vec![pb::lease::Kept {
                namespace: String::new(),
                service: "web".into(),
                id: "a".into(),
            }],
            ..pb::Lease::default()
        };
        let state = LeaseState::try_from(good.clone()).unwrap();
        assert_eq!(state.instances[0].to_string(), "default/web/a");
        assert_eq!((state.renewed_ago, state.remaining), (None, None));
        let nameless = pb::Lease {
            instances: vec![pb::lease::Kept::default()],
            ..good
        };
        let refused = LeaseState::try_from(nameless).unwrap_err();
        assert_eq!(refused.field(), "instances[0].service");
    }
}

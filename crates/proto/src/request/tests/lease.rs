//! Leases and guards.

use proptest::{collection::vec, option};
use quorate_model::{
    GuardCause, GuardScope, GuardTime, Incarnation, Liveness, Owner, RemoveAfter, Renewal, limits::LEASES_PER_FRAME_MAX,
};

use super::*;
use crate::{cluster, convert};

pub(super) fn grant() -> impl Strategy<Value = GrantLease> {
    let owner = option::of("[a-z0-9-]{1,64}");
    let times = (2_000..=86_400_000_u64, 1_000..=172_800_000_u64);
    (owner, any::<NonZeroU64>(), times).prop_map(|(owner, incarnation, (ttl_ms, remove_after_ms))| GrantLease {
        owner: owner.map(|owner| Owner::try_from(owner).unwrap()),
        incarnation: Incarnation::new(incarnation),
        ttl: LeaseTtl::from_ms(ttl_ms).unwrap(),
        remove_after: RemoveAfter::from_ms(remove_after_ms).unwrap(),
    })
}

pub(super) fn id() -> impl Strategy<Value = LeaseId> {
    (1..=u64::MAX).prop_map(LeaseId::new)
}

pub(super) fn ids() -> impl Strategy<Value = LeaseIds> {
    vec(id(), 1..20).prop_map(|ids| LeaseIds::try_from(ids).unwrap())
}

pub(super) fn list() -> impl Strategy<Value = ListLeases> {
    let parts = (
        any::<bool>(),
        strategies::consistency(),
        any::<usize>(),
        option::of(id()),
    );
    parts.prop_map(|(lapsed_only, consistency, size, after)| ListLeases {
        lapsed_only,
        consistency,
        page: Page::new(size, after),
    })
}

pub(super) fn scope() -> impl Strategy<Value = GuardScope> {
    (strategies::key(), "[a-z0-9-]{1,20}", 0..4_u8).prop_map(|(key, zone, kind)| match kind {
        0 => GuardScope::Service(key.service_key()),
        1 => GuardScope::Zone(zone.parse().unwrap()),
        2 => GuardScope::Namespace(key.namespace),
        _ => GuardScope::Cluster,
    })
}

pub(super) fn raise() -> impl Strategy<Value = RaiseGuard> {
    (scope(), 1..=86_400_000_u64).prop_map(|(scope, lasts_ms)| RaiseGuard {
        scope,
        lasts: GuardTime::from_ms(lasts_ms).unwrap(),
    })
}

proptest! {
    #[test]
    fn requests_about_leases_come_back(grant in grant(), id in id(), list in list(), consistency in strategies::consistency()) {
        prop_assert_eq!(sent::<_, pb::GrantLeaseRequest>(grant.clone()), grant);
        let (revoke, get) = (RevokeLease { id }, GetLease { id, consistency });
        prop_assert_eq!(sent::<_, pb::RevokeLeaseRequest>(revoke.clone()), revoke);
        prop_assert_eq!(sent::<_, pb::GetLeaseRequest>(get.clone()), get);
        prop_assert_eq!(sent::<_, pb::ListLeasesRequest>(list.clone()), list);
    }

    #[test]
    fn renewals_come_back(leases in ids(), frame: u64) {
        let renew = Renew { leases: leases.clone() };
        prop_assert_eq!(sent::<_, pb::RenewRequest>(renew.clone()), renew);
        let keep_alive = KeepAlive { frame, leases };
        prop_assert_eq!(sent::<_, pb::KeepAliveRequest>(keep_alive.clone()), keep_alive);
    }

    #[test]
    fn requests_about_guards_come_back(raise in raise(), consistency in strategies::consistency()) {
        let (drop, list) = (DropGuard { scope: raise.scope.clone() }, ListGuards { consistency });
        prop_assert_eq!(sent::<_, cluster::RaiseGuardRequest>(raise.clone()), raise);
        prop_assert_eq!(sent::<_, cluster::DropGuardRequest>(drop.clone()), drop);
        prop_assert_eq!(sent::<_, cluster::ListGuardsRequest>(list.clone()), list);
    }
}

#[test]
fn a_lease_that_is_asked_for_has_an_incarnation_and_fitting_times() {
    let message = |incarnation, ttl_ms, remove_after_ms| pb::GrantLeaseRequest {
        owner: String::new(),
        incarnation,
        ttl_ms,
        remove_after_ms,
    };
    let unstated = GrantLease::try_from(message(1, 0, 0)).unwrap();
    assert_eq!(unstated.ttl, LeaseTtl::default());
    assert_eq!(unstated.remove_after.as_ms(), 30_000);
    for (message, field) in [
        (message(0, 0, 0), "incarnation"),
        (message(1, 1_999, 0), "ttl_ms"),
        (message(1, 0, 999), "remove_after_ms"),
        (message(1, 0, 172_800_001), "remove_after_ms"),
    ] {
        assert_eq!(GrantLease::try_from(message).unwrap_err().field(), field);
    }
    let nameless = GetLease::try_from(pb::GetLeaseRequest::default());
    assert_eq!(nameless.unwrap_err().field(), "lease_id");
}

#[test]
fn a_frame_renews_1_to_10000_leases_and_none_that_is_none() {
    let renew = |lease_ids| Renew::try_from(pb::RenewRequest { lease_ids });
    for (count, fits) in [
        (0, false),
        (1, true),
        (LEASES_PER_FRAME_MAX, true),
        (LEASES_PER_FRAME_MAX + 1, false),
    ] {
        assert_eq!(renew(vec![7; count]).is_ok(), fits, "{count}");
    }
    assert_eq!(renew(vec![7, 0]).unwrap_err().field(), "lease_ids");
}

#[test]
fn a_page_of_leases_begins_behind_a_lease() {
    let list = |page_token: &str| {
        ListLeases::try_from(pb::ListLeasesRequest {
            page_token: page_token.into(),
            ..pb::ListLeasesRequest::default()
        })
    };
    assert_eq!(list("7").unwrap().page.after(), Some(&LeaseId::new(7)));
    assert_eq!(list("x").unwrap_err().field(), "page_token");
}

#[test]
fn a_guard_is_raised_for_something_and_a_day_at_most() {
    use pb::guard_scope::{Cluster, Scope, Service};
    let raise = |scope: Option<Scope>, lasts_ms| {
        let scope = Some(pb::GuardScope { scope });
        RaiseGuard::try_from(cluster::RaiseGuardRequest { scope, lasts_ms })
    };
    let cluster = || Some(Scope::Cluster(Cluster {}));
    assert_eq!(raise(cluster(), 0).unwrap().lasts, GuardTime::default());
    let nothing = RaiseGuard::try_from(cluster::RaiseGuardRequest::default());
    for (refused, field) in [
        (nothing, "scope"),
        (raise(None, 0), "scope.scope"),
        (raise(Some(Scope::Service(Service::default())), 0), "scope.service"),
        (raise(Some(Scope::Zone(String::new())), 0), "scope.zone"),
        (raise(Some(Scope::Namespace("a b".into())), 0), "scope.namespace"),
        (raise(cluster(), 86_400_001), "lasts_ms"),
    ] {
        assert_eq!(refused.unwrap_err().field(), field);
    }
}

#[test]
fn every_word_about_leases_and_guards_comes_back_as_it_was() {
    for word in [
        Liveness::Persistent,
        Liveness::Live,
        Liveness::Suspect,
        Liveness::Lapsed,
    ] {
        assert_eq!(convert::liveness(convert::liveness_to_wire(word).into()), Ok(word));
    }
    for word in [Renewal::Live, Renewal::Revived, Renewal::Unknown] {
        assert_eq!(convert::renewal(convert::renewal_to_wire(word).into()), Ok(word));
    }
    for word in GuardCause::ALL {
        assert_eq!(
            convert::guard_cause(convert::guard_cause_to_wire(word).into()),
            Ok(word)
        );
    }
    assert_eq!(convert::liveness(9).unwrap_err().field(), "liveness");
    assert_eq!(convert::renewal(0).unwrap_err().field(), "state");
    assert_eq!(convert::guard_cause(0).unwrap_err().field(), "cause");
}

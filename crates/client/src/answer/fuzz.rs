//! Every answer, held against hostile bytes: whoever answers may be damaged, of another version, or no member at all.

use proptest::prelude::*;
use prost::Message;
use quorate_fuzz::Fuzz;
use quorate_model::{Address, Endpoint, Endpoints, Found, Instance, InstanceParts, InstanceSpec, SpecParts};
use quorate_proto::{cluster, registry as pb};

use super::{
    Added, Answer, Changed, CheckReported, Deregistered, GuardDropped, GuardRaised, GuardState, Instances,
    LeaseGranted, LeaseRevoked, LeaseState, MemberList, Outcomes, OverrideCleared, OverrideSet, OverrideState, Page,
    Picked, Registered, Removed, Renewed, ServiceSummary, SettingsSet, SettingsState, Status, Transferred,
};

/// Attacks the parser of `T` from `M`, of which there are valid ones.
fn fuzz<T, M>(name: &'static str, valid: impl Strategy<Value = M>)
where
    M: Message + Default,
    T: TryFrom<M>,
{
    let valid = valid.prop_map(|message| message.encode_to_vec());
    Fuzz::new(name, valid).one_way(|bytes| M::decode(bytes).is_ok_and(|message| T::try_from(message).is_ok()));
}

fn header() -> impl Strategy<Value = Option<pb::ResponseHeader>> {
    (any::<u128>(), 1..=u64::MAX, any::<[u64; 3]>(), any::<Option<u64>>()).prop_map(|(cluster, id, numbers, leader)| {
        Some(pb::ResponseHeader {
            cluster_id: format!("{cluster:032x}"),
            member_id: id,
            epoch: numbers[0],
            term: numbers[1],
            revision: numbers[2],
            leader_id: leader.unwrap_or_default(),
            leader_address: leader.map_or_else(String::new, |_| "db.example:7300".to_owned()),
            staleness_ms: leader,
            guards_raised: 1,
        })
    })
}

fn instance() -> impl Strategy<Value = pb::Instance> {
    (1..=u16::MAX, any::<std::net::IpAddr>(), any::<u64>()).prop_map(|(port, ip, number)| {
        let endpoint = Endpoint {
            address: Address::from(ip),
            port: port.try_into().unwrap(),
            protocol: None,
        };
        let spec = InstanceSpec::new(SpecParts::new(Endpoints::from(endpoint))).unwrap();
        let key = quorate_model::InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "payments".parse().unwrap(),
            id: number.to_string().parse().unwrap(),
        };
        let instance = Instance::new(InstanceParts {
            key,
            spec,
            availability: quorate_model::Availability::Enabled,
            create_revision: quorate_model::Revision::new(number),
            modify_revision: quorate_model::Revision::new(number),
            generation: quorate_model::Generation::new(number),
            registered_at_ms: number,
            lease: Some(quorate_model::LeaseId::new(number)),
            lapse: None,
            drains_until: None,
            checks: Box::default(),
        });
        pb::Instance::from(&Found::undisturbed(instance))
    })
}

/// A message with a header, and with fields that are given.
macro_rules! answers {
    ($message:path { $($field:ident: $value:expr),* $(,)? }) => {
        header().prop_map(|header| {
            type Message = $message;
            #[allow(clippy::needless_update, reason = "some messages have no other fields")]
            Message { header, $($field: $value,)* ..Message::default() }
        })
    };
}

#[test]
fn answers_to_writes() {
    fuzz::<Answer<Registered>, _>(
        "RegisterResponse",
        answers!(pb::RegisterResponse {
            change: 1,
            generation: 7
        }),
    );
    fuzz::<Answer<Changed>, _>(
        "UpdateResponse",
        answers!(pb::UpdateResponse {
            generation: 7,
            changed: true
        }),
    );
    let changed = answers!(pb::SetAvailabilityResponse {
        generation: 7,
        changed: true
    });
    fuzz::<Answer<Changed>, _>("SetAvailabilityResponse", changed);
    fuzz::<Answer<CheckReported>, _>(
        "ReportCheckResponse",
        answers!(pb::ReportCheckResponse { changed: true }),
    );
    fuzz::<Answer<Deregistered>, _>("DeregisterResponse", answers!(pb::DeregisterResponse { existed: true }));
    fuzz::<Answer<Outcomes>, _>(
        "WriteBatchResponse",
        answers!(pb::WriteBatchResponse { outcomes: outcomes() }),
    );
}

fn guard() -> pb::Guard {
    pb::Guard {
        scope: Some(pb::GuardScope {
            scope: Some(pb::guard_scope::Scope::Zone("eu-1".into())),
        }),
        cause: 1,
        revision: 9,
        suspect: 3,
        leased: 10,
        remaining_ms: 1_000,
    }
}

#[test]
fn answers_about_leases() {
    let granted = answers!(pb::GrantLeaseResponse {
        lease_id: 7,
        ttl_ms: 15_000,
        remove_after_ms: 30_000
    });
    fuzz::<Answer<LeaseGranted>, _>("GrantLeaseResponse", granted);
    fuzz::<Answer<LeaseRevoked>, _>("RevokeLeaseResponse", answers!(pb::RevokeLeaseResponse {}));
    let renewed = || pb::Renewed {
        lease_id: 7,
        state: 1,
        ttl_ms: 15_000,
        renew_after_ms: 5_000,
    };
    fuzz::<Renewed, _>("Renewed", Just(renewed()));
    let renewals = answers!(pb::RenewResponse {
        renewed: vec![renewed(); 3]
    });
    fuzz::<Answer<Vec<Renewed>>, _>("RenewResponse", renewals);
    let frames = answers!(pb::KeepAliveResponse {
        frame: 7,
        renewed: vec![renewed(); 3]
    });
    fuzz::<Answer<crate::keeper::Frame>, _>("KeepAliveResponse", frames);
    let lease = || pb::Lease {
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
    fuzz::<LeaseState, _>("Lease", Just(lease()));
    let one = answers!(pb::GetLeaseResponse { lease: Some(lease()) });
    fuzz::<Answer<LeaseState>, _>("GetLeaseResponse", one);
    let several = answers!(pb::ListLeasesResponse {
        leases: vec![lease(); 3]
    });
    fuzz::<Answer<Page<Vec<LeaseState>>>, _>("ListLeasesResponse", several);
}

#[test]
fn answers_about_guards() {
    fuzz::<GuardState, _>("Guard", Just(guard()));
    let listed = answers!(cluster::ListGuardsResponse {
        guards: vec![guard(); 3]
    });
    fuzz::<Answer<Vec<GuardState>>, _>("ListGuardsResponse", listed);
    let raised = answers!(cluster::RaiseGuardResponse { changed: true });
    fuzz::<Answer<GuardRaised>, _>("RaiseGuardResponse", raised);
    let dropped = answers!(cluster::DropGuardResponse { existed: true });
    fuzz::<Answer<GuardDropped>, _>("DropGuardResponse", dropped);
}

fn outcomes() -> Vec<pb::write_batch_response::ItemOutcome> {
    use pb::write_batch_response::{Done, Failed, ItemOutcome, item_outcome::Outcome};
    let done = Done {
        revision: 9,
        generation: 9,
        changed: true,
        register_change: 1,
    };
    let failed = Failed {
        reason: "NOT_FOUND".into(),
        message: "gone".into(),
    };
    let outcomes = [Outcome::Done(done), Outcome::Failed(failed)];
    outcomes.map(|outcome| ItemOutcome { outcome: Some(outcome) }).to_vec()
}

#[test]
fn answers_to_reads() {
    let one = (header(), instance());
    let one = one.prop_map(|(header, instance)| pb::GetInstanceResponse {
        header,
        instance: Some(instance),
    });
    fuzz::<Answer<Found>, _>("GetInstanceResponse", one);
    let picked = (header(), instance()).prop_map(|(header, instance)| pb::PickResponse {
        header,
        instance: Some(instance),
        service_known: true,
    });
    fuzz::<Answer<Picked>, _>("PickResponse", picked);
    let several = || (header(), proptest::collection::vec(instance(), 0..4));
    let resolved = several().prop_map(|(header, instances)| pb::ResolveResponse {
        header,
        instances,
        guards: vec![guard(); 2],
        ..pb::ResolveResponse::default()
    });
    fuzz::<Answer<Page<Instances>>, _>("ResolveResponse", resolved);
    let listed = several().prop_map(|(header, instances)| pb::ListInstancesResponse {
        header,
        instances,
        ..pb::ListInstancesResponse::default()
    });
    fuzz::<Answer<Page<Instances>>, _>("ListInstancesResponse", listed);
    let summary = || pb::ServiceSummary {
        name: "payments".into(),
        instances: 7,
        available: 6,
    };
    let listed = answers!(pb::ListServicesResponse {
        services: vec![summary(); 3]
    });
    fuzz::<Answer<Page<Vec<ServiceSummary>>>, _>("ListServicesResponse", listed);
    fuzz::<ServiceSummary, _>("ServiceSummary", Just(summary()));
    fuzz::<super::Header, _>("ResponseHeader", header().prop_map(Option::unwrap));
}

fn member() -> cluster::Member {
    cluster::Member {
        id: 7,
        peer_address: "10.0.0.1:7400".into(),
        client_address: "db.example:7300".into(),
        ..cluster::Member::default()
    }
}

#[test]
fn answers_about_the_cluster() {
    let status = answers!(cluster::StatusResponse {
        role: 1,
        state_hash: "0".repeat(32),
        members: vec![member(); 3],
    });
    fuzz::<Answer<Status>, _>("StatusResponse", status);
    fuzz::<super::Member, _>("Member", Just(member()));
    let listed = answers!(cluster::ListMembersResponse {
        members: vec![member(); 3]
    });
    fuzz::<Answer<MemberList>, _>("ListMembersResponse", listed);
    fuzz::<Answer<Added>, _>(
        "AddMemberResponse",
        answers!(cluster::AddMemberResponse { member_id: 7 }),
    );
    fuzz::<Answer<Removed>, _>(
        "RemoveMemberResponse",
        answers!(cluster::RemoveMemberResponse { existed: true }),
    );
    fuzz::<Answer<()>, _>("ReplaceMemberResponse", answers!(cluster::ReplaceMemberResponse {}));
    fuzz::<Answer<()>, _>("PromoteMemberResponse", answers!(cluster::PromoteMemberResponse {}));
    fuzz::<Answer<()>, _>("DemoteMemberResponse", answers!(cluster::DemoteMemberResponse {}));
    let transferred = answers!(cluster::TransferLeaderResponse { leader_id: 7 });
    fuzz::<Answer<Transferred>, _>("TransferLeaderResponse", transferred);
}

#[test]
fn answers_to_operators() {
    use cluster::override_target::{Disable, Target};
    let target = cluster::OverrideTarget {
        service: "payments".into(),
        target: Some(Target::Disable(Disable { id: "a".into() })),
        ..cluster::OverrideTarget::default()
    };
    let set = cluster::Override {
        target: Some(target),
        reason: "it burns".into(),
        ..cluster::Override::default()
    };
    fuzz::<OverrideState, _>("Override", Just(set.clone()));
    let listed = answers!(cluster::ListOverridesResponse {
        overrides: vec![set.clone(); 3]
    });
    fuzz::<Answer<Page<Vec<OverrideState>>>, _>("ListOverridesResponse", listed);
    fuzz::<Answer<OverrideSet>, _>(
        "SetOverrideResponse",
        answers!(cluster::SetOverrideResponse { changed: true }),
    );
    let cleared = answers!(cluster::ClearOverrideResponse { existed: true });
    fuzz::<Answer<OverrideCleared>, _>("ClearOverrideResponse", cleared);
    let settings = || Some(cluster::ServiceSettings::from(quorate_model::ServiceSettings::default()));
    let shown = answers!(cluster::GetServiceSettingsResponse { settings: settings() });
    fuzz::<Answer<SettingsState>, _>("GetServiceSettingsResponse", shown);
    let set = answers!(cluster::SetServiceSettingsResponse { settings: settings() });
    fuzz::<Answer<SettingsSet>, _>("SetServiceSettingsResponse", set);
}

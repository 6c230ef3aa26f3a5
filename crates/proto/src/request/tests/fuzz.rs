//! Every request, held against hostile bytes: those of a client that speaks protobuf and nothing else.

use proptest::{collection::vec, option};
use prost::Message;
use quorate_fuzz::Fuzz;
use quorate_model::{ExpiresAfter, ServiceSettings};

use super::{
    lease::{grant, id, ids, list, raise, scope},
    once::{request_key, write},
    operator::{patch, spec, target},
    *,
};
use crate::{cluster, convert::InvalidField};

/// Attacks the parser of `R`, which is sent as `M`.
fn fuzz<R, M>(name: &'static str, requests: impl Strategy<Value = R>)
where
    R: TryFrom<M, Error = InvalidField> + PartialEq + std::fmt::Debug,
    M: Message + Default + From<R>,
{
    let encode = |request: R| M::from(request).encode_to_vec();
    let decode = |bytes: &[u8]| R::try_from(M::decode(bytes).ok()?).ok();
    Fuzz::new(name, requests.prop_map(encode)).round_trips(decode, encode);
}

fn keyed<R: std::fmt::Debug>(writes: impl Strategy<Value = R>) -> impl Strategy<Value = Keyed<R>> {
    (writes, option::of(request_key())).prop_map(|(write, key)| Keyed { write, key })
}

#[test]
fn writes() {
    let named = || (strategies::key(), strategies::generation());
    fuzz::<_, pb::RegisterRequest>("RegisterRequest", keyed(register_request()));
    let updates = (named(), strategies::patch());
    let updates = updates.prop_map(|((key, generation), patch)| Update { key, generation, patch });
    fuzz::<_, pb::UpdateRequest>("UpdateRequest", keyed(updates));
    let deregisters = named().prop_map(|(key, generation)| Deregister { key, generation });
    fuzz::<_, pb::DeregisterRequest>("DeregisterRequest", keyed(deregisters));
    let changes = (named(), intent()).prop_map(|((key, generation), (availability, drain))| SetAvailability {
        key,
        generation,
        availability,
        drain,
    });
    fuzz::<_, pb::SetAvailabilityRequest>("SetAvailabilityRequest", keyed(changes));
}

#[test]
fn checks() {
    fuzz::<_, pb::ReportCheckRequest>("ReportCheckRequest", report_check());
    let encode = |check: quorate_model::Check| pb::Check::from(&check).encode_to_vec();
    let decode = |bytes: &[u8]| quorate_model::Check::try_from(pb::Check::decode(bytes).ok()?).ok();
    Fuzz::new("Check", strategies::check().prop_map(encode)).round_trips(decode, encode);
    let encode = |(check, health, output): Told| {
        let state = quorate_model::CheckState {
            health,
            output,
            ..quorate_model::CheckState::unknown()
        };
        pb::CheckState::from((&check, &state)).encode_to_vec()
    };
    let decode = |bytes: &[u8]| Told::try_from(pb::CheckState::decode(bytes).ok()?).ok();
    let told = strategies::check_state().prop_map(|(check, state)| (check, state.health, state.output));
    Fuzz::new("CheckState", told.prop_map(encode)).round_trips(decode, encode);
}

/// What a message tells of a check.
type Told = (quorate_model::Check, quorate_model::Health, quorate_model::CheckOutput);

#[test]
fn batches() {
    let batches = (vec(write(), 1..8), option::of(request_key())).prop_map(|(items, key)| WriteBatch { items, key });
    let valid = batches.prop_map(|batch| pb::WriteBatchRequest::from(batch).encode_to_vec());
    // What is wrong with one item concerns nobody else, and has no way back.
    Fuzz::new("WriteBatchRequest", valid).one_way(|bytes| {
        let message = pb::WriteBatchRequest::decode(bytes);
        message.is_ok_and(|message| WriteBatch::try_from(message).is_ok())
    });
}

#[test]
fn reads() {
    let read = || (strategies::key(), strategies::consistency());
    let gets = read().prop_map(|(key, consistency)| GetInstance { key, consistency });
    fuzz::<_, pb::GetInstanceRequest>("GetInstanceRequest", gets);
    let resolves = (read(), strategies::filter(), strategies::resolve_page());
    let resolves = resolves.prop_map(|((key, consistency), filter, page)| Resolve {
        service: key.service_key(),
        filter,
        consistency,
        page,
    });
    fuzz::<_, pb::ResolveRequest>("ResolveRequest", resolves);
    let picks = (read(), strategies::filter(), strategies::choice());
    let picks = picks.prop_map(|((key, consistency), filter, choice)| Pick {
        service: key.service_key(),
        filter,
        consistency,
        choice,
    });
    fuzz::<_, pb::PickRequest>("PickRequest", picks);
    let services = (read(), any::<usize>(), any::<bool>()).prop_map(|((key, consistency), size, more)| ListServices {
        namespace: key.namespace,
        consistency,
        page: Page::new(size, more.then_some(key.service)),
    });
    fuzz::<_, pb::ListServicesRequest>("ListServicesRequest", services);
    let instances =
        (read(), any::<usize>(), any::<bool>()).prop_map(|((key, consistency), size, more)| ListInstances {
            service: key.service_key(),
            consistency,
            page: Page::new(size, more.then_some(key.id)),
        });
    fuzz::<_, pb::ListInstancesRequest>("ListInstancesRequest", instances);
}

#[test]
fn leases() {
    fuzz::<_, pb::GrantLeaseRequest>("GrantLeaseRequest", grant());
    fuzz::<_, pb::RevokeLeaseRequest>("RevokeLeaseRequest", id().prop_map(|id| RevokeLease { id }));
    let gets = (id(), strategies::consistency()).prop_map(|(id, consistency)| GetLease { id, consistency });
    fuzz::<_, pb::GetLeaseRequest>("GetLeaseRequest", gets);
    fuzz::<_, pb::ListLeasesRequest>("ListLeasesRequest", list());
    fuzz::<_, pb::RenewRequest>("RenewRequest", ids().prop_map(|leases| Renew { leases }));
    let frames = (any::<u64>(), ids()).prop_map(|(frame, leases)| KeepAlive { frame, leases });
    fuzz::<_, pb::KeepAliveRequest>("KeepAliveRequest", frames);
}

#[test]
fn guards() {
    fuzz::<_, cluster::RaiseGuardRequest>("RaiseGuardRequest", raise());
    let drops = scope().prop_map(|scope| DropGuard { scope });
    fuzz::<_, cluster::DropGuardRequest>("DropGuardRequest", drops);
    let lists = strategies::consistency().prop_map(|consistency| ListGuards { consistency });
    fuzz::<_, cluster::ListGuardsRequest>("ListGuardsRequest", lists);
}

#[test]
fn decisions_of_operators() {
    let key = strategies::key;
    let set = (spec(), option::of(1..=31_536_000_000_u64)).prop_map(|(spec, ms)| SetOverride {
        spec,
        expires_after: ms.map(|ms| ExpiresAfter::from_ms(ms).unwrap()),
    });
    fuzz::<_, cluster::SetOverrideRequest>("SetOverrideRequest", set);
    let clear = target().prop_map(|target| ClearOverride { target });
    fuzz::<_, cluster::ClearOverrideRequest>("ClearOverrideRequest", clear);
    let lists = (
        key(),
        any::<bool>(),
        target(),
        any::<usize>(),
        strategies::consistency(),
    );
    let lists = lists.prop_map(|(key, touching, after, size, consistency)| ListOverrides {
        namespace: after.namespace().clone(),
        service: touching.then_some(key.service),
        consistency,
        page: Page::new(size, Some(after)),
    });
    fuzz::<_, cluster::ListOverridesRequest>("ListOverridesRequest", lists);
    let settings = (key(), patch(), any::<bool>()).prop_map(|(key, patch, reset)| SetServiceSettings {
        service: key.service_key(),
        patch,
        reset,
    });
    fuzz::<_, cluster::SetServiceSettingsRequest>("SetServiceSettingsRequest", settings);
    let gets = (key(), strategies::consistency()).prop_map(|(key, consistency)| GetServiceSettings {
        service: key.service_key(),
        consistency,
    });
    fuzz::<_, cluster::GetServiceSettingsRequest>("GetServiceSettingsRequest", gets);
    let settings = patch().prop_map(|patch| ServiceSettings::default().patched(&patch));
    fuzz::<_, cluster::ServiceSettings>("ServiceSettings", settings);
}

#[test]
fn what_is_shown() {
    let encode = |found: quorate_model::Found| pb::Instance::from(&found).encode_to_vec();
    let decode = |bytes: &[u8]| quorate_model::Found::try_from(pb::Instance::decode(bytes).ok()?).ok();
    Fuzz::new("Instance", strategies::found().prop_map(encode)).round_trips(decode, encode);
}

//! Answers in the shape of their JSON: every field of the contract by its name there, always present. An absent
//! text is empty, an absent number is `null`.

use std::collections::BTreeMap;

use quorate_client::{
    Answer, Changed, Deregistered, Header, Instances, LeaseStatus, Member, Picked, Registered, ServiceSummary, Status,
};
use quorate_model::{Endpoint, Found, Incarnation, LeaseId, LogIndex, OverrideKind};
use serde::Serialize;

use super::{
    checks::{self, CheckStateView},
    guard::GuardView,
};

/// Who answered, from which state.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeaderView {
    cluster_id: String,
    epoch: u64,
    pub(super) member_id: u64,
    term: u64,
    pub(super) revision: u64,
    pub(super) leader_id: u64,
    leader_address: String,
    pub(super) staleness_ms: Option<u64>,
    pub(super) guards_raised: u32,
}

/// What `register` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredView {
    pub(super) header: HeaderView,
    pub(super) generation: u64,
    pub(super) change: &'static str,
    pub(super) lease_id: u64,
}

/// What `drain`, `enable` and `disable` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedView {
    pub(super) header: HeaderView,
    pub(super) generation: u64,
    pub(super) changed: bool,
}

/// What `deregister` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeregisteredView {
    pub(super) header: HeaderView,
    pub(super) existed: bool,
}

/// What `resolve` and `instances` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstancesView {
    pub(super) header: HeaderView,
    service_known: bool,
    pub(super) instances: Vec<InstanceView>,
    pub(super) guards: Vec<GuardView>,
}

/// What `pick` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PickedView {
    pub(super) header: HeaderView,
    service_known: bool,
    pub(super) instance: Option<InstanceView>,
}

/// One instance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceView {
    namespace: String,
    service: String,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) endpoints: Vec<EndpointView>,
    pub(super) weight: u16,
    region: String,
    pub(super) zone: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: Vec<String>,
    pub(super) health: &'static str,
    pub(super) availability: &'static str,
    owner: String,
    pub(super) generation: u64,
    create_revision: u64,
    modify_revision: u64,
    registered_at_ms: u64,
    incarnation: u64,
    pub(super) overrides: Vec<&'static str>,
    lease_id: u64,
    pub(super) liveness: &'static str,
    checks: Vec<CheckStateView>,
    drain_remaining_ms: Option<u64>,
}

/// One endpoint.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointView {
    address: String,
    port: u16,
    pub(super) protocol: String,
    /// Address and port as they are written together.
    #[serde(skip)]
    pub(super) shown: String,
}

/// What `services` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicesView {
    pub(super) header: HeaderView,
    pub(super) services: Vec<ServiceView>,
}

/// One service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceView {
    pub(super) name: String,
    pub(super) instances: u32,
    pub(super) available: u32,
}

/// What `status` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusView {
    pub(super) header: HeaderView,
    pub(super) version: String,
    pub(super) role: &'static str,
    pub(super) ready: bool,
    pub(super) last_log_index: u64,
    pub(super) applied_index: u64,
    pub(super) state_hash: String,
    pub(super) services: u64,
    pub(super) instances: u64,
    pub(super) members: Vec<MemberView>,
    pub(super) read_only: String,
    pub(super) free_disk_bytes: Option<u64>,
    pub(super) leases: LeaseStatusView,
}

/// How a member keeps leases.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeaseStatusView {
    pub(super) leases: u64,
    pub(super) lapsed: u64,
    pub(super) armed: bool,
    pub(super) complete: bool,
    renewals: u64,
    uncounted_ms: u64,
    resets: u64,
}

/// One member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberView {
    pub(super) id: u64,
    pub(super) peer_address: String,
    pub(super) client_address: String,
    pub(super) voter: bool,
    pub(super) matched_index: Option<u64>,
    pub(super) last_heard_ms: Option<u64>,
    pub(super) calling: &'static str,
}

impl From<&Header> for HeaderView {
    fn from(header: &Header) -> Self {
        let leader = header.leader.as_ref();
        Self {
            cluster_id: header.cluster_id.to_string(),
            epoch: header.epoch.get(),
            member_id: header.member_id.get(),
            term: header.term.get(),
            revision: header.revision.get(),
            leader_id: leader.map_or(0, |leader| leader.id.get()),
            leader_address: optional(leader.and_then(|leader| leader.address.as_ref())),
            staleness_ms: header.staleness_ms,
            guards_raised: header.guards_raised,
        }
    }
}

impl From<&Answer<Registered>> for RegisteredView {
    fn from(answer: &Answer<Registered>) -> Self {
        Self {
            header: (&answer.header).into(),
            generation: answer.value.generation.get(),
            change: answer.value.change.as_str(),
            lease_id: answer.value.lease.map_or(0, LeaseId::get),
        }
    }
}

impl From<&Answer<Changed>> for ChangedView {
    fn from(answer: &Answer<Changed>) -> Self {
        Self {
            header: (&answer.header).into(),
            generation: answer.value.generation.get(),
            changed: answer.value.changed,
        }
    }
}

impl From<&Answer<Deregistered>> for DeregisteredView {
    fn from(answer: &Answer<Deregistered>) -> Self {
        Self {
            header: (&answer.header).into(),
            existed: answer.value.existed,
        }
    }
}

impl From<&Answer<Instances>> for InstancesView {
    fn from(answer: &Answer<Instances>) -> Self {
        Self {
            header: (&answer.header).into(),
            service_known: answer.value.service_known,
            instances: answer.value.instances.iter().map(InstanceView::from).collect(),
            guards: answer.value.guards.iter().map(GuardView::from).collect(),
        }
    }
}

impl From<&Answer<Picked>> for PickedView {
    fn from(answer: &Answer<Picked>) -> Self {
        Self {
            header: (&answer.header).into(),
            service_known: answer.value.service_known,
            instance: answer.value.instance.as_ref().map(InstanceView::from),
        }
    }
}

impl From<&Found> for InstanceView {
    fn from(instance: &Found) -> Self {
        let (key, spec) = (instance.key(), instance.spec());
        let metadata = spec.metadata().iter();
        Self {
            namespace: key.namespace.to_string(),
            service: key.service.to_string(),
            id: key.id.to_string(),
            version: optional(spec.version()),
            endpoints: spec.endpoints().iter().map(EndpointView::from).collect(),
            weight: instance.weight().get(),
            region: optional(spec.locality().region.as_ref()),
            zone: optional(spec.locality().zone.as_ref()),
            metadata: metadata
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            tags: spec.tags().iter().map(ToString::to_string).collect(),
            health: instance.health().as_str(),
            availability: instance.availability().as_str(),
            owner: optional(spec.holder().owner.as_ref()),
            generation: instance.generation().get(),
            create_revision: instance.create_revision().get(),
            modify_revision: instance.modify_revision().get(),
            registered_at_ms: instance.registered_at_ms(),
            incarnation: spec.holder().incarnation.map_or(0, Incarnation::get),
            overrides: instance.overrides().iter().map(OverrideKind::as_str).collect(),
            lease_id: instance.lease().map_or(0, LeaseId::get),
            liveness: instance.liveness().as_str(),
            checks: checks::of(&instance.instance),
            drain_remaining_ms: instance.standing.drain_remaining_ms,
        }
    }
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            address: endpoint.address.to_string(),
            port: endpoint.port.get(),
            protocol: optional(endpoint.protocol.as_ref()),
            shown: endpoint.to_string(),
        }
    }
}

impl From<&Answer<Vec<ServiceSummary>>> for ServicesView {
    fn from(answer: &Answer<Vec<ServiceSummary>>) -> Self {
        let view = |service: &ServiceSummary| ServiceView {
            name: service.name.to_string(),
            instances: service.instances,
            available: service.available,
        };
        Self {
            header: (&answer.header).into(),
            services: answer.value.iter().map(view).collect(),
        }
    }
}

impl From<&Answer<Status>> for StatusView {
    fn from(answer: &Answer<Status>) -> Self {
        let status = &answer.value;
        Self {
            header: (&answer.header).into(),
            version: status.version.clone(),
            role: status.role.as_str(),
            ready: status.ready,
            last_log_index: status.last_log_index.get(),
            applied_index: status.applied_index.get(),
            state_hash: status.state_hash.to_string(),
            services: status.services,
            instances: status.instances,
            members: status.members.iter().map(MemberView::from).collect(),
            read_only: status.read_only.clone().unwrap_or_default(),
            free_disk_bytes: status.free_disk_bytes,
            leases: (&status.leases).into(),
        }
    }
}

impl From<&LeaseStatus> for LeaseStatusView {
    fn from(status: &LeaseStatus) -> Self {
        Self {
            leases: status.leases,
            lapsed: status.lapsed,
            armed: status.armed,
            complete: status.complete,
            renewals: status.renewals,
            uncounted_ms: u64::try_from(status.uncounted.as_millis()).unwrap_or(u64::MAX),
            resets: status.resets,
        }
    }
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        Self {
            id: member.id.get(),
            peer_address: member.peer_address.to_string(),
            client_address: member.client_address.to_string(),
            voter: member.voter,
            matched_index: member.matched_index.map(LogIndex::get),
            last_heard_ms: member.last_heard_ms,
            calling: member.calling.as_str(),
        }
    }
}

pub(super) fn optional<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

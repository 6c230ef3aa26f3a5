//! Leases, and what is kept by one, for programs and for people.

use std::time::Duration;

use quorate_client::{Answer, LeaseState};
use quorate_model::{Generation, InstanceId, InstanceKey, LeaseId, LeaseKind, NamespaceName, Owner, ServiceName};
use serde::Serialize;

use super::{
    View,
    json::HeaderView,
    operator::about,
    table::{counted, or_nothing, table},
};

/// How many of the instances that a lease keeps are named in a list of leases.
const NAMED_IN_LIST_MAX: usize = 3;

/// What `register --keep-alive` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeptView {
    namespace: String,
    service: String,
    id: String,
    generation: u64,
    lease_id: u64,
}

/// What `lease show` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeaseView {
    header: HeaderView,
    lease: HeldLeaseView,
}

/// What `lease list` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeasesView {
    header: HeaderView,
    leases: Vec<HeldLeaseView>,
}

/// One lease.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldLeaseView {
    id: u64,
    owner: String,
    incarnation: u64,
    ttl_ms: u64,
    granted_at_ms: u64,
    window_start: u64,
    outcomes: u64,
    remove_after_ms: u64,
    lapsed: bool,
    changed_revision: u64,
    instances: Vec<KeptInstanceView>,
    renewed_ago_ms: Option<u64>,
    remaining_ms: Option<u64>,
    own: bool,
}

/// An instance that a lease keeps.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeptInstanceView {
    namespace: String,
    service: String,
    id: String,
}

// === impl KeptView ===

impl KeptView {
    pub(crate) fn new(
        namespace: &NamespaceName,
        service: &ServiceName,
        id: &InstanceId,
        generation: Generation,
        lease: LeaseId,
    ) -> Self {
        Self {
            namespace: namespace.to_string(),
            service: service.to_string(),
            id: id.to_string(),
            generation: generation.get(),
            lease_id: lease.get(),
        }
    }
}

impl View for KeptView {
    fn table(&self) -> String {
        let Self {
            namespace,
            service,
            id,
            generation,
            lease_id,
        } = self;
        format!("registered {namespace}/{service}/{id}, generation {generation}, lease {lease_id}")
    }
}

impl View for LeaseView {
    fn table(&self) -> String {
        let lease = &self.lease;
        let names = [
            "LEASE",
            "OWNER",
            "INCARNATION",
            "TTL",
            "STATE",
            "RENEWED",
            "LAPSES IN",
            "KEPT OUTCOMES",
        ];
        let row = [
            lease.id.to_string(),
            or_nothing(&lease.owner),
            lease.incarnation.to_string(),
            ms(lease.ttl_ms),
            lease.state().to_owned(),
            ago(lease.renewed_ago_ms),
            left(lease.remaining_ms),
            format!("{} from write {}", lease.outcomes, lease.window_start),
        ];
        let instances = table(["KEEPS"], lease.instances.iter().map(|kept| [kept.shown()]));
        let count = counted(lease.instances.len() as u64, "instance");
        format!(
            "{}\n\n{instances}\n\n{count}; {}",
            table(names, [row]),
            self.header.line()
        )
    }
}

impl View for LeasesView {
    fn table(&self) -> String {
        let names = ["LEASE", "OWNER", "TTL", "STATE", "RENEWED", "LAPSES IN", "KEEPS"];
        let leases = table(names, self.leases.iter().map(HeldLeaseView::row));
        let count = counted(self.leases.len() as u64, "lease");
        format!("{leases}\n\n{count}; {}", self.header.line())
    }
}

// === impl HeldLeaseView ===

impl HeldLeaseView {
    fn row(&self) -> [String; 7] {
        let named = self
            .instances
            .iter()
            .take(NAMED_IN_LIST_MAX)
            .map(KeptInstanceView::shown);
        let mut keeps: Vec<String> = named.collect();
        if self.instances.len() > NAMED_IN_LIST_MAX {
            keeps.push("…".to_owned());
        }
        [
            self.id.to_string(),
            or_nothing(&self.owner),
            ms(self.ttl_ms),
            self.state().to_owned(),
            ago(self.renewed_ago_ms),
            left(self.remaining_ms),
            or_nothing(&keeps.join(",")),
        ]
    }

    fn state(&self) -> &'static str {
        if self.lapsed { "lapsed" } else { "live" }
    }
}

// === impl KeptInstanceView ===

impl KeptInstanceView {
    fn shown(&self) -> String {
        let Self { namespace, service, id } = self;
        format!("{namespace}/{service}/{id}")
    }
}

fn ms(ms: u64) -> String {
    about(Duration::from_millis(ms))
}

fn ago(known: Option<u64>) -> String {
    known.map_or_else(|| or_nothing(""), |time| format!("{} ago", ms(time)))
}

fn left(known: Option<u64>) -> String {
    known.map_or_else(|| or_nothing(""), ms)
}

impl From<&Answer<LeaseState>> for LeaseView {
    fn from(answer: &Answer<LeaseState>) -> Self {
        Self {
            header: (&answer.header).into(),
            lease: (&answer.value).into(),
        }
    }
}

impl From<&Answer<Vec<LeaseState>>> for LeasesView {
    fn from(answer: &Answer<Vec<LeaseState>>) -> Self {
        Self {
            header: (&answer.header).into(),
            leases: answer.value.iter().map(HeldLeaseView::from).collect(),
        }
    }
}

impl From<&LeaseState> for HeldLeaseView {
    fn from(state: &LeaseState) -> Self {
        let lease = &state.lease;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            id: lease.id.get(),
            owner: lease.owner.as_ref().map(Owner::to_string).unwrap_or_default(),
            incarnation: lease.incarnation.get(),
            ttl_ms: lease.ttl.as_ms(),
            granted_at_ms: lease.granted_at_ms,
            window_start: state.window_start.get(),
            outcomes: state.outcomes,
            remove_after_ms: lease.remove_after.as_ms(),
            lapsed: state.lapsed,
            changed_revision: state.changed_revision.get(),
            instances: state.instances.iter().map(KeptInstanceView::from).collect(),
            renewed_ago_ms: state.renewed_ago.map(ms),
            remaining_ms: state.remaining.map(ms),
            own: lease.kind == LeaseKind::Own,
        }
    }
}

impl From<&InstanceKey> for KeptInstanceView {
    fn from(key: &InstanceKey) -> Self {
        Self {
            namespace: key.namespace.to_string(),
            service: key.service.to_string(),
            id: key.id.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::{Incarnation, Lease, LeaseTtl, RemoveAfter, Revision, Sequence};

    use super::{super::tests::*, *};

    fn live() -> LeaseState {
        let kept = |id: usize| InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "payments".parse().unwrap(),
            id: format!("payments-{id}").parse().unwrap(),
        };
        LeaseState {
            lease: Lease {
                id: LeaseId::new(41),
                owner: Some("pod-7".parse().unwrap()),
                incarnation: Incarnation::try_from(9).unwrap(),
                ttl: LeaseTtl::default(),
                remove_after: RemoveAfter::of(LeaseTtl::default()),
                kind: LeaseKind::Granted,
                granted_at_ms: 1_760_000_000_000,
            },
            window_start: Sequence::FIRST,
            outcomes: 3,
            lapsed: false,
            changed_revision: Revision::new(41),
            instances: (1..=4).map(kept).collect(),
            renewed_ago: Some(Duration::from_millis(1_200)),
            remaining: Some(Duration::from_millis(13_800)),
        }
    }

    fn lapsed() -> LeaseState {
        let LeaseState { lease, .. } = live();
        LeaseState {
            lease: Lease {
                id: LeaseId::new(42),
                owner: None,
                kind: LeaseKind::Own,
                ..lease
            },
            lapsed: true,
            changed_revision: Revision::new(50),
            instances: Vec::new(),
            renewed_ago: None,
            remaining: None,
            ..live()
        }
    }

    #[test]
    fn lease_show_prints_the_lease_and_what_it_keeps() {
        check("lease-show", &LeaseView::from(&answer(live())));
    }

    #[test]
    fn lease_list_prints_each_in_a_line() {
        check("lease-list", &LeasesView::from(&answer(vec![live(), lapsed()])));
    }

    #[test]
    fn register_keep_alive_prints_one_line() {
        let view = KeptView::new(
            &NamespaceName::default(),
            &"payments".parse().unwrap(),
            &"a".parse().unwrap(),
            Generation::new(42),
            LeaseId::new(41),
        );
        assert_eq!(view.table().lines().count(), 1);
        check("register-keep-alive", &view);
    }
}

//! Metrics: what a member says of itself to Prometheus and its like, at `GET /metrics` of the client door, in the
//! [text format]. By HTTP/1.1 as well, which is what scrapers speak.
//!
//! They are read from the member's status when they are asked for, so that nothing is counted twice and a member that
//! nobody scrapes pays nothing. Names and units are Prometheus': seconds, and `_total` behind what only grows.
//!
//! [text format]: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

use std::time::Duration;

use axum::{Router, extract::State, routing};
use http::{StatusCode, header::CONTENT_TYPE};
use metrics::{counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use quorate_model::{Consistency, GuardScope};
use quorate_registry::{Answer, GuardList, Header, LeaseStatus, NodeStatus, Registry, Role};
use quorate_state::RaisedGuard;
use tonic::service::Routes;

/// Where they are asked for.
const PATH: &str = "/metrics";

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Guards that are named in one answer: a time series for each of some thousand services would cost whoever scrapes
/// more than it tells. `quorate_guards_raised` counts all of them.
const GUARDS_NAMED_MAX: usize = 1_000;

/// The guards are read as this member knows them, which takes no time.
const READ_TIME_MAX: Duration = Duration::from_secs(1);

/// Adds the metrics of the member whose registry it is to what is served at a door.
pub fn beside(routes: Routes, registry: Registry) -> Routes {
    let metrics = Router::new().route(PATH, routing::get(answer)).with_state(registry);
    routes.into_axum_router().merge(metrics).into()
}

async fn answer(
    State(registry): State<Registry>,
) -> Result<([(http::HeaderName, &'static str); 1], String), StatusCode> {
    let guards = registry.list_guards(Consistency::Stale, READ_TIME_MAX).await;
    let guards = guards.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let text = render(&registry.status(), &guards.value);
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text))
}

/// All metrics as text. The recorder is this answer's own: several members may live in one process.
fn render(status: &Answer<NodeStatus>, guards: &GuardList) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        record_header(&status.header);
        record_member(&status.value);
        record_leases(&status.value.leases);
        guards.guards.iter().take(GUARDS_NAMED_MAX).for_each(record_guard);
    });
    recorder.handle().render()
}

fn record_header(header: &Header) {
    describe_gauge!("quorate_info", "Who answers: always 1");
    let cluster_id = header.cluster_id.to_string();
    let member_id = header.member_id.to_string();
    let version = env!("CARGO_PKG_VERSION");
    gauge!("quorate_info", "cluster_id" => cluster_id, "member_id" => member_id, "version" => version).set(1.0);
    tell(
        "quorate_term",
        "The term of raft that the member is in",
        float(header.term.get()),
    );
    tell(
        "quorate_revision",
        "The revision of the state that the member answers from",
        float(header.revision.get()),
    );
    tell(
        "quorate_guards_raised",
        "Guards that are raised in the cluster",
        float(header.guards_raised),
    );
    if let Some(staleness) = header.staleness {
        tell(
            "quorate_staleness_seconds",
            "By how much the member's state may be older than the leader's; absent while nobody knows",
            staleness.as_secs_f64(),
        );
    }
}

fn record_member(status: &NodeStatus) {
    tell(
        "quorate_leader",
        "Whether the member leads",
        flag(status.role == Role::Leader),
    );
    tell("quorate_ready", "Whether the member serves", flag(status.ready));
    tell(
        "quorate_read_only",
        "Whether the cluster takes nothing that makes it grow",
        flag(status.read_only.is_some()),
    );
    tell(
        "quorate_log_last_index",
        "The last log entry that the member has",
        float(status.last_log.get()),
    );
    tell(
        "quorate_log_applied_index",
        "The last log entry that the member has applied",
        float(status.applied.get()),
    );
    tell("quorate_members", "Members of the cluster", float(status.members.len()));
    tell("quorate_services", "Services in all namespaces", float(status.services));
    tell(
        "quorate_instances",
        "Instances in all namespaces",
        float(status.instances),
    );
    if let Some(free_bytes) = status.free_disk_bytes {
        tell(
            "quorate_disk_free_bytes",
            "Bytes that are free on the disk of the member's data",
            float(free_bytes),
        );
    }
}

fn record_leases(status: &LeaseStatus) {
    tell(
        "quorate_leases",
        "Leases in the cluster, lapsed ones too",
        float(status.leases),
    );
    tell(
        "quorate_leases_lapsed",
        "Leases that have lapsed and not yet expired",
        float(status.lapsed),
    );
    tell(
        "quorate_lessor_armed",
        "Whether the member would let leases lapse now",
        flag(status.armed),
    );
    tell(
        "quorate_lessor_complete",
        "Whether the member knows of all renewals that it has ever confirmed to a leader",
        flag(status.complete),
    );
    describe_counter!("quorate_renewals_total", "Renewals that came in through the member");
    counter!("quorate_renewals_total").absolute(status.renewals);
    describe_counter!(
        "quorate_lease_resets_total",
        "Times that the member, as a new leader, gave every lease its full time to live"
    );
    counter!("quorate_lease_resets_total").absolute(status.resets);
    tell(
        "quorate_lease_uncounted_seconds",
        "Time since the member started that counted for no lease: it did not run, or no quorum confirmed a leader",
        status.uncounted.as_secs_f64(),
    );
}

fn record_guard(raised: &RaisedGuard) {
    let (kind, target) = labels(&raised.scope);
    let cause = raised.guard.cause.as_str();
    describe_gauge!(
        "quorate_guard_leased_instances",
        "Instances with leases in the scope of a raised guard"
    );
    gauge!("quorate_guard_leased_instances", "scope" => kind, "target" => target.clone(), "cause" => cause)
        .set(float(raised.leased));
    describe_gauge!(
        "quorate_guard_suspect_instances",
        "Instances that stay in answers, flagged as suspect, because a guard is raised"
    );
    gauge!("quorate_guard_suspect_instances", "scope" => kind, "target" => target, "cause" => cause)
        .set(float(raised.suspect));
}

/// One value, and what it means.
fn tell(name: &'static str, meaning: &'static str, value: f64) {
    describe_gauge!(name, meaning);
    gauge!(name).set(value);
}

/// What kind of scope it is, and which one.
fn labels(scope: &GuardScope) -> (&'static str, String) {
    match scope {
        GuardScope::Service(service) => ("service", service.to_string()),
        GuardScope::Zone(zone) => ("zone", zone.to_string()),
        GuardScope::Namespace(namespace) => ("namespace", namespace.to_string()),
        GuardScope::Cluster => ("cluster", String::new()),
    }
}

/// The number as Prometheus keeps all numbers: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
fn float<N: TryInto<u64>>(number: N) -> f64 {
    number.try_into().unwrap_or(u64::MAX) as f64
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

#[cfg(test)]
mod tests;

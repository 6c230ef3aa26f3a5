//! Checks of an instance and what they have found, in the shape of their JSON.

use std::collections::BTreeMap;

use quorate_model::{Check, CheckState, GrpcProbe, HttpProbe, Instance, Probe, Tls};
use serde::Serialize;

use super::json::optional;

/// A check, and what it has found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckStateView {
    check: CheckView,
    health: &'static str,
    output: String,
}

/// A check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckView {
    name: String,
    endpoint: u8,
    #[serde(flatten)]
    probe: ProbeView,
    interval_ms: u64,
    timeout_ms: u64,
    rise: u32,
    fall: u32,
    vantage_points: u8,
    vantage_quorum: u8,
}

/// What is done, under the name of its kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum ProbeView {
    Http {
        path: String,
        method: &'static str,
        headers: BTreeMap<String, String>,
        status_min: u16,
        status_max: u16,
        body_contains: String,
        tls: Option<TlsView>,
    },
    Tcp {},
    Grpc {
        service: String,
        tls: Option<TlsView>,
    },
    Reported {},
}

/// How TLS is spoken.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TlsView {
    skip_verify: bool,
    server_name: String,
    ca_pem: String,
}

/// The checks of an instance, in their order.
pub(super) fn of(instance: &Instance) -> Vec<CheckStateView> {
    let checks = instance.spec().checks().iter();
    checks.zip(instance.check_states()).map(CheckStateView::from).collect()
}

impl From<(&Check, &CheckState)> for CheckStateView {
    fn from((check, state): (&Check, &CheckState)) -> Self {
        let pace = check.pace.parts();
        Self {
            check: CheckView {
                name: check.name.to_string(),
                endpoint: check.endpoint.get(),
                probe: (&check.probe).into(),
                interval_ms: pace.interval_ms,
                timeout_ms: pace.timeout_ms,
                rise: pace.rise,
                fall: pace.fall,
                vantage_points: check.vantage.points(),
                vantage_quorum: check.vantage.quorum(),
            },
            health: state.health.as_str(),
            output: state.output.to_string(),
        }
    }
}

impl From<&Probe> for ProbeView {
    fn from(probe: &Probe) -> Self {
        match probe {
            Probe::Http(probe) => Self::http(probe),
            Probe::Tcp => Self::Tcp {},
            Probe::Grpc(GrpcProbe { service, tls }) => Self::Grpc {
                service: optional(service.as_ref()),
                tls: tls.as_ref().map(TlsView::from),
            },
            Probe::Reported => Self::Reported {},
        }
    }
}

// === impl ProbeView ===

impl ProbeView {
    fn http(probe: &HttpProbe) -> Self {
        let parts = probe.parts();
        let headers = parts.headers.iter();
        Self::Http {
            path: parts.path.to_string(),
            method: parts.method.as_str(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            status_min: parts.status.min(),
            status_max: parts.status.max(),
            body_contains: optional(parts.body_contains.as_ref()),
            tls: parts.tls.as_ref().map(TlsView::from),
        }
    }
}

impl From<&Tls> for TlsView {
    fn from(tls: &Tls) -> Self {
        Self {
            skip_verify: tls.skip_verify,
            server_name: optional(tls.server_name.as_ref()),
            ca_pem: optional(tls.ca_pem.as_ref()),
        }
    }
}

//! The frozen format of checks: how they are made, and what they have found.

use quorate_model::{
    Check, CheckOutput, CheckState, Checks, EndpointPlace, Generation, GrpcProbe, Health, HttpMethod, HttpProbe,
    HttpProbeParts, InvalidValue, MemberId, Pace, PaceParts, Probe, ProbeHeaders, StatusRange, Tls, Vantage, Verdict,
};
use serde::{Deserialize, Serialize};

use super::{
    mirror::mirror,
    value::{AddressV1, KeyV1, Text, optional_text, parse_optional, text},
};
use crate::CheckReport;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckV1 {
    name: Text,
    endpoint: u8,
    probe: ProbeV1,
    interval_ms: u64,
    timeout_ms: u64,
    rise: u32,
    fall: u32,
    vantage_points: u8,
    vantage_quorum: u8,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ProbeV1 {
    Http(HttpProbeV1),
    Tcp,
    Grpc { service: Option<Text>, tls: Option<TlsV1> },
    Reported,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HttpProbeV1 {
    path: Text,
    method: HttpMethodV1,
    /// In the order of the names.
    headers: Vec<(Text, Text)>,
    status_min: u16,
    status_max: u16,
    body_contains: Option<Text>,
    tls: Option<TlsV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HttpMethodV1 {
    Get,
    Head,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TlsV1 {
    skip_verify: bool,
    server_name: Option<AddressV1>,
    ca_pem: Option<Text>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckStateV1 {
    health: HealthV1,
    /// In the order of the members.
    votes: Vec<(u64, VerdictV1)>,
    output: Text,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HealthV1 {
    Passing,
    Warning,
    Critical,
    Unknown,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum VerdictV1 {
    Passing,
    Warning,
    Critical,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckReportV1 {
    key: KeyV1,
    generation: u64,
    check: Text,
    verdict: VerdictV1,
    output: Text,
}

pub(super) fn checks_v1(checks: &Checks) -> Vec<CheckV1> {
    checks.iter().map(CheckV1::from).collect()
}

pub(super) fn parse_checks(checks: Vec<CheckV1>) -> Result<Checks, InvalidValue> {
    let checks: Result<Vec<Check>, InvalidValue> = checks.into_iter().map(Check::try_from).collect();
    checks?.try_into()
}

// === impl CheckV1 ===

impl From<&Check> for CheckV1 {
    fn from(check: &Check) -> Self {
        let pace = check.pace.parts();
        Self {
            name: text(&check.name),
            endpoint: check.endpoint.get(),
            probe: (&check.probe).into(),
            interval_ms: pace.interval_ms,
            timeout_ms: pace.timeout_ms,
            rise: pace.rise,
            fall: pace.fall,
            vantage_points: check.vantage.points(),
            vantage_quorum: check.vantage.quorum(),
        }
    }
}

impl TryFrom<CheckV1> for Check {
    type Error = InvalidValue;

    fn try_from(check: CheckV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            name: check.name.try_into()?,
            endpoint: EndpointPlace::try_from(u32::from(check.endpoint))?,
            probe: check.probe.try_into()?,
            pace: Pace::new(PaceParts {
                interval_ms: check.interval_ms,
                timeout_ms: check.timeout_ms,
                rise: check.rise,
                fall: check.fall,
            })?,
            vantage: Vantage::new(check.vantage_points.into(), Some(check.vantage_quorum.into()))?,
        })
    }
}

// === impl ProbeV1 ===

impl From<&Probe> for ProbeV1 {
    fn from(probe: &Probe) -> Self {
        match probe {
            Probe::Http(http) => Self::Http(http.parts().into()),
            Probe::Tcp => Self::Tcp,
            Probe::Grpc(GrpcProbe { service, tls }) => Self::Grpc {
                service: optional_text(service.as_ref()),
                tls: tls.as_ref().map(TlsV1::from),
            },
            Probe::Reported => Self::Reported,
        }
    }
}

impl TryFrom<ProbeV1> for Probe {
    type Error = InvalidValue;

    fn try_from(probe: ProbeV1) -> Result<Self, InvalidValue> {
        Ok(match probe {
            ProbeV1::Http(http) => Self::Http(Box::new(HttpProbe::new(http.try_into()?)?)),
            ProbeV1::Tcp => Self::Tcp,
            ProbeV1::Grpc { service, tls } => Self::Grpc(GrpcProbe {
                service: parse_optional(service)?,
                tls: tls.map(Tls::try_from).transpose()?,
            }),
            ProbeV1::Reported => Self::Reported,
        })
    }
}

// === impl HttpProbeV1 ===

impl From<&HttpProbeParts> for HttpProbeV1 {
    fn from(parts: &HttpProbeParts) -> Self {
        let headers = parts.headers.iter();
        Self {
            path: text(&parts.path),
            method: parts.method.into(),
            headers: headers.map(|(name, value)| (text(name), text(value))).collect(),
            status_min: parts.status.min(),
            status_max: parts.status.max(),
            body_contains: optional_text(parts.body_contains.as_ref()),
            tls: parts.tls.as_ref().map(TlsV1::from),
        }
    }
}

impl TryFrom<HttpProbeV1> for HttpProbeParts {
    type Error = InvalidValue;

    fn try_from(http: HttpProbeV1) -> Result<Self, InvalidValue> {
        let headers = http.headers.into_iter();
        let headers = headers.map(|(name, value)| Ok((name.try_into()?, value.try_into()?)));
        Ok(Self {
            path: http.path.try_into()?,
            method: http.method.into(),
            headers: ProbeHeaders::try_from(headers.collect::<Result<Vec<_>, InvalidValue>>()?)?,
            status: StatusRange::new(http.status_min.into(), http.status_max.into())?,
            body_contains: parse_optional(http.body_contains)?,
            tls: http.tls.map(Tls::try_from).transpose()?,
        })
    }
}

// === impl TlsV1 ===

impl From<&Tls> for TlsV1 {
    fn from(tls: &Tls) -> Self {
        Self {
            skip_verify: tls.skip_verify,
            server_name: tls.server_name.as_ref().map(AddressV1::from),
            ca_pem: optional_text(tls.ca_pem.as_ref()),
        }
    }
}

impl TryFrom<TlsV1> for Tls {
    type Error = InvalidValue;

    fn try_from(tls: TlsV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            skip_verify: tls.skip_verify,
            server_name: tls.server_name.map(TryInto::try_into).transpose()?,
            ca_pem: parse_optional(tls.ca_pem)?,
        })
    }
}

// === impl CheckStateV1 ===

impl From<&CheckState> for CheckStateV1 {
    fn from(state: &CheckState) -> Self {
        let votes = state.votes.iter();
        Self {
            health: state.health.into(),
            votes: votes
                .map(|(member, verdict)| (member.get(), (*verdict).into()))
                .collect(),
            output: text(&state.output),
        }
    }
}

impl TryFrom<CheckStateV1> for CheckState {
    type Error = InvalidValue;

    fn try_from(state: CheckStateV1) -> Result<Self, InvalidValue> {
        let votes = state.votes.into_iter();
        let votes = votes.map(|(member, verdict)| Ok((MemberId::try_from(member)?, verdict.into())));
        let votes: Vec<(MemberId, Verdict)> = votes.collect::<Result<_, InvalidValue>>()?;
        if !votes.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Err(InvalidValue::new("votes", "they are not in the order of the members"));
        }
        Ok(Self {
            health: state.health.into(),
            votes,
            output: CheckOutput::try_from(state.output)?,
        })
    }
}

// === impl CheckReportV1 ===

impl From<&CheckReport> for CheckReportV1 {
    fn from(report: &CheckReport) -> Self {
        Self {
            key: (&report.key).into(),
            generation: report.generation.get(),
            check: text(&report.check),
            verdict: report.verdict.into(),
            output: text(&report.output),
        }
    }
}

impl TryFrom<CheckReportV1> for CheckReport {
    type Error = InvalidValue;

    fn try_from(report: CheckReportV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            key: report.key.try_into()?,
            generation: Generation::new(report.generation),
            check: report.check.try_into()?,
            verdict: report.verdict.into(),
            output: report.output.try_into()?,
        })
    }
}

// === impl HttpMethodV1, HealthV1, VerdictV1 ===

mirror!(HttpMethod, HttpMethodV1: Get, Head);
mirror!(Health, HealthV1: Passing, Warning, Critical, Unknown);
mirror!(Verdict, VerdictV1: Passing, Warning, Critical);

//! Checks, to and from their messages. A number that is 0 and a text that is empty leave the usual value.

use std::collections::HashMap;

use quorate_model::{
    Check, CheckOutput, CheckState, Checks, GrpcProbe, HeaderName, HeaderValue, Health, HttpMethod, HttpProbe,
    HttpProbeParts, Pace, PaceParts, Probe, ProbeHeaders, StatusRange, Tls, Vantage, Verdict, limits,
};

use crate::{
    convert::{
        self, InvalidField,
        field::{Field as _, optional, optional_to_wire, text},
    },
    registry::{self as pb, check as parts},
};

/// The checks that a message states for an instance.
pub fn checks(messages: Vec<pb::Check>) -> Result<Checks, InvalidField> {
    // Counted first: a list that is too long anyway is not worth the parsing.
    let messages = messages.into_iter().take(limits::CHECKS_MAX + 1).enumerate();
    let parsed: Result<Vec<Check>, InvalidField> = messages
        .map(|(index, message)| Check::try_from(message).map_err(|error| error.within(&format!("checks[{index}]"))))
        .collect();
    Checks::try_from(parsed?).field("checks")
}

/// The messages for the checks of an instance.
pub fn checks_to_wire(checks: &Checks) -> Vec<pb::Check> {
    checks.iter().map(pb::Check::from).collect()
}

/// The checks of an instance with the state of each.
pub(crate) fn check_states(messages: Vec<pb::CheckState>) -> Result<(Checks, Box<[CheckState]>), InvalidField> {
    let (mut checks, mut states) = (Vec::new(), Vec::new());
    for (index, message) in messages.into_iter().take(limits::CHECKS_MAX + 1).enumerate() {
        let told = message.try_into();
        let (check, health, output) = told.map_err(|error: InvalidField| error.within(&format!("checks[{index}]")))?;
        checks.push(check);
        states.push(CheckState {
            health,
            output,
            ..CheckState::unknown()
        });
    }
    Ok((Checks::try_from(checks).field("checks")?, states.into()))
}

/// What somebody who has looked says: a health that is known.
pub(crate) fn verdict(number: i32) -> Result<Verdict, InvalidField> {
    Verdict::try_from(convert::health(number)?).field("health")
}

// === impl Check ===

impl From<&Check> for pb::Check {
    fn from(check: &Check) -> Self {
        let (pace, vantage) = (check.pace.parts(), check.vantage);
        Self {
            name: check.name.to_string(),
            endpoint: check.endpoint.get().into(),
            probe: Some(probe_to_wire(&check.probe)),
            interval_ms: pace.interval_ms,
            timeout_ms: pace.timeout_ms,
            rise: pace.rise,
            fall: pace.fall,
            vantage_points: vantage.points().into(),
            vantage_quorum: vantage.quorum().into(),
        }
    }
}

impl TryFrom<pb::Check> for Check {
    type Error = InvalidField;

    fn try_from(message: pb::Check) -> Result<Self, InvalidField> {
        let pace = pace(&message)?;
        let vantage_quorum = Some(message.vantage_quorum).filter(|quorum| *quorum != 0);
        let vantage = Vantage::new(or(message.vantage_points, 1), vantage_quorum);
        Ok(Self {
            name: text("name", message.name)?,
            endpoint: message.endpoint.try_into().field("endpoint")?,
            probe: probe(message.probe)?,
            pace,
            vantage: vantage.map_err(|problem| {
                let field = problem.what();
                InvalidField::new(field, problem)
            })?,
        })
    }
}

/// `number`, unless it is 0, which leaves the usual value.
fn or<N: PartialEq + Default>(number: N, usual: N) -> N {
    if number == N::default() { usual } else { number }
}

fn pace(message: &pb::Check) -> Result<Pace, InvalidField> {
    let usual = PaceParts::default();
    let interval_ms = or(message.interval_ms, usual.interval_ms);
    let pace = Pace::new(PaceParts {
        interval_ms,
        timeout_ms: or(message.timeout_ms, usual.timeout_ms.min(interval_ms)),
        rise: or(message.rise, usual.rise),
        fall: or(message.fall, usual.fall),
    });
    pace.map_err(|problem| {
        let field = problem.what();
        InvalidField::new(field, problem)
    })
}

fn probe(message: Option<parts::Probe>) -> Result<Probe, InvalidField> {
    match message {
        Some(parts::Probe::Http(message)) => {
            let probe = http(message).map_err(|error| error.within("http"))?;
            Ok(Probe::Http(Box::new(probe)))
        }
        Some(parts::Probe::Tcp(parts::TcpProbe {})) => Ok(Probe::Tcp),
        Some(parts::Probe::Grpc(message)) => {
            let probe = grpc(message).map_err(|error| error.within("grpc"))?;
            Ok(Probe::Grpc(probe))
        }
        Some(parts::Probe::Reported(parts::ReportedCheck {})) => Ok(Probe::Reported),
        // A probe of a newer contract arrives as none at all.
        None => Err(InvalidField::missing(
            "probe",
            "one that this version knows: http, tcp, grpc or reported",
        )),
    }
}

fn probe_to_wire(probe: &Probe) -> parts::Probe {
    match probe {
        Probe::Http(http) => parts::Probe::Http(http_to_wire(http)),
        Probe::Tcp => parts::Probe::Tcp(parts::TcpProbe {}),
        Probe::Grpc(GrpcProbe { service, tls }) => parts::Probe::Grpc(parts::GrpcProbe {
            service: optional_to_wire(service.as_ref()),
            tls: tls.as_ref().map(tls_to_wire),
        }),
        Probe::Reported => parts::Probe::Reported(parts::ReportedCheck {}),
    }
}

fn http(message: parts::HttpProbe) -> Result<HttpProbe, InvalidField> {
    let min = or(message.status_min, StatusRange::MIN_DEFAULT);
    let status = StatusRange::new(min, or(message.status_max, StatusRange::MAX_DEFAULT));
    let parts = HttpProbeParts {
        path: optional("path", message.path)?.unwrap_or_default(),
        method: match message.method.as_str() {
            "" => HttpMethod::default(),
            method => method.parse().field("method")?,
        },
        headers: headers(message.headers)?,
        status: status.field("status_max")?,
        body_contains: optional("body_contains", message.body_contains)?,
        tls: message.tls.map(tls).transpose()?,
    };
    // What does not go together is no single field's fault.
    HttpProbe::new(parts).field("probe")
}

fn http_to_wire(http: &HttpProbe) -> parts::HttpProbe {
    let HttpProbeParts {
        path,
        method,
        headers,
        status,
        body_contains,
        tls,
    } = http.parts();
    parts::HttpProbe {
        path: path.to_string(),
        method: method.as_str().to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        status_min: status.min().into(),
        status_max: status.max().into(),
        body_contains: optional_to_wire(body_contains.as_ref()),
        tls: tls.as_ref().map(tls_to_wire),
    }
}

fn headers(entries: HashMap<String, String>) -> Result<ProbeHeaders, InvalidField> {
    let mut parsed = Vec::new();
    for (name, value) in entries {
        let name = HeaderName::try_from(name).field("headers")?;
        let value =
            HeaderValue::try_from(value).map_err(|problem| InvalidField::new(format!("headers[{name}]"), problem))?;
        parsed.push((name, value));
    }
    ProbeHeaders::try_from(parsed).field("headers")
}

fn grpc(message: parts::GrpcProbe) -> Result<GrpcProbe, InvalidField> {
    Ok(GrpcProbe {
        service: optional("service", message.service)?,
        tls: message.tls.map(tls).transpose()?,
    })
}

fn tls(message: parts::Tls) -> Result<Tls, InvalidField> {
    let parse = |message: parts::Tls| {
        Ok(Tls {
            skip_verify: message.skip_verify,
            server_name: optional("server_name", message.server_name)?,
            ca_pem: optional("ca_pem", message.ca_pem)?,
        })
    };
    parse(message).map_err(|error: InvalidField| error.within("tls"))
}

fn tls_to_wire(tls: &Tls) -> parts::Tls {
    parts::Tls {
        skip_verify: tls.skip_verify,
        server_name: optional_to_wire(tls.server_name.as_ref()),
        ca_pem: optional_to_wire(tls.ca_pem.as_ref()),
    }
}

// === impl CheckState ===

impl From<(&Check, &CheckState)> for pb::CheckState {
    fn from((check, state): (&Check, &CheckState)) -> Self {
        Self {
            check: Some(check.into()),
            health: convert::health_to_wire(state.health).into(),
            output: state.output.to_string(),
        }
    }
}

/// What a message tells of a check: how it is made, and what follows from what was found. Who has found what, it does
/// not tell.
impl TryFrom<pb::CheckState> for (Check, Health, CheckOutput) {
    type Error = InvalidField;

    fn try_from(message: pb::CheckState) -> Result<Self, InvalidField> {
        let check = message
            .check
            .ok_or_else(|| InvalidField::missing("check", "the check"))?;
        Ok((
            Check::try_from(check).map_err(|error| error.within("check"))?,
            convert::health(message.health)?,
            text("output", message.output)?,
        ))
    }
}

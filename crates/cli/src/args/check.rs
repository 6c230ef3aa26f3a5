//! Flags that say how an instance is checked.

use std::time::Duration;

use clap::{ArgGroup, Args};
use quorate_model::{
    Check, Checks, GrpcProbe, GrpcServiceName, HttpProbe, HttpProbeParts, Pace, PaceParts, Probe, ProbePath,
};

use super::duration;
use crate::failure::Failure;

/// How an instance is checked by the members: each of them over its address and port.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("check").args(["check_http", "check_tcp", "check_grpc"]).multiple(true))]
pub(super) struct CheckArgs {
    /// Have the members ask for this path over HTTP: it is well if the answer is 2xx.
    #[arg(id = "check_http", long = "check-http", value_name = "PATH")]
    http: Option<ProbePath>,
    /// Have the members connect to it over TCP.
    #[arg(id = "check_tcp", long = "check-tcp")]
    tcp: bool,
    /// Have the members ask its grpc.health.v1: for the server as a whole, or for one service.
    #[arg(id = "check_grpc", long = "check-grpc", value_name = "SERVICE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "the flag is absent, alone, or has a value")]
    grpc: Option<Option<GrpcServiceName>>,
    /// How often it is checked: every 10 s unless told otherwise.
    #[arg(id = "check_interval", long = "check-interval", value_name = "TIME", value_parser = duration::parse, requires = "check")]
    interval: Option<Duration>,
    /// How long a check waits for an answer: 2 s unless told otherwise, and no longer than the interval.
    #[arg(id = "check_timeout", long = "check-timeout", value_name = "TIME", value_parser = duration::parse, requires = "check")]
    timeout: Option<Duration>,
}

// === impl CheckArgs ===

impl CheckArgs {
    /// The checks that are asked for, each named after its kind.
    pub(super) fn checks(&self) -> Result<Checks, Failure> {
        let http = self.http.as_ref().map(http).transpose()?;
        let tcp = self.tcp.then_some(Probe::Tcp);
        let grpc = self.grpc.as_ref().map(|service| {
            Probe::Grpc(GrpcProbe {
                service: service.clone(),
                tls: None,
            })
        });
        let pace = self.pace()?;
        let asked = [("http", http), ("tcp", tcp), ("grpc", grpc)];
        let checks = asked.into_iter().filter_map(|(name, probe)| {
            let name = name.parse().expect("it is a name");
            probe.map(|probe| Check {
                pace,
                ..Check::new(name, probe)
            })
        });
        let checks: Vec<Check> = checks.collect();
        Ok(checks.try_into().expect("three are few, and have names of their own"))
    }

    fn pace(&self) -> Result<Pace, Failure> {
        let usual = PaceParts::default();
        let interval_ms = self.interval.map_or(usual.interval_ms, ms);
        let timeout_ms = self.timeout.map_or(usual.timeout_ms.min(interval_ms), ms);
        let parts = PaceParts {
            interval_ms,
            timeout_ms,
            ..usual
        };
        Pace::new(parts).map_err(|problem| Failure::flag("--check-interval and --check-timeout", &problem))
    }
}

fn http(path: &ProbePath) -> Result<Probe, Failure> {
    let parts = HttpProbeParts {
        path: path.clone(),
        ..HttpProbeParts::default()
    };
    let probe = HttpProbe::new(parts).map_err(|problem| Failure::flag("--check-http", &problem))?;
    Ok(Probe::Http(Box::new(probe)))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a time on the command line is a day at most")
}

//! One probe: reaches an endpoint, asks, and says whether the answer is good.

mod grpc;
mod http;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use quorate_consensus::BoxIo;
use quorate_model::{CheckOutput, Clock, Endpoint, Probe, Tls};
use tokio::time::timeout;

use super::{Probing, Target, dial, trust::Encryption};

/// What a probe has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) is_good: bool,
    /// Whether nothing had come when the time was over.
    pub(super) timed_out: bool,
    /// What there was, in words.
    pub(super) output: CheckOutput,
}

/// Makes probes. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Prober {
    probing: Probing,
    encryption: Arc<Encryption>,
}

/// Why an answer is not good, in words.
type Problem = String;

// === impl Found ===

impl From<Result<String, Problem>> for Found {
    fn from(found: Result<String, Problem>) -> Self {
        let is_good = found.is_ok();
        let words = found.unwrap_or_else(|problem| problem);
        Self {
            is_good,
            timed_out: false,
            output: CheckOutput::cut(&words),
        }
    }
}

// === impl Prober ===

impl Prober {
    pub(super) fn new(probing: Probing, clock: Arc<dyn Clock>) -> Self {
        Self {
            encryption: Arc::new(Encryption::new(probing.trust.clone(), clock)),
            probing,
        }
    }

    /// Looks at the target once, for no longer than it may take.
    pub(super) async fn look(&self, target: &Target) -> Found {
        let time_max = target.check().pace.timeout();
        // Whatever answers is not ours: if it finds a way to break a library of ours, that is a bad result and not the
        // end of one member after the other.
        let looked = AssertUnwindSafe(timeout(time_max, self.ask(target)))
            .catch_unwind()
            .await;
        match looked {
            Ok(Ok(found)) => found.into(),
            Ok(Err(_elapsed)) => Found {
                timed_out: true,
                ..Err(no_answer(time_max)).into()
            },
            Err(_panic) => Err("the answer broke the probe".to_owned()).into(),
        }
    }

    async fn ask(&self, target: &Target) -> Result<String, Problem> {
        let endpoint = target.endpoint();
        match &target.check().probe {
            Probe::Tcp => {
                self.connect(endpoint, None, &[]).await?;
                Ok("connected".to_owned())
            }
            Probe::Http(probe) => {
                let io = self.connect(endpoint, probe.parts().tls.as_ref(), b"http/1.1").await?;
                http::ask(io, probe, endpoint).await
            }
            Probe::Grpc(probe) => {
                let io = self.connect(endpoint, probe.tls.as_ref(), b"h2").await?;
                grpc::ask(io, probe, endpoint).await
            }
            Probe::Reported => Err("nobody is to look".to_owned()),
        }
    }

    async fn connect(&self, endpoint: &Endpoint, tls: Option<&Tls>, protocol: &'static [u8]) -> Result<BoxIo, Problem> {
        let Probing { dial, policy, .. } = &self.probing;
        let io = dial::reach(&**dial, policy, endpoint).await;
        let io = io.map_err(|error| error.to_string())?;
        let Some(tls) = tls else {
            return Ok(io);
        };
        let begun = self.encryption.begin(io, tls, &endpoint.address, protocol).await;
        begun.map_err(|error| error.to_string())
    }
}

fn no_answer(time_max: Duration) -> Problem {
    format!("no answer within {} ms", time_max.as_millis())
}

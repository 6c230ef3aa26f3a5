//! Requests about checks.

use quorate_model::{CheckName, CheckOutput, Generation, InstanceKey, Verdict};

use crate::{
    convert::{self, InvalidField, field::text},
    registry as pb,
    request::write::key,
};

/// See `Registry.ReportCheck`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportCheck {
    /// The instance.
    pub key: InstanceKey,
    /// The only generation that may be touched; any, if absent.
    pub generation: Option<Generation>,
    /// Which of its checks.
    pub check: CheckName,
    /// What was found.
    pub verdict: Verdict,
    /// What it is told with.
    pub output: CheckOutput,
}

// === impl ReportCheck ===

impl TryFrom<pb::ReportCheckRequest> for ReportCheck {
    type Error = InvalidField;

    fn try_from(message: pb::ReportCheckRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            key: key(message.namespace, message.service, message.id)?,
            generation: message.generation.map(Generation::new),
            check: text("check", message.check)?,
            verdict: convert::verdict(message.health)?,
            output: text("output", message.output)?,
        })
    }
}

impl From<ReportCheck> for pb::ReportCheckRequest {
    fn from(request: ReportCheck) -> Self {
        Self {
            namespace: request.key.namespace.into(),
            service: request.key.service.into(),
            id: request.key.id.into(),
            generation: request.generation.map(Generation::get),
            check: request.check.into(),
            health: convert::health_to_wire(request.verdict.into()).into(),
            output: request.output.into(),
        }
    }
}

//! What the node probes, and whom it trusts then.

use std::path::{Path, PathBuf};

use quorate_model::InvalidValue;
use quorate_registry::{Network, ProbePolicy};

use super::{ConfigError, layers::Layers, settings::Settings};

/// What the node probes, and whom it trusts then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    policy: ProbePolicy,
    ca_file: Option<PathBuf>,
}

// === impl Probes ===

impl Probes {
    pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        const REFUSE: &str = "probe_refuse";
        const ALLOW: &str = "probe_allow";
        let refused = |key, problem: InvalidValue| layers.refuse(key, problem.to_string());
        let policy = networks(&settings.probe_refuse).and_then(ProbePolicy::new);
        let policy = policy.map_err(|problem| refused(REFUSE, problem))?;
        let allowed = networks(&settings.probe_allow);
        let policy = allowed.and_then(|allowed| policy.allow(allowed));
        Ok(Self {
            policy: policy.map_err(|problem| refused(ALLOW, problem))?,
            ca_file: settings.probe_ca_file.as_ref().map(PathBuf::from),
        })
    }

    /// What is probed, and what is not whoever asks for it.
    pub fn policy(&self) -> &ProbePolicy {
        &self.policy
    }

    /// The certificates, in PEM, that are trusted where a check names none; without it, nobody is.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }
}

fn networks(texts: &[String]) -> Result<Vec<Network>, InvalidValue> {
    texts.iter().map(|text| text.parse()).collect()
}

//! What a node writes to stderr.

use tracing_subscriber::EnvFilter;

use super::{ConfigError, layers::Layers, settings::Settings};

/// Raft's own lines are for those who debug raft: it warns at every try to reach a member that is down, dozens of
/// times a second. A filter that names openraft itself comes after this, and wins.
const QUIET: &str = "openraft=error";

/// What a node writes to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    format: LogFormat,
    filter: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

// === impl Logging ===

impl Logging {
    pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        let format = match settings.log_format.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => return Err(layers.refuse("log_format", format!("{other:?} is not allowed; it is text or json"))),
        };
        let filter = format!("{QUIET},{}", settings.log_level);
        if EnvFilter::try_new(&filter).is_err() || settings.log_level.trim().is_empty() {
            let problem = format!(
                "{:?} is no filter; write error, warn, info, debug, trace or off, or a list such as \
                 info,quorate_registry=debug",
                settings.log_level
            );
            return Err(layers.refuse("log_level", problem));
        }
        Ok(Self { format, filter })
    }

    /// How a line looks.
    pub fn format(&self) -> LogFormat {
        self.format
    }

    /// Which lines are written.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::try_new(&self.filter).expect("it was accepted when it was parsed")
    }
}

//! The life of a server process, from its configuration to its exit code.

use std::process::ExitCode;

use crate::{Config, telemetry};

/// Runs a node until it is told to stop by SIGTERM or SIGINT, or fails. Blocks; logs to stderr, prints nothing
/// to stdout.
///
/// A second signal ends the process at once. The exit code is 0 after a graceful stop and 1 after a failure,
/// which was logged in one line then.
pub fn run(config: &Config) -> ExitCode {
    telemetry::start(config.logging());
    tracing::error!("this build holds no node yet");
    ExitCode::FAILURE
}

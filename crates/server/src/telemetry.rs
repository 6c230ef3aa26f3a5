//! What the process says about itself: log lines on stderr.

use std::io;

use tracing_subscriber::fmt;

use crate::config::{LogFormat, Logging};

/// Sends the log lines of the whole process to stderr, from here on. Does nothing if they go somewhere already,
/// as they do in a process that runs several nodes.
pub(crate) fn start(logging: &Logging) {
    let lines = fmt().with_env_filter(logging.filter()).with_writer(io::stderr);
    let started = match logging.format() {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "log lines go somewhere already");
    }
}

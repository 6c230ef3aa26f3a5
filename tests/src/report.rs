//! What a test says of itself past the runner's capture: that it was skipped, and what it measured.

use std::{fmt::Display, io::Write as _};

/// Says on the standard error stream that the calling test is skipped, and why.
///
/// The line starts with `SKIPPED: `, carries the name of the test, and bypasses the test runner's capture:
/// `.ci/run` counts these lines.
pub fn skip(reason: &str) {
    say("SKIPPED", &reason);
}

/// Says on the standard error stream what the calling test has measured, with its unit.
///
/// The line starts with `FIGURE: ` and bypasses the test runner's capture.
pub fn figure(what: impl Display) {
    say("FIGURE", &what);
}

fn say(kind: &str, what: &dyn Display) {
    let thread = std::thread::current();
    let line = format!("\n{kind}: {}: {what}\n", thread.name().unwrap_or("a test"));
    // Nothing can be told to anyone when even the error stream is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

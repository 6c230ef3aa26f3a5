//! The harness: what the tests of the whole system stand on.
//!
//! A test whose environment lacks something it needs calls [`skip`] and returns: skipped tests are counted
//! and shown at the end of a run, so that a green run never hides what it did not check.

use std::io::Write as _;

/// Says on the standard error stream that the calling test is skipped, and why.
///
/// The line starts with `SKIPPED: `, carries the name of the test, and bypasses the test runner's capture:
/// `.ci/run` counts these lines.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("\nSKIPPED: {}: {reason}\n", thread.name().unwrap_or("a test"));
    // Nothing can be told to anyone when even the error stream is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

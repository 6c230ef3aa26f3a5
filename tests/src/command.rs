//! `quorate` commands that come to an end by themselves.

use std::{
    ffi::OsStr,
    process::{Command, ExitStatus},
    time::Duration,
};

use crate::binary;

/// Longer than any command that is expected to end: it has hung.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    status: ExitStatus,
    /// All that it wrote to the standard output stream.
    pub stdout: String,
    /// All that it wrote to the standard error stream.
    pub stderr: String,
}

/// Runs `quorate` with `arguments` to its end.
pub async fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Finished {
    run_with(arguments, &[]).await
}

/// Runs `quorate` with `arguments` and environment variables to its end.
pub async fn run_with<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    environment: &[(&str, &str)],
) -> Finished {
    let mut command = binary::quorate();
    command.args(arguments).envs(environment.iter().copied());
    finish(command).await
}

/// Runs an example of the SDK to its end, against the members at `endpoints`.
pub async fn run_example(name: &str, endpoints: &str) -> Finished {
    let mut command = binary::example(name);
    command.env("QUORATE_ENDPOINTS", endpoints);
    finish(command).await
}

async fn finish(command: Command) -> Finished {
    let shown = format!("{command:?}");
    let output = tokio::process::Command::from(command).kill_on_drop(true).output();
    let output = tokio::time::timeout(HANGS_AFTER, output)
        .await
        .unwrap_or_else(|_| panic!("did not end within {HANGS_AFTER:?}: {shown}"))
        .expect("the binary can be run");
    Finished {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

// === impl Finished ===

impl Finished {
    /// Its exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the calling test unless the command has ended with `code`.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "it is called for its check; more can be asked of it"
    )]
    pub fn exited_with(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self:#?}");
        self
    }

    /// Fails the calling test unless the command has said on the error stream, in one line, all of `parts`.
    #[track_caller]
    pub fn said(&self, parts: &[&str]) {
        let has_line = self
            .stderr
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(has_line, "no line with all of {parts:?}: {self:#?}");
    }
}

//! A place for one server that is to be refused, or is to stand alone.

use std::{fs, path::PathBuf};

use quorate_tests::{Doors, Finished, Loopback, Process, READY_WITHIN, ensure, eventually, run};
use tempfile::TempDir;

/// A directory and doors for a server that is to be refused.
pub(crate) struct Bench {
    pub(crate) files: TempDir,
    loopback: Loopback,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            files: TempDir::with_prefix("quorate-test-").expect("a temporary directory can be made"),
            loopback: Loopback::claim(),
        }
    }

    pub(crate) fn doors(&self) -> Doors {
        Doors {
            client: self.loopback.port(7_300),
            peer: self.loopback.port(7_400),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.files.path().join("data")
    }

    /// The command line of a server here.
    pub(crate) fn server(&self, flags: &[&str]) -> Vec<String> {
        let mut arguments = vec!["server".to_owned(), format!("--data-dir={}", self.data().display())];
        arguments.extend(self.doors().flags());
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        arguments
    }

    /// A server here that founds a cluster and serves.
    pub(crate) async fn start(&self) -> Process {
        let process = Process::start(self.files.path(), "server", self.server(&["--bootstrap"]));
        let endpoints = format!("--endpoints={}", self.doors().client);
        eventually(READY_WITHIN, "the server answers", async || {
            let finished = run(["services", &endpoints, "--timeout=1s"]).await;
            ensure(finished.code() == Some(0), format!("{finished:?}\n{}", process.log()))
        })
        .await;
        process
    }

    pub(crate) async fn check_config(&self, file: &str) -> Finished {
        let path = self.files.path().join("quorate.toml");
        fs::write(&path, file).expect("the directory can be written");
        run([
            "server",
            "--check-config",
            "--config",
            path.to_str().expect("a plain path"),
        ])
        .await
    }
}

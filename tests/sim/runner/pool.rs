//! Runs in processes of their own, several at a time.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{SHOWN_LINES, now, options};
use crate::verdict::Verdict;

/// A run that takes longer hangs: it takes some seconds, and some minutes without optimisation on a busy machine.
const RUN_MAX: Duration = Duration::from_secs(600);

/// Between two looks at the processes that run.
const LOOK: Duration = Duration::from_millis(20);

/// Seeds to be run, and those that are.
pub(super) struct Pool {
    waiting: VecDeque<u64>,
    running: Vec<Running>,
    processes: usize,
    environment: Vec<(&'static str, String)>,
}

/// A run in another process.
struct Running {
    seed: u64,
    child: Child,
    files: tempfile::TempDir,
    begun: Instant,
}

// === impl Pool ===

impl Pool {
    /// Runs these seeds, so many at a time, with these environment variables.
    pub(super) fn new(
        seeds: impl IntoIterator<Item = u64>,
        processes: usize,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            waiting: seeds.into_iter().collect(),
            running: Vec::new(),
            processes,
            environment,
        }
    }

    /// Waits for the next run that ends; nothing, if all have.
    pub(super) fn next(&mut self) -> Option<Verdict> {
        loop {
            while self.running.len() < self.processes
                && let Some(seed) = self.waiting.pop_front()
            {
                self.running.push(Running::start(seed, &self.environment));
            }
            if self.running.is_empty() {
                return None;
            }
            for place in 0..self.running.len() {
                if let Some(verdict) = self.running[place].verdict() {
                    self.running.swap_remove(place);
                    return Some(verdict);
                }
            }
            std::thread::sleep(LOOK);
        }
    }
}

// === impl Running ===

impl Running {
    fn start(seed: u64, environment: &[(&str, String)]) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str| fs::File::create(files.path().join(name)).expect("a file in a directory of ours");
        let child = Command::new(std::env::current_exe().expect("a program knows where it is"))
            .args([options::ONE, &seed.to_string()])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("a program can be run again");
        Self {
            seed,
            child,
            files,
            begun: now(),
        }
    }

    /// What came of it, once it has ended.
    fn verdict(&mut self) -> Option<Verdict> {
        let ended = self.child.try_wait().expect("a child can be waited for");
        if ended.is_none() && self.begun.elapsed() < RUN_MAX {
            return None;
        }
        let problem = match ended {
            None => {
                // It may have ended this very moment.
                drop(self.child.kill());
                drop(self.child.wait());
                format!("it has not ended within {RUN_MAX:?}")
            }
            Some(status) => match self.told() {
                Some(verdict) if status.success() => return Some(verdict),
                Some(_) | None => format!("it ended with {status}"),
            },
        };
        let errors = read(&self.files.path().join("err"));
        let lines: Vec<&str> = errors.lines().collect();
        let tail = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        Some(Verdict::failed(self.seed, format!("{problem}\n{tail}")))
    }

    fn told(&self) -> Option<Verdict> {
        let output = read(&self.files.path().join("out"));
        let line = output.lines().last()?;
        Verdict::from_json(&serde_json::from_str(line).ok()?)
    }
}

fn read(path: &Path) -> String {
    fs::read(path).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

//! A process under test: its signals, its end, and what it wrote.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{binary, eventually};

/// Lines of a log that are shown when a test fails.
const TAIL_LINES: usize = 40;

/// What a process is started in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// A command, with its arguments, that becomes the process it is given.
    pub within: Vec<String>,
    /// Environment variables.
    pub environment: Vec<(String, OsString)>,
}

/// A `quorate` process that writes to files. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

// === impl Process ===

impl Process {
    /// Starts `quorate` with `arguments`. What it writes is appended to `name.out` and `name.log` in `directory`.
    pub fn start<S: AsRef<OsStr>>(directory: &Path, name: &str, arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_with(directory, name, arguments, &[])
    }

    /// The same, with environment variables.
    pub fn start_with<S: AsRef<OsStr>>(
        directory: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let environment = environment.iter();
        let surroundings = Surroundings {
            within: Vec::new(),
            environment: environment
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        Self::start_in(&surroundings, directory, name, arguments)
    }

    /// The same, in these surroundings.
    pub fn start_in<S: AsRef<OsStr>>(
        surroundings: &Surroundings,
        directory: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let output = directory.join(format!("{name}.out"));
        let log = directory.join(format!("{name}.log"));
        let child = binary::quorate_within(&surroundings.within)
            .args(arguments)
            .envs(surroundings.environment.iter().map(|(name, value)| (name, value)))
            .stdout(append(&output))
            .stderr(append(&log))
            .spawn()
            .expect("the binary can be run");
        Self { child, output, log }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        // A child that has not been waited for still has its id: no other process can get the signal.
        assert_eq!(self.exit_status(), None, "the process has ended before {signal:?}");
        kill_process(Pid::from_child(&self.child), signal).expect("a child takes signals");
    }

    /// Whether all of its threads have stopped. One that is told to takes its time on a busy machine.
    pub fn is_stopped(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.id())).expect("a child has threads");
        threads.flatten().all(|thread| {
            // `id (name) state …`, where a name may contain anything. A thread that is gone does nothing either.
            let stat = read(&thread.path().join("stat"));
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// Kills it: no time for anything.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits until it ends.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let id = self.id();
        eventually(within, "the process ends", async || {
            self.exit_status().ok_or_else(|| format!("process {id} still runs"))
        })
        .await
    }

    /// What it wrote to the standard output stream.
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// What it wrote to the standard error stream.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Shows the end of a log.
    #[expect(
        clippy::print_stderr,
        reason = "the test runner captures it and shows it with the failed test"
    )]
    pub(crate) fn show_log(log: &Path) {
        let text = read(log);
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        eprintln!(
            "== {}, last {} of {} lines\n{}",
            log.display(),
            tail.len(),
            lines.len(),
            tail.join("\n")
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A log is what it is: a process that is killed may leave half a character.
fn read(path: &Path) -> String {
    fs::read(path).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

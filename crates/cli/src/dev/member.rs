//! One member: a server process of its own, started from the same binary.

use std::{
    env, fs,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio, id},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::plan::Plan;
use crate::failure::Failure;

/// How much of the end of a log is looked at for the last line.
const LOG_TAIL_LEN: u64 = 4 << 10;

/// A member that has been started.
#[derive(Debug)]
pub(super) struct Member {
    number: u8,
    child: Child,
    pid: Pid,
    log_file: PathBuf,
}

// === impl Member ===

impl Member {
    /// Starts the process of the member with this number.
    pub(super) fn start(plan: &Plan, number: u8) -> Result<Self, Failure> {
        let log_file = plan.log_file(number);
        let child = Self::spawn(plan, number, &log_file)
            .map_err(|error| Failure::Failed(format!("member {number} cannot be started: {error}")))?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        Ok(Self {
            number,
            child,
            pid: pid.expect("a child that nobody has waited for has a process id"),
            log_file,
        })
    }

    fn spawn(plan: &Plan, number: u8, log_file: &Path) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(log_file)?;
        let mut command = Command::new(env::current_exe()?);
        command
            .args(plan.arguments(number))
            .arg(format!("--die-with-parent={}", id()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C reaches the supervisor alone, which stops the members in its own way.
            .process_group(0)
            .kill_on_drop(true);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUORATE_")) {
            command.env_remove(name);
        }
        // Nobody relies on this cluster when a disk is full: the space is better left to whoever develops.
        command.env("QUORATE_DISK_BALLAST_BYTES", "0");
        command.spawn()
    }

    pub(super) fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How the process has ended, in words, if it has.
    pub(super) fn exited(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(self.explain(status))
    }

    /// Asks the process to stop.
    pub(super) fn terminate(&mut self) {
        if self.is_running() {
            // It may have ended by itself; its process id is taken until it has been waited for.
            let _ended = kill_process(self.pid, Signal::TERM);
        }
    }

    /// Ends the process, if it still runs, and waits for its end.
    pub(super) async fn kill(&mut self) {
        let _ended = self.child.kill().await;
    }

    fn explain(&self, status: ExitStatus) -> String {
        let said = last_line(&self.log_file).map_or(String::new(), |line| format!("; the last it said: {line}"));
        format!(
            "member {} (pid {}) has ended with {status}{said}",
            self.number,
            self.pid()
        )
    }
}

/// The last line of a log that says anything.
fn last_line(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let len = fs::metadata(path).ok()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(LOG_TAIL_LEN))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    tail.lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

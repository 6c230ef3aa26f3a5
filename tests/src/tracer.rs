//! System calls of a running process that fail, or take their time, as long as a tracer is attached to it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Member, ensure, eventually};

/// How long strace may take to attach to all threads of a process.
const ATTACHED_WITHIN: Duration = Duration::from_secs(20);

/// What happens to each sync of a file's data, which is what makes a write durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection {
    /// The first of each thread fails as that of a broken disk does.
    SyncFails,
    /// Each takes so much longer.
    SyncTakes(Duration),
}

/// An `strace` that is attached to a member. It lets go of it when it is dropped.
#[derive(Debug)]
pub struct Tracer {
    strace: Child,
    trace: PathBuf,
}

// === impl Injection ===

impl Injection {
    fn argument(self) -> String {
        match self {
            Self::SyncFails => "inject=fdatasync:error=EIO:when=1".to_owned(),
            Self::SyncTakes(time) => format!("inject=fdatasync:delay_enter={}", time.as_micros()),
        }
    }
}

// === impl Tracer ===

impl Tracer {
    /// Attaches to `member`, whose syncs are spoiled from when this returns.
    pub async fn attach(member: &Member, injection: Injection) -> Self {
        let process = member.process_id();
        let trace = member.data().with_extension("trace");
        let said = member.data().with_extension("strace");
        let strace = Command::new("strace")
            .args(["-f", "-p", &process.to_string(), "-e", "trace=fdatasync", "-e"])
            .arg(injection.argument())
            .arg("-o")
            .arg(&trace)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).expect("the directory can be written"))
            .spawn()
            .expect("strace can be run");
        let tracer = Self { strace, trace };
        eventually(ATTACHED_WITHIN, "strace is attached", async || {
            let said = fs::read_to_string(&said).unwrap_or_default();
            ensure(said.contains("attached"), said)
        })
        .await;
        tracer
    }

    /// How many syncs it has spoiled so far.
    pub fn spoiled(&self) -> usize {
        let trace = fs::read_to_string(&self.trace).unwrap_or_default();
        let is_spoiled = |line: &&str| line.contains("(INJECTED)") || line.contains("(DELAYED)");
        trace.lines().filter(is_spoiled).count()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It lets go of the process in order. An error means that it has ended with it.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::TERM);
        let _ = self.strace.wait();
    }
}

//! The thread on which raft lives, alone with what other members ask.

use std::{
    io,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The name of the thread.
const NAME: &str = "raft";

/// A thread with a runtime of its own.
pub(super) struct RaftThread {
    handle: Handle,
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

// === impl RaftThread ===

impl RaftThread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            // Whoever drops the other end does not wait for the thread either.
            let time_max = runtime.block_on(stopped).unwrap_or_default();
            runtime.shutdown_timeout(time_max);
        })?;
        Ok(Self { handle, stop, thread })
    }

    /// Where tasks are started on the thread.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Drops all tasks and ends the thread. Blocking calls of theirs are waited for at most `time_max`.
    pub(super) fn stop(self, time_max: Duration) {
        if self.stop.send(time_max).is_err() || self.thread.join().is_err() {
            tracing::warn!("the thread {NAME} had panicked");
        }
    }
}

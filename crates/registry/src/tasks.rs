//! Tasks: named, joined, and with a policy for when one ends. Whatever of ours lives on in a node is one of them;
//! raft and the servers of the doors see to their own.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use quorate_consensus::runtime::held;
use tokio::{runtime::Handle, sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What it means for the node when a task ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The node cannot work without it: if it ends or panics before it was told to stop, the node has to stop.
    Essential,
    /// It may end. If it panics, that is logged.
    Expendable,
}

/// An essential task ended though nobody had told it to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task {name} {how}: the node cannot go on")]
pub struct TaskFailure {
    /// The task.
    pub name: &'static str,
    /// What it did.
    pub how: String,
}

/// Tasks did not end in time after they were told to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tasks still run: {}", names.join(", "))]
pub struct StillRunning {
    /// Which.
    pub names: Vec<&'static str>,
}

/// The tasks of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runtime: Handle,
    tracker: TaskTracker,
    stopping: CancellationToken,
    failure: watch::Sender<Option<TaskFailure>>,
    names: Names,
}

/// The names of the tasks that run, for the report of those that do not end.
#[derive(Debug, Default)]
struct Names {
    next: AtomicU64,
    /// Held for one change of the map, never across an await.
    running: Mutex<BTreeMap<u64, &'static str>>,
}

// === impl Tasks ===

impl Tasks {
    /// Tasks that run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        let shared = Shared {
            runtime,
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
            failure: watch::Sender::default(),
            names: Names::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Runs a task that may be dropped at any of its waits: it is, when the node stops.
    pub fn spawn(&self, name: &'static str, policy: Policy, task: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.shared.stopping.clone();
        let task = async move {
            stopping.run_until_cancelled_owned(task).await;
        };
        self.spawn_finishing(name, policy, task);
    }

    /// Runs a task that watches [`Tasks::stopping`] and ends by itself: it is waited for when the node stops.
    pub fn spawn_finishing(&self, name: &'static str, policy: Policy, task: impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let task = async move {
            let id = shared.names.add(name);
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            shared.names.remove(id);
            shared.ended(name, policy, ended.err().map(|panic| describe(&*panic)));
        };
        // The one place that leaves a task running: all of ours are named and joined.
        self.shared.tracker.spawn_on(held(task), &self.shared.runtime);
    }

    /// Is cancelled when the node stops.
    pub fn stopping(&self) -> CancellationToken {
        self.shared.stopping.clone()
    }

    /// Waits until an essential task has ended though nobody had told it to: the node has to stop then.
    pub async fn failed(&self) -> TaskFailure {
        let mut failure = self.shared.failure.subscribe();
        loop {
            if let Some(failure) = failure.borrow_and_update().clone() {
                return failure;
            }
            // Never an error: `self` holds the sender.
            let _ = failure.changed().await;
        }
    }

    /// Tells all tasks to stop and waits until they have, at most `time_max`.
    pub async fn stop(&self, time_max: Duration) -> Result<(), StillRunning> {
        self.shared.stopping.cancel();
        self.shared.tracker.close();
        let stopped = timeout(time_max, self.shared.tracker.wait()).await;
        stopped.map_err(|_| StillRunning {
            names: self.shared.names.running(),
        })
    }
}

// === impl Shared ===

impl Shared {
    fn ended(&self, name: &'static str, policy: Policy, panic: Option<String>) {
        let told = self.stopping.is_cancelled();
        let how = match (panic, policy) {
            (Some(message), _) => format!("panicked: {message}"),
            (None, Policy::Essential) if !told => "ended early".to_owned(),
            (None, Policy::Essential | Policy::Expendable) => return,
        };
        tracing::error!(task = name, "a task {how}");
        match policy {
            Policy::Essential => self.fail(TaskFailure { name, how }),
            Policy::Expendable => {}
        }
    }

    /// Only the first failure counts: the others are likely to follow from it.
    fn fail(&self, failure: TaskFailure) {
        self.failure.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }
}

// === impl Names ===

impl Names {
    fn add(&self, name: &'static str) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, name);
        id
    }

    fn remove(&self, id: u64) {
        self.lock().remove(&id);
    }

    fn running(&self) -> Vec<&'static str> {
        self.lock().values().copied().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, &'static str>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn an_essential_task_that_ends_early_fails_the_node() {
        let tasks = Tasks::new(Handle::current());
        tasks.spawn("brief", Policy::Essential, async {});
        let failure = tasks.failed().await;
        assert_eq!((failure.name, failure.how.as_str()), ("brief", "ended early"));
    }

    #[tokio::test]
    async fn a_panic_is_caught_and_told_with_its_message() {
        let tasks = Tasks::new(Handle::current());
        tasks.spawn("broken", Policy::Essential, async { panic!("at {}", 7) });
        assert_eq!(tasks.failed().await.how, "panicked: at 7");
    }

    #[tokio::test]
    async fn an_expendable_task_may_end() {
        let tasks = Tasks::new(Handle::current());
        tasks.spawn("guest", Policy::Expendable, async {});
        tasks.spawn("broken guest", Policy::Expendable, async { panic!("alas") });
        tasks.stop(LONG).await.unwrap();
        assert_eq!(tasks.failed().now_or_never(), None);
    }

    #[tokio::test]
    async fn all_tasks_are_stopped_and_joined() {
        let tasks = Tasks::new(Handle::current());
        let (done, was_done) = tokio::sync::oneshot::channel();
        let stopping = tasks.stopping();
        tasks.spawn("endless", Policy::Essential, std::future::pending());
        tasks.spawn_finishing("tidy", Policy::Essential, async move {
            stopping.cancelled().await;
            done.send(()).unwrap();
        });
        tasks.stop(LONG).await.unwrap();
        was_done.await.unwrap();
        assert_eq!(tasks.failed().now_or_never(), None, "they were told to");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_is_named() {
        let tasks = Tasks::new(Handle::current());
        tasks.spawn_finishing("stubborn", Policy::Expendable, std::future::pending());
        tokio::task::yield_now().await;
        let error = tasks.stop(LONG).await.unwrap_err();
        assert_eq!(error.names, ["stubborn"]);
    }
}

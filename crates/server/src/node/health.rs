//! Whether a node asks to be given requests: ready, and not about to stop.
//!
//! A disk that is nearly full is no reason: the member answers reads and takes what makes the catalog smaller, and
//! what would make it grow is refused by every other member too.

use std::sync::Arc;

use quorate_registry::{Policy, Tasks};
use tokio::sync::watch;

/// What keeps a node from asking for requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Health {
    stopping: Arc<watch::Sender<bool>>,
}

// === impl Health ===

impl Health {
    /// The health of a node that is `ready` or not, and where it is told.
    pub(super) fn start(mut ready: watch::Receiver<bool>, tasks: &Tasks) -> (Self, watch::Receiver<bool>) {
        let stopping = Arc::new(watch::Sender::new(false));
        let (serving, told) = watch::channel(false);
        let mut seen = stopping.subscribe();
        tasks.spawn("serving", Policy::Essential, async move {
            loop {
                let now = *ready.borrow_and_update() && !*seen.borrow_and_update();
                serving.send_if_modified(|before| std::mem::replace(before, now) != now);
                let changed = tokio::select! {
                    changed = ready.changed() => changed,
                    changed = seen.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
            }
        });
        (Self { stopping }, told)
    }

    /// Says that the node is about to stop.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;

    #[tokio::test]
    async fn a_node_serves_when_it_is_ready_and_not_about_to_stop() {
        let tasks = Tasks::new(Handle::current());
        let (ready, ready_told) = watch::channel(false);
        let (health, mut told) = Health::start(ready_told, &tasks);
        assert!(!*told.borrow());

        ready.send_replace(true);
        told.wait_for(|serving| *serving).await.unwrap();
        health.stop();
        told.wait_for(|serving| !serving).await.unwrap();
    }
}

//! Whether a node asks to be given requests: ready, with room on its disk, and not about to stop.

use std::sync::Arc;

use quorate_registry::{Policy, Tasks};
use tokio::sync::watch;

/// What keeps a node from asking for requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Health {
    obstacles: Arc<watch::Sender<Obstacles>>,
}

/// What is in the way, besides not being ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Obstacles {
    disk_low: bool,
    stopping: bool,
}

// === impl Health ===

impl Health {
    /// The health of a node that is `ready` or not, and where it is told.
    pub(super) fn start(mut ready: watch::Receiver<bool>, tasks: &Tasks) -> (Self, watch::Receiver<bool>) {
        let obstacles = Arc::new(watch::Sender::new(Obstacles::default()));
        let (serving, told) = watch::channel(false);
        let mut seen = obstacles.subscribe();
        tasks.spawn("serving", Policy::Essential, async move {
            loop {
                let now = *ready.borrow_and_update() && *seen.borrow_and_update() == Obstacles::default();
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
        (Self { obstacles }, told)
    }

    /// Says whether there is too little free disk.
    pub(super) fn set_disk_low(&self, disk_low: bool) {
        self.obstacles.send_modify(|obstacles| obstacles.disk_low = disk_low);
    }

    /// Says that the node is about to stop.
    pub(super) fn stop(&self) {
        self.obstacles.send_modify(|obstacles| obstacles.stopping = true);
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;

    #[tokio::test]
    async fn a_node_serves_when_it_is_ready_and_nothing_is_in_the_way() {
        let tasks = Tasks::new(Handle::current());
        let (ready, ready_told) = watch::channel(false);
        let (health, mut told) = Health::start(ready_told, &tasks);
        assert!(!*told.borrow());

        ready.send_replace(true);
        told.wait_for(|serving| *serving).await.unwrap();
        health.set_disk_low(true);
        told.wait_for(|serving| !serving).await.unwrap();
        health.set_disk_low(false);
        told.wait_for(|serving| *serving).await.unwrap();
        health.stop();
        told.wait_for(|serving| !serving).await.unwrap();
    }
}
